package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

// subscribe makes a subscription of trigger "t".
func (b *bench) subscribe(id string, change ...func(*triggers.Subscription)) {
	b.Helper()
	s := triggers.Subscription{ID: id, Name: id, TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true}
	for _, c := range change {
		c(&s)
	}
	if err := b.db.CreateSubscription(b.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
		b.Fatal(err)
	}
}

// tell emits events of trigger "t"; each is named by its subject and a number: "a1".
func (b *bench) tell(names ...string) {
	b.Helper()
	var events []triggers.Event
	for _, name := range names {
		events = append(events, triggers.Event{ID: "event " + name, Type: "t", Subject: name[:1], Time: b.clock(), Data: []byte(`{"name":"` + name + `"}`)})
	}
	if err := b.db.Emit(b.Context(), events...); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) claimDeliveries(id string) triggers.Claim {
	b.Helper()
	c, err := b.db.ClaimSubscription(b.Context(), id, "a", time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// waiting are the events that are due, in their order.
func (b *bench) waiting(c triggers.Claim) (names string, all []triggers.Invocation) {
	b.Helper()
	all, err := b.db.NextDeliveries(b.Context(), c, nil, 100)
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, i := range all {
		out = append(out, strings.TrimPrefix(i.Event.ID, "event "))
	}
	return strings.Join(out, " "), all
}

func (b *bench) settle(c triggers.Claim, results ...triggers.Result) {
	b.Helper()
	for i := range results {
		results[i].Attempt.Number = max(1, results[i].Attempt.Number)
	}
	if err := b.db.Settle(b.Context(), c, results); err != nil {
		b.Fatal(err)
	}
}

func testRouting(t *testing.T, b *bench) {
	ctx := t.Context()
	b.tell("a0") // before anybody subscribes
	b.subscribe("all")
	b.subscribe("off", func(s *triggers.Subscription) { s.Enabled = false })
	b.subscribe("other", func(s *triggers.Subscription) { s.TriggerID = "u" })
	for _, kind := range []string{"INLINE", "SCRIPT", "WORKFLOW"} {
		b.subscribe(kind, func(s *triggers.Subscription) { s.Type = kind })
	}
	b.tell("a1", "b1", "a1")
	b.tell("a1", "a2") // a1 was told before
	due, err := b.db.Due(ctx)
	if err != nil || len(due) != 1 || due[0] != (triggers.Due{Subscription: "all"}) {
		t.Errorf("due: got %+v, %v, want the subscription of all that nobody has", due, err)
	}
	if made, err := b.db.Invocations(ctx, triggers.Query{}); err != nil || len(made) != 3 {
		t.Errorf("invocations: got %+v, %v, want the 3 of the one subscription that events are delivered to", made, err)
	}
	if all, err := b.db.Subscriptions(ctx); err != nil || len(all) != 6 {
		t.Errorf("subscriptions: got %d, %v, want all 6 listed", len(all), err)
	}
	c := b.claimDeliveries("all")
	got, all := b.waiting(c)
	if got != "a1 b1 a2" {
		t.Fatalf("waiting: got %q, want a1 b1 a2", got)
	}
	if i := all[0]; string(i.Event.Data) != `{"name":"a1"}` || i.Secret == "" || i.ID == all[1].ID || len(i.ID) != 36 || i.State != triggers.Waiting || i.Created.IsZero() {
		t.Errorf("invocation: got %+v, want one with payload, id and secret", i)
	}
	if _, err := b.db.ClaimSubscription(ctx, "all", "b", time.Minute); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("claim what another has: got %v, want %v", err, triggers.ErrLost)
	}
	b.pass(2 * time.Minute)
	if _, err := b.db.ClaimSubscription(ctx, "all", "b", time.Minute); err != nil {
		t.Errorf("claim after the lease: got %v, want it", err)
	}
	if err := b.db.Settle(ctx, c, []triggers.Result{{Seq: all[0].Seq, State: triggers.Done}}); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("settle what another has by now: got %v, want %v", err, triggers.ErrLost)
	}
}

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

