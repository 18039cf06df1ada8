package pace_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/shadow"
)

// switching is a store that a test can replace by an empty one, and that answers nothing at all while it hangs.
type switching struct {
	mu      sync.Mutex
	store   lease.Store
	heard   []lease.Trade
	hanging atomic.Bool
}

func (s *switching) now() lease.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store
}

func (s *switching) replace(store lease.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store, s.heard = store, nil
}

func (s *switching) words() []lease.Trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

func (s *switching) hang(ctx context.Context) error {
	if !s.hanging.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *switching) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	if err := s.hang(ctx); err != nil {
		return lease.Grant{}, err
	}
	s.mu.Lock()
	s.heard = append(s.heard, trade)
	s.mu.Unlock()
	return s.now().Trade(ctx, trade)
}

func (s *switching) Beat(ctx context.Context, node string) (string, error) {
	if err := s.hang(ctx); err != nil {
		return "", err
	}
	return s.now().Beat(ctx, node)
}

// leasing is a scheduler with one shared bucket of a store that is past its beginning.
type leasing struct {
	gate
	node  *pace.Node
	store *switching
}

func newLeasing(t *testing.T) *leasing {
	t.Helper()
	l := &leasing{store: &switching{store: lease.NewMemory(time.Now)}}
	l.node = pace.NewNode(pace.Leases{Store: l.store, TTL: 4 * time.Second, Transit: time.Second, Share: 0.25})
	l.scheduler = pace.NewScheduler(pace.Settings{Bound: 100, Floor: pace.DefaultFloor, Node: l.node})
	l.bucket = l.scheduler.Shared("people", pace.Rule{Limit: limit, Window: window}, "acme people")
	<-time.After(2 * window)
	return l
}

// TestStoreThatHangsBlocksNobody: callers of a shared limit are told in time, and those of others do not notice.
func TestStoreThatHangsBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeasing(t)
		defer l.node.Close()
		own := l.scheduler.Bucket("own", pace.Rule{Limit: limit, Window: window})
		l.store.hanging.Store(true)
		refused := make(chan time.Duration, 1)
		start := time.Now()
		go func() {
			_, err := l.enter(t.Context(), 3*time.Second)
			if refusal := new(pace.Refusal); !errors.As(err, &refusal) {
				t.Errorf("Enter: got %v, want a refusal", err)
			}
			refused <- time.Since(start)
		}()
		synctest.Wait()
		tickets := []pace.Ticket{{Bucket: own}}
		if _, err := l.scheduler.Enter(t.Context(), pace.Caller{Consumer: "iga"}, tickets); err != nil {
			t.Errorf("a call under a limit of this process alone: %v", err)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("a call under a limit of this process alone waited %v, want not", got)
		}
		l.scheduler.Unsent(tickets)
		if got := <-refused; got > 3*time.Second {
			t.Errorf("told after %v, want within the caller's patience of 3 s", got)
		}
		l.store.hanging.Store(false)
		if err := l.call(t.Context(), 20*time.Second, pace.Report{}); err != nil {
			t.Errorf("once the store answers again: %v", err)
		}
	})
}

// TestNodesRestate: when the store begins anew, a node says at its next beat what it has spent, though nobody calls.
func TestNodesRestate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeasing(t)
		defer l.node.Close()
		for range 3 {
			if err := l.call(t.Context(), window, pace.Report{}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(20 * time.Second)
		l.store.replace(lease.NewMemory(time.Now))
		<-time.After(3 * time.Second)
		words, spent := l.store.words(), 0
		for _, w := range words {
			for _, s := range w.Spent {
				spent += s.Calls
			}
		}
		if len(words) != 1 || spent != 3 {
			t.Errorf("what an empty store hears of an idle node within a TTL: got %+v, want its three spent places", words)
		}
	})
}

// TestLedgersHaveNamesOfTheirOwn: a bucket that is made anew under the same key does not speak for the one before it.
func TestLedgersHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeasing(t)
		defer l.node.Close()
		if err := l.call(t.Context(), window, pace.Report{}); err != nil {
			t.Fatal(err)
		}
		old := *l
		l.scheduler.Release(l.bucket)
		l.bucket = l.scheduler.Shared("people", pace.Rule{Limit: limit, Window: window}, "acme people")
		if err := l.call(t.Context(), window, pace.Report{}); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, w := range l.store.words() {
			names[w.Node] = true
		}
		if len(names) != 2 {
			t.Errorf("names of a bucket and its successor: got %v, want two", names)
		}
		<-time.After(2 * window)
		if err := old.call(t.Context(), window, pace.Report{}); err != nil {
			t.Errorf("a caller who comes to the old one after all: %v", err)
		}
	})
}

// TestClosedNodeIsSilent: after Close nothing is traded, and callers wait no longer than their patience.
func TestClosedNodeIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeasing(t)
		for range 3 { // so that it keeps some in hand
			if err := l.call(t.Context(), window, pace.Report{}); err != nil {
				t.Fatal(err)
			}
		}
		l.store.hanging.Store(true)
		for l.scheduler.State(l.bucket).Places[shadow.Critical] > 0 {
			if err := l.call(t.Context(), 0, pace.Report{}); err != nil {
				t.Fatal(err)
			}
		}
		waits := make(chan error, 1)
		go func() {
			_, err := l.enter(t.Context(), 10*time.Second)
			waits <- err
		}()
		synctest.Wait() // a trade is under way
		start := time.Now()
		l.node.Close()
		if got := time.Since(start); got > time.Second {
			t.Errorf("Close beside a store that hangs took %v, want a quarter of a TTL at most", got)
		}
		if err := <-waits; err == nil {
			t.Error("who waited when the node was closed: got a place, want none")
		}
		if got := time.Since(start); got > 10*time.Second {
			t.Errorf("who waited when the node was closed was told after %v, want within its patience", got)
		}
		l.store.hanging.Store(false)
		heard := len(l.store.words())
		if _, err := l.enter(t.Context(), time.Second); err == nil {
			t.Error("Enter of a closed node: got a place, want none")
		}
		<-time.After(window)
		if got := len(l.store.words()); got != heard {
			t.Errorf("trades of a closed node: got %d, want none", got-heard)
		}
		if state := l.scheduler.State(l.bucket); state.Places[shadow.Critical] != 0 {
			t.Errorf("places of a closed node: got %d, want 0", state.Places[shadow.Critical])
		}
	})
}

// TestNoStoreNoNode: without a store nothing is shared and nothing runs.
func TestNoStoreNoNode(t *testing.T) {
	t.Parallel()
	if n := pace.NewNode(pace.Leases{TTL: time.Second, Share: 0.5}); n != nil {
		t.Errorf("NewNode without a store: got %v, want none", n)
	}
	s := pace.NewScheduler(pace.Settings{Bound: 1})
	g := &gate{scheduler: s, bucket: s.Shared("people", pace.Rule{Limit: 1, Window: window}, "acme people")}
	if err := g.call(t.Context(), 0, pace.Report{}); err != nil {
		t.Errorf("the first call of a limit of one: %v", err)
	}
	if _, err := g.enter(t.Context(), 0); err == nil {
		t.Error("the second call of a limit of one: got a place, want none: the governor counts")
	}
	g.scheduler.Release(g.bucket)
	g.scheduler.Close()
}
