// Package leasetest holds an implementation of lease.Store against its contract. The tests of a store call Test; it never opens or
// configures one by itself.
package leasetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
)

// Test runs the suite. fresh returns a store that begins empty and reads its time from clock; it is called once or more per test.
//
//nolint:tparallel // whoever calls it has called t.Parallel
func Test(t *testing.T, fresh func(clock func() time.Time) lease.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *bench){
		"a new store is closed, then cautious, then open":    testBirth,
		"the limit holds, and places come free":              testLimit,
		"a node's word replaces the one before":              testReplace,
		"a trade that was overtaken or doubled is ignored":   testStale,
		"places of a grant that nobody heard are free":       testLost,
		"what a dead node held comes free":                   testDeath,
		"nodes that want more than there is get equal parts": testFair,
		"buckets have nothing to do with each other":         testBuckets,
		"strangers are counted once":                         testStrangers,
		"after a gap nobody gets more than a share":          testGap,
		"a clock that is set back frees nothing":             testClockBack,
		"a trade that makes no sense is refused":             testNonsense,
		"a context that is over is obeyed":                   testContext,
		"a store has one epoch, and another has another":     testEpoch,
		"nodes that trade at once never get more":            testConcurrency,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{t: t, fresh: fresh, now: time.Date(2026, 11, 22, 12, 0, 17, 0, time.UTC), seq: make(map[string]uint64)}
			b.store = fresh(b.clock)
			test(t, b)
		})
	}
}

// terms of all tests. A share is 3 places.
var terms = lease.Terms{Limit: 12, Window: time.Minute, TTL: 4 * time.Second, Transit: time.Second, Share: 0.25}

const (
	lapse = time.Minute + 5*time.Second // from a node's last word until what it held is free
	heard = 8 * time.Second             // from the store's return until all nodes that live have been heard
	calm  = time.Minute + 9*time.Second // from there until nobody is kept to a share
)

// bench is a store and the time by which it goes.
type bench struct {
	t     *testing.T
	fresh func(clock func() time.Time) lease.Store
	store lease.Store
	seq   map[string]uint64

	mu  sync.Mutex
	now time.Time
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// pass lets d go by, with a node alive that wants nothing.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	for d > 0 {
		step := min(d, terms.TTL/2)
		b.jump(step)
		if _, err := b.store.Beat(b.t.Context(), "pulse"); err != nil {
			b.t.Fatalf("beat: %v", err)
		}
		d -= step
	}
}

