package wire

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// noting is a connection that remembers its end.
type noting struct {
	net.Conn
	closed atomic.Bool
}

func (n *noting) Close() error {
	n.closed.Store(true)
	return nil
}

// TestDeadLinksCloseBeforeTheDial: what a call finds unfit in the pool does not stay open at the vendor for as long as a dial takes.
func TestDeadLinksCloseBeforeTheDial(t *testing.T) {
	t.Parallel()
	old := &noting{}
	p := &pool{max: 2, wait: time.Second, keepFor: time.Hour}
	p.dial = func(context.Context) (net.Conn, error) {
		if !old.closed.Load() {
			t.Error("the link that was too old is open while another is dialled, want it closed")
		}
		return &noting{}, nil
	}
	aged := newLink(old)
	aged.since = time.Now().Add(-2 * p.keepFor)
	p.idle, p.open = []*link{aged}, 1
	if l, err := p.take(t.Context(), false); err != nil || l == aged {
		t.Errorf("take = %v, %v, want a new link", l, err)
	}
	if p.open != 1 {
		t.Errorf("places taken = %d, want 1", p.open)
	}
}

// TestNoPlaceIsLost: a link that is handed to a call in the moment in which it gives up comes back to the pool.
func TestNoPlaceIsLost(t *testing.T) {
	t.Parallel()
	p := &pool{max: 1, wait: 3 * time.Second, keepFor: time.Hour}
	p.dial = func(context.Context) (net.Conn, error) { return &noting{}, nil }
	defer p.closeIdle()
	for round := range 20_000 {
		held, err := p.take(t.Context(), false)
		if err != nil {
			t.Fatalf("round %d: take = %v, want the pool's only link back", round, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if l, err := p.take(ctx, false); err == nil {
				p.put(l)
			}
		})
		for queued := false; !queued; runtime.Gosched() {
			p.mu.Lock()
			queued = len(p.queue) == 1
			p.mu.Unlock()
		}
		waiter.Go(cancel)
		p.put(held)
		waiter.Wait()
	}
}
