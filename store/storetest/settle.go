package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/triggers"
)

// What fails at once, more of it than one statement takes, is kept, and keeps what is behind it; what was given up meanwhile keeps nothing, and has
// had its attempt all the same.
func testSettleMany(t *testing.T, b *bench) {
	b.subscribe("s")
	const subjects = 130
	var events []triggers.Event
	for n := range 2 * subjects {
		events = append(events, triggers.Event{ID: fmt.Sprint("event ", n), Type: "t", Subject: fmt.Sprint(n % subjects), Time: b.clock(), Data: []byte("{}")})
	}
	if err := b.db.Emit(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	c := b.claimDeliveries("s")
	all := b.next(c, 2*subjects)
	given := []string{all[7].ID, all[8].ID}
	if n, err := b.db.Abandon(t.Context(), given...); n != 2 || err != nil {
		t.Fatalf("abandon: got %d, %v, want both", n, err)
	}
	results := []triggers.Result{{Seq: all[8].Seq, State: triggers.Done}, {Seq: all[subjects].Seq + 1e9, State: triggers.Waiting, Due: b.clock()}}
	for n, i := range all[:subjects] {
		if n != 8 {
			results = append(results, triggers.Result{Seq: i.Seq, State: triggers.Waiting, Due: b.clock().Add(time.Duration(n+1) * time.Minute), Reason: fmt.Sprint("status ", n)})
		}
	}
	b.settle(c, results...)
	if got := b.next(c, 2*subjects); len(got) != 2 || got[0].Event.Subject != "7" || got[1].Event.Subject != "8" {
		t.Errorf("behind those that failed: got %d due, %+v, want those two alone that are behind what was given up", len(got), got)
	}
	for n, i := range b.named(all[:subjects]) {
		want := fmt.Sprintln(triggers.Waiting, 1, 1, "status", n)
		if n == 7 || n == 8 {
			want = fmt.Sprintln(triggers.Dead, 1, 0, "an operator gave it up")
		}
		if got := fmt.Sprintln(i.State, i.Attempts, i.Tries, i.Reason); got != want {
			t.Errorf("the one of number %d: got state, attempts, tries and reason %s, want %s", n, got, want)
		}
	}
	b.pass(50 * time.Second)
	if err := b.db.HoldSubscription(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.pass(40 * time.Second)
	if got := b.next(c, 2*subjects); len(got) != 4 || got[0].Event.Subject != "0" || got[1].Event.Subject != "0" {
		t.Errorf("after a minute: got %d due, %+v, want the first that failed, and what is behind it", len(got), got)
	}
}

// Of two of a subject that fail at once, as one may that was replayed, the later one to be sent again keeps what is behind both.
func testSettleTwoOfSubject(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "a2", "a3")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	wait := func(n int, long time.Duration) triggers.Result {
		return triggers.Result{Seq: all[n].Seq, State: triggers.Waiting, Due: b.clock().Add(long)}
	}
	b.settle(c, wait(1, time.Second), wait(0, 30*time.Second))
	b.pass(10 * time.Second)
	if got, _ := b.waiting(c); got != "" {
		t.Errorf("once the second is due, and before the first: got %q, want neither that nor what is behind it", got)
	}
	b.pass(30 * time.Second)
	if got, _ := b.waiting(c); got != "a1 a2 a3" {
		t.Errorf("once both are due: got %q, want all in their order", got)
	}
}

// Once events of a subject need not wait for each other any more, those that did are due; what has failed goes at its own time, and what a node that
// does not know of it yet has to say parks nobody.
func testUnordered(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "a2", "b1", "b2")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	failed := func(n int) triggers.Result {
		return triggers.Result{Seq: all[n].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Hour), Attempt: triggers.Attempt{Number: 1}}
	}
	b.settle(c, failed(0))
	if _, err := b.db.ChangeSubscription(t.Context(), "s", func(s *triggers.Subscription, _ []triggers.Subscription) error {
		s.Sluice.Ordering = triggers.OrderingNone
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if changed, err := b.db.Settle(t.Context(), c, []triggers.Result{failed(2)}); !changed || err != nil {
		t.Errorf("settle: got changed %v, %v, want it changed", changed, err)
	}
	if _, err := b.db.Park(t.Context(), c, "b", triggers.Stuck{Seq: all[2].Seq}, time.Time{}); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("park: got %v, want %v", err, triggers.ErrLost)
	}
	b.pass(2 * time.Minute)
	if got, _ := b.waiting(b.claimDeliveries("s")); got != "a2 b2" {
		t.Errorf("got %q due, want a2 and b2", got)
	}
}

// next are the invocations that are due.
func (b *bench) next(c triggers.Claim, most int) []triggers.Invocation {
	b.Helper()
	next, _, err := b.db.NextDeliveries(b.Context(), c, nil, triggers.Limit{Rows: most, Bytes: 8 << 20})
	if err != nil {
		b.Fatal(err)
	}
	return next
}

// named are some invocations as they are by now, in the same order.
func (b *bench) named(some []triggers.Invocation) (now []triggers.Invocation) {
	b.Helper()
	for _, i := range some {
		all, err := b.db.Invocations(b.Context(), triggers.Query{IDs: []string{i.ID}})
		if err != nil || len(all) != 1 {
			b.Fatal(all, err)
		}
		now = append(now, all[0])
	}
	return now
}