// A paused subscription is kept its events, a disabled one gets none; tests go to both.
func testPausedSubscription(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	change := func(f func(*triggers.Subscription)) {
		if _, err := b.db.ChangeSubscription(ctx, "s", func(s *triggers.Subscription, _ []triggers.Subscription) error { f(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	due := func() int {
		all, err := b.db.Due(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	change(func(s *triggers.Subscription) { s.Sluice.Paused = &triggers.Pause{Until: b.clock().Add(time.Minute)} })
	b.tell("a1")
	if n := due(); n != 0 {
		t.Errorf("due while paused: got %d, want none", n)
	}
	made, subscribed, err := b.db.Invoke(ctx, "t", []byte(`{"x":1}`), nil, nil)
	if err != nil || !subscribed || len(made) != 1 || due() != 1 {
		t.Errorf("a test: got %+v, %v, %v, %d due; want one that is due", made, subscribed, err, due())
	}
	c := b.claimDeliveries("s")
	if _, all := b.waiting(c); len(all) != 1 || !all[0].Test || string(all[0].Event.Data) != `{"x":1}` {
		t.Errorf("deliveries while paused: got %+v, want the test alone", all)
	}
	b.pass(time.Minute)
	if _, all := b.waiting(c); len(all) != 2 {
		t.Errorf("deliveries after the pause: got %d, want 2", len(all))
	}
	change(func(s *triggers.Subscription) { s.Enabled = false; s.Sluice.Paused = nil })
	b.tell("a2")
	if err := b.db.HoldSubscription(ctx, c); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("hold what has changed: got %v, want %v", err, triggers.ErrLost)
	}
	all, err := b.db.Invocations(ctx, triggers.Query{Subscription: "s"})
	if err != nil || len(all) != 2 {
		t.Errorf("invocations: got %d, %v, want a1 and the test", len(all), err)
	}
	if err := b.db.DeleteSubscription(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	if all, err = b.db.Invocations(ctx, triggers.Query{States: []triggers.State{triggers.Dead}}); err != nil || len(all) != 2 {
		t.Errorf("dead after the subscription: got %d, %v, want 2", len(all), err)
	}
	if err := b.db.DeleteSubscription(ctx, "s"); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("delete again: got %v, want %v", err, aggregation.ErrNone)
	}
}

func testCompletion(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1", "b1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	for _, i := range all {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Asked, Deadline: b.clock().Add(time.Minute)})
	}
	fine := func(triggers.Invocation) error { return nil }
	complete := func(id, secret string, check func(triggers.Invocation) error) error {
		return b.db.Complete(ctx, id, secret, []byte(`{"approved":true}`), "", check)
	}
	bad := errors.New("bad output")
	for _, step := range []struct {
		what, id, secret string
		check            func(triggers.Invocation) error
		want             error
	}{
		{"unknown", "nobody", all[0].Secret, fine, aggregation.ErrNone},
		{"wrong secret", all[0].ID, all[1].Secret, fine, triggers.ErrSecret},
		{"wrong output", all[0].ID, all[0].Secret, func(triggers.Invocation) error { return bad }, bad},
		{"right", all[0].ID, all[0].Secret, fine, nil},
		{"a second time", all[0].ID, all[0].Secret, fine, triggers.ErrOver},
	} {
		if err := complete(step.id, step.secret, step.check); !errors.Is(err, step.want) {
			t.Errorf("%s: got %v, want %v", step.what, err, step.want)
		}
	}
	done, err := b.db.Invocation(ctx, all[0].ID)
	if err != nil || done.State != triggers.Done || string(done.Output) != `{"approved":true}` {
		t.Errorf("completed: got %+v, %v, want it done with its output", done, err)
	}
	b.pass(time.Minute)
	if err := complete(all[1].ID, all[1].Secret, fine); !errors.Is(err, triggers.ErrOver) {
		t.Errorf("past the deadline: got %v, want %v", err, triggers.ErrOver)
	}
	if n, err := b.db.Expire(ctx); n != 1 || err != nil {
		t.Errorf("expire: got %d, %v, want 1", n, err)
	}
}

// testQuickCompletion: a receiver that completes before its acknowledgement is kept is not told that it is too late.
func testQuickCompletion(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	fine := func(triggers.Invocation) error { return nil }
	if err := b.db.Complete(ctx, all[0].ID, all[0].Secret, []byte(`{"approved":true}`), "", fine); err != nil {
		t.Fatalf("complete what is being sent: got %v, want none", err)
	}
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Asked, Deadline: b.clock().Add(time.Minute), Attempt: triggers.Attempt{Outcome: "asked"}})
	one, err := b.db.Invocation(ctx, all[0].ID)
	if err != nil || one.State != triggers.Done || string(one.Output) != `{"approved":true}` || one.Attempts != 1 || !one.Deadline.IsZero() {
		t.Errorf("completed and then asked: got %+v, %v, want it done, with its output and one attempt", one, err)
	}
	if err := b.db.Complete(ctx, all[0].ID, all[0].Secret, []byte(`{}`), "", fine); !errors.Is(err, triggers.ErrOver) {
		t.Errorf("a second time: got %v, want %v", err, triggers.ErrOver)
	}
	if attempts, err := b.db.Attempts(ctx, all[0].Seq); err != nil || len(attempts) != 1 {
		t.Errorf("attempts: got %+v, %v, want one", attempts, err)
	}
}

func testReplay(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1", "b1", "c1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Dead, Reason: "status 404"}, triggers.Result{Seq: all[1].Seq, State: triggers.Done})
	b.pass(time.Second)
	if n, err := b.db.Replay(ctx, triggers.Query{States: []triggers.State{triggers.Dead}}); n != 1 || err != nil {
		t.Errorf("replay the dead: got %d, %v, want 1", n, err)
	}
	_, again := b.waiting(c)
	at := slices.IndexFunc(again, func(i triggers.Invocation) bool { return i.Seq == all[0].Seq })
	if at < 0 || again[at].ID != all[0].ID || again[at].Tries != 0 || again[at].Attempts != 1 {
		t.Errorf("replayed: got %+v, want the same id, one attempt and no tries", again)
	}
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{}}, triggers.Result{Seq: all[2].Seq, State: triggers.Done})
	b.pass(time.Hour)
	if n, err := b.db.Retire(ctx, store.Retention{Done: 2 * time.Hour, Dead: 2 * time.Hour, Most: 100}); n != 0 || err != nil {
		t.Errorf("retire the young: got %d, %v, want none", n, err)
	}
	b.pass(2 * time.Hour)
	if n, err := b.db.Retire(ctx, store.Retention{Done: 2 * time.Hour, Dead: 2 * time.Hour, Most: 100}); n != 3 || err != nil {
		t.Errorf("retire the old: got %d, %v, want 3", n, err)
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

func testOldest(t *testing.T, b *bench) {
	b.subscribe("s")
	b.subscribe("t", func(s *triggers.Subscription) {
		s.TriggerID, s.Sluice.Paused = "other", &triggers.Pause{By: "operator"}
	})
	began := b.clock()
	b.tell("a1", "a2", "b1")
	b.pass(time.Minute)
	b.tell("c1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	check := func(what string, want triggers.Tally) {
		t.Helper()
		got, err := b.db.Tallies(t.Context())
		if err != nil || len(got) != 2 || got["s"] != want || got["t"] != (triggers.Tally{Paused: true}) {
			t.Errorf("%s: got %+v, %v, want %+v and nothing for t, which is paused", what, got, err, want)
		}
	}
	check("at the beginning", triggers.Tally{Waiting: 4, Oldest: began})
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute)}, triggers.Result{Seq: all[2].Seq, State: triggers.Dead})
	check("the oldest has failed", triggers.Tally{Waiting: 3, Dead: 1, Oldest: began})
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 2}}, triggers.Result{Seq: all[1].Seq, State: triggers.Done})
	check("the new one is left", triggers.Tally{Waiting: 1, Dead: 1, Oldest: began.Add(time.Minute)})
}