// jump lets d go by without anybody being heard.
func (b *bench) jump(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// open lets a new store become open.
func (b *bench) open() { b.t.Helper(); b.pass(calm) }

// word is a node's next trade.
func (b *bench) word(node string, holds, wants int, spent ...lease.Spent) lease.Trade {
	b.seq[node]++
	return lease.Trade{Bucket: "acme", Node: node, Seq: b.seq[node], Terms: terms, Holds: holds, Wants: wants, Spent: spent}
}

func (b *bench) trade(trade lease.Trade) lease.Grant {
	b.t.Helper()
	grant, err := b.store.Trade(b.t.Context(), trade)
	if err != nil {
		b.t.Fatalf("trade %+v: %v", trade, err)
	}
	return grant
}

// want trades and holds the grant against what is wanted.
func (b *bench) want(places int, why string, trade lease.Trade) {
	b.t.Helper()
	if got := b.trade(trade).Places; got != places {
		b.t.Errorf("%s: got %d places, want %d", why, got, places)
	}
}

func testBirth(_ *testing.T, b *bench) {
	b.want(0, "at birth", b.word("a", 0, 12))
	b.pass(heard - 1)
	b.want(0, "before all can have been heard", b.word("a", 0, 12))
	b.pass(1)
	b.want(3, "when nodes of a store before it have been heard", b.word("a", 0, 12))
	b.want(0, "with a share in hand", b.word("a", 3, 12))
	b.want(3, "another node, with as much", b.word("b", 0, 12))
	b.pass(calm - heard - 1)
	b.want(0, "before what others could have used is free", b.word("a", 3, 12))
	b.pass(1)
	b.trade(b.word("b", 3, 0))
	b.want(6, "with all that was before free", b.word("a", 3, 12))
}

func testLimit(t *testing.T, b *bench) {
	b.open()
	b.want(12, "alone", b.word("a", 0, 20))
	b.want(0, "with nothing left", b.word("b", 0, 5))
	spent := []lease.Spent{{Calls: 2, FreeIn: 10 * time.Second}, {Calls: 10, FreeIn: 20 * time.Second}}
	b.trade(b.word("a", 0, 0, spent...))
	if got, want := b.trade(b.word("b", 0, 5)).Next, 10*time.Second; got != want {
		t.Errorf("when more is there: got %v, want %v", got, want)
	}
	b.pass(10*time.Second - 1)
	b.want(0, "before the first are free", b.word("b", 0, 5))
	b.pass(1)
	b.want(2, "with two free", b.word("b", 0, 5))
	b.pass(10 * time.Second)
	b.want(10, "with all but those free", b.word("b", 2, 12))
}

func testReplace(_ *testing.T, b *bench) {
	b.open()
	b.want(8, "first", b.word("a", 0, 8))
	b.trade(b.word("a", 1, 0, lease.Spent{Calls: 4, FreeIn: time.Minute}))
	b.trade(b.word("a", 1, 0, lease.Spent{Calls: 4, FreeIn: time.Minute}))
	b.want(7, "beside one in hand and four spent, said twice", b.word("b", 0, 12))
	b.trade(b.word("a", 0, 0))
	b.want(5, "when those are not there any more", b.word("b", 7, 12))
}

func testStale(_ *testing.T, b *bench) {
	b.open()
	first, second := b.word("a", 0, 2), b.word("a", 2, 3)
	b.want(2, "first", first)
	b.want(3, "second", second)
	for _, trade := range []lease.Trade{first, second} {
		if grant, err := b.store.Trade(b.t.Context(), trade); !errors.Is(err, lease.ErrStale) || grant.Places != 0 {
			b.t.Errorf("trade %d again: got %d places and %v, want 0 and %v", trade.Seq, grant.Places, err, lease.ErrStale)
		}
	}
	b.want(7, "beside the five of the second", b.word("b", 0, 12))
}

func testLost(_ *testing.T, b *bench) {
	b.open()
	b.want(12, "a grant whose answer gets lost", b.word("a", 0, 12))
	b.want(12, "the node's next word does not know of it", b.word("a", 0, 12))
}

func testDeath(t *testing.T, b *bench) {
	b.open()
	b.want(5, "the node that will die", b.word("a", 4, 5, lease.Spent{Calls: 2, FreeIn: 3 * time.Second}))
	b.want(1, "beside it", b.word("b", 0, 12))
	b.pass(3 * time.Second)
	b.want(2, "with those that it had spent", b.word("b", 1, 12))
	b.pass(lapse - 4*time.Second)
	if got, want := b.trade(b.word("b", 3, 12)).Next, time.Second; got != want {
		t.Errorf("when the dead node's places are there: got %v, want %v", got, want)
	}
	b.pass(time.Second - 1)
	b.want(0, "just before a window after its last lease", b.word("b", 3, 12))
	b.pass(1)
	b.want(9, "then", b.word("b", 3, 12))
}

func testFair(_ *testing.T, b *bench) {
	b.open()
	b.want(12, "alone", b.word("a", 0, 12))
	b.trade(b.word("b", 0, 20))
	b.trade(b.word("c", 0, 2))
	b.want(0, "who has more than its part", b.word("a", 8, 20))
	b.want(2, "who wants little", b.word("c", 0, 2))
	b.want(2, "who wants much, with what is left", b.word("b", 0, 20))
	b.trade(b.word("a", 5, 20))
	b.want(0, "who has its part", b.word("a", 5, 20))
	b.want(3, "until each has its part", b.word("b", 2, 20))
	b.trade(b.word("b", 0, 0))
	b.want(5, "who has fallen silent or wants nothing leaves it to the others", b.word("a", 5, 20))
}

func testBuckets(_ *testing.T, b *bench) {
	b.open()
	b.want(12, "one bucket", b.word("a", 0, 12))
	other := b.word("a", 0, 12)
	other.Bucket = "other"
	b.want(12, "another bucket", other)
}

func testStrangers(_ *testing.T, b *bench) {
	b.open()
	for _, node := range []string{"a", "b"} {
		trade := b.word(node, 0, 0)
		trade.Strangers = []lease.Spent{{Calls: 4, FreeIn: 30 * time.Second}}
		b.trade(trade)
	}
	b.want(8, "beside four places of strangers that two nodes have seen", b.word("c", 0, 12))
	b.pass(30 * time.Second)
	b.want(4, "when they are free", b.word("c", 8, 12))
}

func testGap(_ *testing.T, b *bench) {
	b.open()
	b.jump(terms.Window - time.Second)
	b.want(12, "after a gap in which nobody can have used a share", b.word("a", 0, 12))
	b.trade(b.word("a", 0, 0))
	b.jump(2 * terms.Window)
	b.want(3, "the first that is back", b.word("a", 0, 12))
	b.pass(10 * time.Second)
	b.jump(3 * time.Second)
	b.want(0, "the same, after another gap that is short", b.word("a", 3, 12))
	b.want(3, "one that comes later, with as much", b.word("b", 0, 12))
	b.want(0, "one that has used its share meanwhile", b.word("c", 0, 12, lease.Spent{Calls: 3, FreeIn: 20 * time.Second}))
	b.pass(calm - 13*time.Second - 1)
	b.want(0, "before a window has passed", b.word("a", 3, 12))
	b.pass(1)
	b.trade(b.word("b", 3, 0))
	b.want(6, "then", b.word("a", 3, 12))
}

func testClockBack(_ *testing.T, b *bench) {
	b.open()
	b.want(12, "alone", b.word("a", 0, 12))
	b.trade(b.word("a", 0, 0, lease.Spent{Calls: 12, FreeIn: 30 * time.Second}))
	b.jump(-time.Hour)
	b.want(0, "with the clock an hour back", b.word("b", 0, 12))
	b.pass(30*time.Second - 1)
	b.want(0, "before as much time has passed as was said", b.word("b", 0, 12))
	b.pass(1)
	b.want(12, "then", b.word("b", 0, 12))
}

func testNonsense(t *testing.T, b *bench) {
	b.open()
	for name, spoil := range map[string]func(*lease.Trade){
		"no bucket":       func(t *lease.Trade) { t.Bucket = "" },
		"no node":         func(t *lease.Trade) { t.Node = "" },
		"holds -1":        func(t *lease.Trade) { t.Holds = -1 },
		"wants -1":        func(t *lease.Trade) { t.Wants = -1 },
		"spent -1":        func(t *lease.Trade) { t.Spent = []lease.Spent{{Calls: -1, FreeIn: 1}} },
		"strangers -1":    func(t *lease.Trade) { t.Strangers = []lease.Spent{{Calls: -1, FreeIn: 1}} },
		"no limit":        func(t *lease.Trade) { t.Terms.Limit = 0 },
		"no window":       func(t *lease.Trade) { t.Terms.Window = 0 },
		"a short TTL":     func(t *lease.Trade) { t.Terms.TTL = time.Millisecond },
		"transit -1":      func(t *lease.Trade) { t.Terms.Transit = -1 },
		"share above 1":   func(t *lease.Trade) { t.Terms.Share = 1.1 },
		"share below 0":   func(t *lease.Trade) { t.Terms.Share = -0.1 },
		"share no number": func(t *lease.Trade) { t.Terms.Share = math.NaN() },
	} {
		trade := b.word("a", 0, 12)
		spoil(&trade)
		if grant, err := b.store.Trade(t.Context(), trade); err == nil || grant.Places != 0 {
			t.Errorf("%s: got %d places and no error, want an error", name, grant.Places)
		}
	}
	b.want(12, "a good trade after them", b.word("a", 0, 12))
}

func testContext(t *testing.T, b *bench) {
	b.open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.store.Trade(ctx, b.word("a", 0, 12)); err == nil {
		t.Error("trade with a cancelled context: got no error, want one")
	}
	if _, err := b.store.Beat(ctx, "a"); err == nil {
		t.Error("beat with a cancelled context: got no error, want one")
	}
	b.want(12, "with a good context", b.word("a", 0, 12))
}

func testEpoch(t *testing.T, b *bench) {
	first, err := b.store.Beat(t.Context(), "a")
	if err != nil || first == "" {
		t.Fatalf("beat: got epoch %q and %v, want one and no error", first, err)
	}
	b.jump(time.Hour)
	if again, _ := b.store.Beat(t.Context(), "b"); again != first {
		t.Errorf("epoch of the same store: got %q, want %q", again, first)
	}
	if traded := b.trade(b.word("a", 0, 1)).Epoch; traded != first {
		t.Errorf("epoch of a trade: got %q, want %q", traded, first)
	}
	if other, _ := b.fresh(b.clock).Beat(t.Context(), "a"); other == first || other == "" {
		t.Errorf("epoch of another store: got %q, want one that is not %q", other, first)
	}
}

func testConcurrency(t *testing.T, b *bench) {
	b.open()
	var group sync.WaitGroup
	var mu sync.Mutex
	held := make(map[string]int)
	for i := range 8 {
		node := fmt.Sprint("node ", i)
		group.Go(func() {
			for seq := range uint64(20) {
				mu.Lock()
				holds := held[node]
				mu.Unlock()
				trade := lease.Trade{Bucket: "acme", Node: node, Seq: seq + 1, Terms: terms, Holds: holds, Wants: 2}
				grant, err := b.store.Trade(t.Context(), trade)
				if err != nil {
					t.Errorf("trade: %v", err)
					return
				}
				mu.Lock()
				held[node] += grant.Places
				mu.Unlock()
			}
		})
	}
	group.Wait()
	all := 0
	for _, n := range held {
		all += n
	}
	if all != terms.Limit {
		t.Errorf("places of eight nodes that want all they can get: got %d, want %d", all, terms.Limit)
	}
}
