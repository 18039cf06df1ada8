package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// socket is an address that is listened on. It outlives the door behind it: a reload that changes what answers there (TLS, bounds,
// an owner) puts another door behind the same socket, and no connection is refused meanwhile.
type socket struct {
	net.Listener
	address string        // as configured
	conns   chan net.Conn // accepted, for whichever door is open
	over    chan struct{} // closed when nothing is accepted any more
	once    sync.Once
}

// bind listens on an address and accepts nothing yet.
func bind(ctx context.Context, address string) (*socket, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, errors.Unwrap(err))
	}
	return &socket{Listener: listener, address: address, conns: make(chan net.Conn), over: make(chan struct{})}, nil
}

// accept hands connections to the doors until the socket is shut or closed.
func (s *socket) accept(log *slog.Logger) {
	defer close(s.over)
	pause := time.Duration(0)
	for {
		conn, err := s.Accept()
		switch {
		case err == nil:
			pause = 0
			s.conns <- conn
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.last()
			return
		default: // too many open files, most likely: it passes
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			log.Warn("a connection could not be accepted", "address", s.address, "error", err, "pause", pause)
			<-time.After(pause)
		}
	}
}

// shut ends accepting. Clients whom the kernel has told that they are connected are taken in first, so the doors must still be open.
func (s *socket) shut() {
	s.once.Do(func() {
		if tcp, ok := s.Listener.(*net.TCPListener); ok && tcp.SetDeadline(time.Now()) == nil {
			<-s.over
		}
		_ = s.Close()
	})
}

// last closes the socket with as little time as can be between the last connection taken and the first refused.
func (s *socket) last() {
	var waiting []net.Conn
	if tcp, ok := s.Listener.(*net.TCPListener); ok {
		waiting = backlog(tcp)
	}
	_ = s.Close()
	for _, conn := range waiting {
		s.conns <- conn
	}
}

// hatch is the listener of one door: it takes connections from a socket and can be closed without closing that.
type hatch struct {
	socket *socket
	closed chan struct{}
	once   sync.Once
}

func newHatch(s *socket) *hatch { return &hatch{socket: s, closed: make(chan struct{})} }

// Accept implements net.Listener.
func (h *hatch) Accept() (net.Conn, error) {
	select {
	case <-h.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn := <-h.socket.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *hatch) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *hatch) Addr() net.Addr { return h.socket.Addr() }

// anyPort tells whether an address leaves the port to the system.
func anyPort(address string) bool { return strings.HasSuffix(address, ":0") }
