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
	if err != nil || len(stuck) != 1 || len(stuck["a"]) != 1 || stuck["a"][0].Seq != all[0].Seq || !stuck["a"][0].Due.Equal(later) {
		t.Errorf("stuck: got %+v, %v, want subject a", stuck, err)
	}
	if waits, err := b.db.Park(t.Context(), c, "a", stuck["a"][0], time.Time{}); !waits || err != nil {
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

// a1 is replayed while a2, which is behind it, has failed and keeps a3. That a1 works in the end frees nothing that a2 keeps.
func testReplayBeforeStuck(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "a2", "a3")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	soon, later := b.clock().Add(time.Minute), b.clock().Add(time.Hour)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Dead, Reason: "status 410"})
	b.settle(c, triggers.Result{Seq: all[1].Seq, State: triggers.Waiting, Due: later})
	if n, err := b.db.Replay(t.Context(), triggers.Query{IDs: []string{all[0].ID}}); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v, want 1", n, err)
	}
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: soon, Attempt: triggers.Attempt{Number: 2}})
	stuck, err := b.db.StuckSubjects(t.Context(), c)
	if err != nil || len(stuck["a"]) != 2 || stuck["a"][0].Seq != all[0].Seq || stuck["a"][1].Seq != all[1].Seq {
		t.Errorf("stuck: got %+v, %v, want a1 and a2", stuck, err)
	}
	b.pass(50 * time.Second)
	if err := b.db.HoldSubscription(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.pass(20 * time.Second)
	if got, _ := b.waiting(c); got != "a1" {
		t.Errorf("after a minute: got %q, want a1", got)
	}
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 3}})
	if got, _ := b.waiting(c); got != "" {
		t.Errorf("when a1 has worked: got %q, want a3 to wait for a2", got)
	}
	for range 62 {
		b.pass(59 * time.Second)
		if err := b.db.HoldSubscription(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := b.waiting(c); got != "a2 a3" {
		t.Errorf("after an hour: got %q, want a2 before a3", got)
	}
}

// What is read at once has so many bytes, and one invocation at the least.
func testNextWithin(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "b1", "c1", "d1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	one := all[0].Size()
	read := func(bytes int64, want string, wantMore bool) {
		t.Helper()
		next, more, err := b.db.NextDeliveries(t.Context(), c, nil, triggers.Limit{Rows: 100, Bytes: bytes})
		names := ""
		for _, i := range next {
			names += i.Event.Subject
		}
		if err != nil || names != want || more != wantMore {
			t.Errorf("within %d bytes, of %d each: got %q, more %v, %v; want %q, more %v", bytes, one, names, more, err, want, wantMore)
		}
	}
	read(1, "a", true)
	read(3*one-1, "abc", true)
	read(9*one, "abcd", false)
	for _, i := range all[:3] {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Waiting, Due: b.clock().Add(time.Second)})
	}
	b.pass(10 * time.Second)
	read(2*one-1, "ad", true)
	read(3*one-1, "abd", true)
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
		next, more, err := b.db.NextDeliveries(t.Context(), c, nil, triggers.Limit{Rows: limit, Bytes: 1 << 20})
		if err != nil || more != (len(next) == limit) {
			t.Fatalf("at most %d: got %d and more %v, %v", limit, len(next), more, err)
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
