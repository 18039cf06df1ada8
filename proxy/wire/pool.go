package wire

import (
	"bufio"
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// link is one connection to the vendor with its buffers. One call at a time owns it.
type link struct {
	net.Conn
	br    *bufio.Reader
	bw    *bufio.Writer
	calls int       // answered so far; 0 = fresh
	since time.Time // idle since
	probe *prober
	kill  func() // closes the connection under a call whose context ended; made once, for context.AfterFunc
}

func newLink(conn net.Conn) *link {
	l := &link{Conn: conn, br: bufio.NewReaderSize(conn, 4<<10), bw: bufio.NewWriterSize(conn, 4<<10), probe: newProber(conn)}
	l.kill = func() { conn.Close() }
	return l
}

// pool keeps the connections of one egress address. The last one used is the first one taken, so that a load that has gone
// leaves its surplus to age and be closed.
type pool struct {
	dial    func(context.Context) (net.Conn, error)
	max     int
	wait    time.Duration // longest wait for a connection when max are in use
	keepFor time.Duration

	mu      sync.Mutex
	idle    []*link // oldest first
	open    int     // idle, in use and being dialled
	queue   []chan *link
	sweeper *time.Timer // runs while something is idle
	closed  bool
}

// take returns a connection for one call: a kept one unless fresh is asked for, else a new one, else the first that another
// call gives back. The caller gives it back with put or drop.
func (p *pool) take(ctx context.Context, fresh bool) (*link, error) {
	p.mu.Lock()
	for n := len(p.idle); n > 0 && (!fresh || p.open >= p.max); n = len(p.idle) {
		l := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		if !fresh && time.Since(l.since) < p.keepFor && l.probe.alive() {
			p.mu.Unlock()
			return l, nil
		}
		p.open--
		defer l.Close() //nolint:gocritic // too old, dead, or in the way of a fresh one: closed when the lock is free
	}
	if p.open < p.max {
		p.open++
		p.mu.Unlock()
		return p.connect(ctx)
	}
	turn := make(chan *link, 1)
	p.queue = append(p.queue, turn)
	p.mu.Unlock()
	return p.await(ctx, turn)
}

// connect dials into a place already counted in open.
func (p *pool) connect(ctx context.Context) (*link, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		p.vacate()
		return nil, err
	}
	return newLink(conn), nil
}

func (p *pool) await(ctx context.Context, turn chan *link) (*link, error) {
	bounded, cancel := within(ctx, p.wait)
	defer cancel()
	select {
	case l := <-turn:
		if l == nil {
			return p.connect(ctx)
		}
		return l, nil
	case <-bounded.Done():
	}
	p.mu.Lock()
	for i, q := range p.queue {
		if q == turn {
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	select {
	case l := <-turn: // handed over while we left
		if l == nil {
			p.vacate()
		} else {
			p.put(l)
		}
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hard, ok := ctx.Deadline(); ok && !time.Now().Before(hard) {
		return nil, context.DeadlineExceeded
	}
	return nil, errBusy
}

// put gives back a connection that is ready for another call.
func (p *pool) put(l *link) {
	p.mu.Lock()
	if len(p.queue) > 0 {
		turn := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		turn <- l
		return
	}
	if p.closed {
		p.open--
		p.mu.Unlock()
		l.Close()
		return
	}
	l.since = time.Now()
	p.idle = append(p.idle, l)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.keepFor, p.sweep)
	}
	p.mu.Unlock()
}

// drop gives back a connection that is not.
func (p *pool) drop(l *link) {
	l.Close()
	p.vacate()
}

// vacate frees a place, or passes it on to the first in the queue.
func (p *pool) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 {
		turn := p.queue[0]
		p.queue = p.queue[1:]
		turn <- nil
		return
	}
	p.open--
}

// sweep closes what has been idle too long and comes again while anything is left.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].since) >= p.keepFor {
		p.idle[n].Close()
		n++
	}
	p.open -= n
	p.idle = slices.Delete(p.idle, 0, n)
	if p.sweeper = nil; len(p.idle) > 0 {
		p.sweeper = time.AfterFunc(p.keepFor-time.Since(p.idle[0].since), p.sweep)
	}
}

// closeIdle closes what is idle and keeps nothing from now on.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.idle {
		l.Close()
	}
	p.open -= len(p.idle)
	p.idle = nil
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}
