package storetest

import (
	"errors"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// blocked tells a1, a2 and a3, of which a1 has failed and is due in an hour, and b1.
func (b *bench) blocked() (c triggers.Claim, all []triggers.Invocation) {
	b.Helper()
	b.subscribe("s")
	b.tell("a1", "a2", "a3", "b1")
	c = b.claimDeliveries("s")
	_, all = b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Hour), Reason: "status 422"})
	return c, all
}

func (b *bench) invocation(id string) triggers.Invocation {
	b.Helper()
	one, err := b.db.Invocation(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return one
}

// due wants what is due, in its order.
func (b *bench) due(c triggers.Claim, when, want string) {
	b.Helper()
	if got, _ := b.waiting(c); got != want {
		b.Errorf("%s: got %q due, want %q", when, got, want)
	}
}

// What has failed is sent before its time when it is named, and what was parked behind it stays behind it and before what comes later.
func testReplayWaiting(t *testing.T, b *bench) {
	ctx := t.Context()
	c, all := b.blocked()
	replay := func(want int64, q triggers.Query) {
		t.Helper()
		if n, err := b.db.Replay(ctx, q); n != want || err != nil {
			t.Errorf("replay %+v: got %d, %v, want %d", q, n, err, want)
		}
	}
	replay(0, triggers.Query{Subscription: "s"})
	replay(0, triggers.Query{States: []triggers.State{triggers.Dead}, IDs: []string{all[0].ID}})
	replay(0, triggers.Query{IDs: []string{all[1].ID, all[3].ID}}) // one that is parked, and one that was not sent yet
	b.due(c, "before", "b1")
	b.pass(time.Second)
	replay(1, triggers.Query{IDs: []string{all[0].ID, all[3].ID}})
	if one := b.invocation(all[0].ID); one.Tries != 0 || one.Attempts != 1 || !one.Due.IsZero() || !one.Created.Equal(b.clock()) || one.Reason != "replayed" {
		t.Errorf("replayed: got %+v, want it due at once, of now, and without tries", one)
	}
	b.tell("a4")
	b.due(c, "replayed", "a1 a2 a3 b1 a4")
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute), Attempt: triggers.Attempt{Number: 2}})
	b.due(c, "when it failed again", "b1")
	replay(1, triggers.Query{IDs: []string{all[0].ID}})
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 3}})
	b.due(c, "when it has worked", "a2 a3 b1 a4")
	replay(1, triggers.Query{IDs: []string{all[0].ID}}) // done ones go as before
}

// Two of a subject have failed. The first is sent first, though the time of the second comes before.
func testReplayTwoStuck(t *testing.T, b *bench) {
	c, all := b.blocked()
	b.settle(c, triggers.Result{Seq: all[1].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Second)})
	b.pass(10 * time.Second)
	if n, err := b.db.Replay(t.Context(), triggers.Query{IDs: []string{all[0].ID}}); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v, want 1", n, err)
	}
	b.due(c, "replayed", "a1 a2 a3 b1")
}

// Where nothing goes in order, who is replayed hurries nobody.
func testReplayUnordered(t *testing.T, b *bench) {
	b.subscribe("s", func(s *triggers.Subscription) { s.Sluice.Ordering = triggers.OrderingNone })
	b.tell("a1", "a2")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	for _, i := range all {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Waiting, Due: b.clock().Add(time.Hour)})
	}
	if n, err := b.db.Replay(t.Context(), triggers.Query{IDs: []string{all[0].ID}}); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v, want 1", n, err)
	}
	b.due(c, "replayed", "a1")
}

// What is given up is dead, and what was parked behind it goes.
func testAbandon(t *testing.T, b *bench) {
	ctx := t.Context()
	c, all := b.blocked()
	abandon := func(want int64, ids ...string) {
		t.Helper()
		if n, err := b.db.Abandon(ctx, ids...); n != want || err != nil {
			t.Errorf("abandon: got %d, %v, want %d", n, err, want)
		}
	}
	abandon(1, all[1].ID) // it is parked, and frees nothing
	b.due(c, "behind one that waits", "b1")
	abandon(1, all[0].ID, "nobody")
	if one := b.invocation(all[0].ID); one.State != triggers.Dead || one.Reason != "an operator gave it up" || !one.Completed.Equal(b.clock()) {
		t.Errorf("abandoned: got %+v, want it dead, with the reason", one)
	}
	b.tell("a4")
	b.due(c, "abandoned", "a3 b1 a4")
	abandon(0, all[0].ID)
	// A drain that had it in hand keeps its attempt, and parks nobody behind it.
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Hour), Attempt: triggers.Attempt{Number: 2}})
	b.due(c, "when it has landed", "a3 b1 a4")
	if one := b.invocation(all[0].ID); one.State != triggers.Dead || one.Attempts != 2 {
		t.Errorf("landed: got %+v, want it dead, after two attempts", one)
	}
	if waits, err := b.db.Park(ctx, c, "a", triggers.Stuck{Seq: all[0].Seq}, time.Time{}); waits || err != nil {
		t.Errorf("park behind it: got %v, %v, want that it does not wait", waits, err)
	}
	b.settle(c, triggers.Result{Seq: all[3].Seq, State: triggers.Asked, Deadline: b.clock().Add(time.Hour)})
	abandon(1, all[3].ID)
	err := b.db.Complete(ctx, all[3].ID, all[3].Secret, []byte("{}"), "", func(triggers.Invocation) error { return nil })
	if !errors.Is(err, triggers.ErrOver) {
		t.Errorf("complete what was asked and given up: got %v, want %v", err, triggers.ErrOver)
	}
	if n, err := b.db.Replay(ctx, triggers.Query{IDs: []string{all[0].ID}}); n != 1 || err != nil {
		t.Errorf("replay what was given up: got %d, %v, want 1", n, err)
	}
	if _, err := b.db.Invocation(ctx, "nobody"); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("nobody: got %v, want %v", err, aggregation.ErrNone)
	}
}

// What is parked says behind what.
func testBehind(t *testing.T, b *bench) {
	c, all := b.blocked()
	behind := func(when string, at int, want string) {
		t.Helper()
		if got, err := b.db.Behind(t.Context(), b.invocation(all[at].ID)); got != want || err != nil {
			t.Errorf("%s, number %d: got %q, %v, want %q", when, at, got, err, want)
		}
	}
	for at, want := range []string{"", all[0].ID, all[0].ID, ""} {
		behind("parked", at, want)
	}
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Dead, Attempt: triggers.Attempt{Number: 2}})
	behind("freed", 1, "")
}