func testRetireEvents(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "b1")
	b.pass(100 * time.Hour)
	b.tell("c1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done})
	b.pass(2 * time.Hour)
	keep := store.Retention{Done: time.Hour, Dead: time.Hour, Most: 100, Events: 50 * time.Hour}
	check := func(what string, retired int64, left ...string) {
		t.Helper()
		n, err := b.db.Retire(t.Context(), keep)
		if err != nil || n != retired {
			t.Errorf("%s: got %d retired, %v, want %d", what, n, err, retired)
		}
		events, err := b.db.Events(t.Context(), 0, 100)
		var names []string
		for _, e := range events {
			names = append(names, strings.TrimPrefix(e.ID, "event "))
		}
		if err != nil || !slices.Equal(names, left) {
			t.Errorf("%s: got %v, %v, want %v", what, names, err, left)
		}
	}
	check("b1 waits, and c1 is young", 2, "b1", "c1")
	b.settle(c, triggers.Result{Seq: all[1].Seq, State: triggers.Done})
	b.pass(2 * time.Hour)
	check("b1 is over", 2, "c1")
	keep.Events = 0
	b.settle(c, triggers.Result{Seq: all[2].Seq, State: triggers.Done})
	b.pass(1000 * time.Hour)
	check("events are kept for good", 1, "c1")
}

// Of too many the oldest go, with their attempts; what waits is not counted.
func testRetireMany(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1", "b1", "c1", "d1", "e1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	for _, i := range all[1:] {
		b.settle(c, triggers.Result{Seq: i.Seq, State: triggers.Done})
	}
	keep := store.Retention{Done: time.Hour, Dead: time.Hour, Most: 2}
	for _, want := range []int64{2, 0} {
		if n, err := b.db.Retire(ctx, keep); n != want || err != nil {
			t.Errorf("retire: got %d, %v, want %d", n, err, want)
		}
	}
	left, err := b.db.Invocations(ctx, triggers.Query{})
	if err != nil || len(left) != 3 || left[0].Seq != all[0].Seq || left[1].Seq != all[3].Seq {
		t.Errorf("left: got %+v, %v, want a1, d1 and e1", left, err)
	}
	for n, i := range all {
		attempts, err := b.db.Attempts(ctx, i.Seq)
		if want := max(0, n-2); err != nil || len(attempts) != min(1, want) {
			t.Errorf("attempts at %s: got %d, %v, want %d", i.Event.ID, len(attempts), err, min(1, want))
		}
	}
}
