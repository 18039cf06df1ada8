package storetest

import (
	"fmt"
	"testing"
	"time"

	"sluice/triggers"
)

// crowded is a subscription with so many of subject a, and one of subject b between them, that those behind the first are parked and freed by steps.
const crowded = 2500

// tellCrowd emits those, and returns the claim and the invocations of both subjects that come first.
func (b *bench) tellCrowd() (c triggers.Claim, a, other triggers.Invocation) {
	b.Helper()
	b.subscribe("s")
	var events []triggers.Event
	for n := range crowded {
		events = append(events, triggers.Event{ID: fmt.Sprint("event a", n), Type: "t", Subject: "a", Time: b.clock(), Data: []byte("{}")})
	}
	events = append(events[:1], append([]triggers.Event{{ID: "event b", Type: "t", Subject: "b", Time: b.clock(), Data: []byte("{}")}}, events[1:]...)...)
	if err := b.db.Emit(b.Context(), events...); err != nil {
		b.Fatal(err)
	}
	c = b.claimDeliveries("s")
	all := b.next(c, 2)
	return c, all[0], all[1]
}

// many are how many are due, and whether they are in the order of their numbers.
func (b *bench) many(c triggers.Claim) (n int, inOrder bool) {
	b.Helper()
	inOrder = true
	all := b.next(c, 2*crowded)
	for n := 1; n < len(all); n++ {
		inOrder = inOrder && all[n-1].Seq < all[n].Seq
	}
	return len(all), inOrder
}

// parkAll parks what is behind one of subject a, as whoever delivers does who meets it again and again: each call parks a thousand.
func (b *bench) parkAll(c triggers.Claim, behind triggers.Stuck) {
	b.Helper()
	for range crowded/1000 + 1 {
		if waits, err := b.db.Park(b.Context(), c, "a", behind, time.Time{}); !waits || err != nil {
			b.Fatal(waits, err)
		}
	}
}

// What is behind one that failed is parked by whoever meets it where it is very much, and is free before that one is over; others are kept meanwhile.
func testCrowd(t *testing.T, b *bench) {
	c, first, other := b.tellCrowd()
	until := b.clock().Add(30 * time.Second)
	b.settle(c, triggers.Result{Seq: first.Seq, State: triggers.Waiting, Due: until}, triggers.Result{Seq: other.Seq, State: triggers.Done})
	if n, _ := b.many(c); n != crowded-1 {
		t.Errorf("behind one that failed: got %d due, want all %d, which are too many to park at once", n, crowded-1)
	}
	b.parkAll(c, triggers.Stuck{Seq: first.Seq, Due: until})
	if n, _ := b.many(c); n != 0 {
		t.Errorf("parked: got %d due, want none", n)
	}
	b.pass(31 * time.Second)
	b.tell("a new")
	again := b.next(c, 1)[0]
	if again.ID != first.ID {
		t.Fatalf("got %s, want the one that failed", again.Event.ID)
	}
	b.settle(c, triggers.Result{Seq: first.Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 2}})
	if n, inOrder := b.many(c); n != crowded || !inOrder {
		t.Errorf("freed: got %d due, in order %v; want all %d but the first, and the newest behind them", n, inOrder, crowded)
	}
}

// Whoever gives one up behind which very many wait frees them all.
func testCrowdAbandoned(t *testing.T, b *bench) {
	c, first, _ := b.tellCrowd()
	until := b.clock().Add(time.Hour)
	b.settle(c, triggers.Result{Seq: first.Seq, State: triggers.Waiting, Due: until})
	b.parkAll(c, triggers.Stuck{Seq: first.Seq, Due: until})
	if n, err := b.db.Abandon(t.Context(), first.ID); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, inOrder := b.many(c); n != crowded || !inOrder { // that of b is one of them
		t.Errorf("got %d due, in order %v; want %d", n, inOrder, crowded)
	}
}
