package send_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"sluice/triggers"
	"sluice/triggers/send"
)

// between stands between a sender and a server, and can cut their connections.
type between struct {
	address string
	server  string

	mu   sync.Mutex
	open []net.Conn
}

func newBetween(t *testing.T, server string) *between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &between{address: l.Addr().String(), server: server}
	t.Cleanup(func() { l.Close(); b.cut() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", b.server)
			if err != nil {
				here.Close()
				continue
			}
			b.mu.Lock()
			b.open = append(b.open, here, there)
			b.mu.Unlock()
			go func() { _, _ = io.Copy(there, here) }()
			go func() { _, _ = io.Copy(here, there) }()
		}
	}()
	return b
}

// cut cuts what is open, and tells how many connections there were.
func (b *between) cut() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.open {
		c.Close()
	}
	n := len(b.open) / 2
	b.open = nil
	return n
}

// cutAndSend sends, cuts and sends again. The first event after the cut may fail, to be tried again; the next may not.
func (b *between) cutAndSend(t *testing.T, sub *triggers.Subscription) {
	t.Helper()
	s := senders(t, send.Options{})
	for range 2 {
		if _, err := s.Send(t.Context(), deliver(sub, "i-1")); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.cut(); n != 1 {
		t.Errorf("got %d connections for two events, want one that is kept", n)
	}
	if _, err := s.Send(t.Context(), deliver(sub, "i-2")); triggers.IsPermanent(err) {
		t.Errorf("got %v, want it tried again", err)
	}
	if _, err := s.Send(t.Context(), deliver(sub, "i-2")); err != nil {
		t.Errorf("got %v, want a fresh connection", err)
	}
}
