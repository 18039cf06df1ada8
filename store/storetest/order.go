package storetest

import (
	"testing"
	"time"

	"sluice/triggers"
)

// An event that is sent again keeps those of its subject behind it, and none else.
func testOrderOfSubjects(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "b1", "a2", "a3", "b2")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	later := b.clock().Add(time.Minute)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: later, Reason: "status 500"}, triggers.Result{Seq: all[1].Seq, State: triggers.Done})
	if got, _ := b.waiting(c); got != "b2" {
		t.Errorf("behind an event that failed: got %q, want b2 alone", got)
	}
	b.tell("a4")
	stuck, err := b.db.StuckSubjects(t.Context(), c)
	if err != nil || len(stuck) != 1 || stuck["a"].Seq != all[0].Seq || !stuck["a"].Due.Equal(later) {
		t.Errorf("stuck: got %+v, %v, want subject a", stuck, err)
	}
	if waits, err := b.db.Park(t.Context(), c, "a", stuck["a"]); !waits || err != nil {
		t.Fatal(err)
	}
	if got, _ := b.waiting(c); got != "b2" {
		t.Errorf("a newcomer behind it: got %q, want b2 alone", got)
	}
	b.pass(50 * time.Second)
	if err := b.db.HoldSubscription(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.pass(20 * time.Second)
	if got, _ := b.waiting(c); got != "a1 a2 a3 a4 b2" {
		t.Errorf("when it is due: got %q, want those that failed, and then the others", got)
	}
	b.tell("a5")
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 2}})
	if got, _ := b.waiting(c); got != "a2 a3 b2 a4 a5" {
		t.Errorf("when it is done: got %q, want the others in their order, and the newest behind them", got)
	}
	attempts, err := b.db.Attempts(t.Context(), all[0].Seq)
	if err != nil || len(attempts) != 2 {
		t.Errorf("attempts: got %+v, %v, want two", attempts, err)
	}
}

// Events of no subject have nothing in common: one that fails keeps no other.
func testNoSubject(t *testing.T, b *bench) {
	b.subscribe("s")
	for _, name := range []string{"one", "two"} {
		if err := b.db.Emit(t.Context(), triggers.Event{ID: "event " + name, Type: "t", Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute), Reason: "status 500"})
	if got, _ := b.waiting(c); got != "two" {
		t.Errorf("beside an event of no subject that failed: got %q, want two", got)
	}
}

// a1 fails, a2 is parked behind it. Once a1 has worked, a2 comes before a3, which is new.
func testUnpark(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "a2", "b1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute)}, triggers.Result{Seq: all[2].Seq, State: triggers.Done})
	if names, _ := b.waiting(c); names != "" {
		t.Errorf("while a1 waits: got %q due, want nothing", names)
	}
	b.pass(2 * time.Minute)
	b.tell("a3", "c1")
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 2}})
	if names, _ := b.waiting(c); names != "a2 a3 c1" {
		t.Errorf("once a1 has worked: got %q, want a2 before a3", names)
	}
}

func testNextOfBoth(t *testing.T, b *bench) {
	b.subscribe("s", func(s *triggers.Subscription) { s.Sluice.Ordering = triggers.OrderingNone })
	b.tell("a1", "b1", "c1", "d1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	for _, i := range all {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute)})
	}
	b.tell("e1", "f1", "g1", "h1")
	first := func(limit int) (names string) {
		next, err := b.db.NextDeliveries(t.Context(), c, nil, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range next {
			names += i.Event.Subject
		}
		return names
	}
	if got := first(4); got != "efgh" {
		t.Errorf("before the failed ones are due: got %s, want efgh", got)
	}
	b.pass(2 * time.Minute)
	for limit, want := range map[int]string{1: "a", 2: "ae", 4: "abef", 7: "abcdefg", 100: "abcdefgh"} {
		if got := first(limit); got != want {
			t.Errorf("at most %d: got %s, want %s", limit, got, want)
		}
	}
	_, all = b.waiting(c)
	for _, i := range all[5:] {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Done})
	}
	if got := first(4); got != "abce" {
		t.Errorf("of one new one: got %s, want abc, which have its place, and e", got)
	}
}
