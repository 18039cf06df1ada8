package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

// hangups ends calls whose callers have closed their connections. The HTTP engine does not read a connection while its request is being
// answered, so nobody would notice; a held call would keep its place in the queue and then spend the vendor's budget for nobody. Only
// calls that wait for something are watched, and their sockets are peeked at a few times a second.
type hangups struct {
	ctx context.Context

	mu      sync.Mutex
	watched map[*Call]syscall.RawConn
	running bool
}

// peekEvery is how long a caller's leaving may go unnoticed.
const peekEvery = 200 * time.Millisecond

func newHangups(ctx context.Context) *hangups {
	return &hangups{ctx: ctx, watched: map[*Call]syscall.RawConn{}}
}

// watch ends call when conn's peer has gone, until the call ends by itself.
func (h *hangups) watch(call *Call, conn net.Conn) {
	raw := rawConn(conn)
	if raw == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched[call] = raw
	if !h.running {
		h.running = true
		go h.run()
	}
}

// run peeks at all that is watched until nothing is.
func (h *hangups) run() {
	tick := time.NewTicker(peekEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		if !h.look() {
			return
		}
	}
}

// look peeks once at every socket and says whether any call is left to watch.
func (h *hangups) look() bool {
	h.mu.Lock()
	var gone []*Call
	for call, raw := range h.watched {
		switch {
		case call.Err() != nil:
			delete(h.watched, call)
		case peerGone(raw):
			delete(h.watched, call)
			gone = append(gone, call)
		}
	}
	more := len(h.watched) > 0
	h.running = more
	h.mu.Unlock()
	for _, call := range gone {
		call.end(errHungUp)
	}
	return more
}

// rawConn is the socket below conn, nil when there is none.
func rawConn(conn net.Conn) syscall.RawConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
