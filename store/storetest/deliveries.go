package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
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
	all = b.next(c, 100)
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
	if changed, err := b.db.Settle(b.Context(), c, results); changed || err != nil {
		b.Fatal(changed, err)
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
	if due, err := b.db.Due(ctx); err != nil || len(due) != 1 || due[0] != (triggers.Due{Subscription: "all"}) {
		t.Errorf("due: got %+v, %v, want the subscription of all that nobody has", due, err)
	}
	if ahead, err := b.db.Ahead(ctx); err != nil || (ahead-time.Until(b.clock())).Abs() > 10*time.Second {
		t.Errorf("got the database's clock %v ahead, %v, want the time until what it says", ahead, err)
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
	if _, err := b.db.Settle(ctx, c, []triggers.Result{{Seq: all[0].Seq, State: triggers.Done}}); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("settle what another has by now: got %v, want %v", err, triggers.ErrLost)
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

// A circuit's pause and the event that tells of it are kept together or not at all, and only for whoever has the claim to what it claimed.
func testPauseOfClaim(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	paused := &triggers.Pause{Until: b.clock().Add(time.Minute), By: "circuit"}
	for _, step := range []struct {
		what, event string
		then        *triggers.Pause
		fails       bool
		told        int
	}{
		{"an event that cannot be kept", "", paused, true, 0},
		{"no change", "1", nil, false, 0},
		{"both", "1", paused, false, 1},
	} {
		c := b.claimDeliveries("s")
		err := b.db.PauseSubscription(ctx, c, func(*triggers.Pause) *triggers.Pause { return step.then }, triggers.Event{ID: step.event, Type: triggers.SubscriptionPaused, Time: b.clock()})
		all, listed := b.db.Subscriptions(ctx)
		if (err != nil) != step.fails || listed != nil || len(b.events()) != step.told || (all[0].Sluice.Paused != nil) != (step.told > 0) {
			t.Errorf("%s: got %v, %d events and the pause %+v; want %d, and as many pauses", step.what, err, len(b.events()), all[0].Sluice.Paused, step.told)
		}
		if err := b.db.ReleaseSubscription(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	c := b.claimDeliveries("s")
	lost := func(why string) {
		t.Helper()
		if err := b.db.PauseSubscription(ctx, c, func(*triggers.Pause) *triggers.Pause { return nil }); !errors.Is(err, triggers.ErrLost) {
			t.Errorf("%s: got %v, want %v", why, err, triggers.ErrLost)
		}
	}
	b.tell("a1")
	if _, err := b.db.ChangeSubscription(ctx, "s", func(s *triggers.Subscription, _ []triggers.Subscription) error { s.Name = "new"; return nil }); err != nil {
		t.Fatal(err)
	}
	if changed, err := b.db.Settle(ctx, c, nil); !changed || err != nil {
		t.Errorf("settle when it has changed: got %v, %v, want it kept, and to be told", changed, err)
	}
	lost("it has changed")
	c.Health = triggers.Health{Failed: 3, Since: b.clock().UTC().Truncate(time.Microsecond), Last: "status 500", Next: b.clock().Add(time.Minute).UTC().Truncate(time.Microsecond)}
	healthy := func(what string, want triggers.Health) {
		t.Helper()
		if err := b.db.ReleaseSubscription(ctx, c); err != nil {
			t.Fatal(err)
		}
		health := c.Health
		if c = b.claimDeliveries("s"); c.Health != want {
			t.Errorf("%s: got the health %+v, want %+v", what, c.Health, want)
		}
		c.Health = health
	}
	c.Health.Worked = b.clock().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	healthy("of what it was before", triggers.Health{Worked: c.Health.Worked})
	healthy("of what it is", c.Health)
	b.pass(2 * time.Minute)
	if _, err := b.db.ClaimSubscription(ctx, "s", "b", time.Minute); err != nil {
		t.Fatal(err)
	}
	lost("another has it")
	if err := b.db.DeleteSubscription(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	lost("it is gone")
}

// How a receiver does is kept while somebody has it, so that whoever comes after one that was killed knows it.
func testHealthWhileHeld(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	c := b.claimDeliveries("s")
	hold := func(what string, want error) {
		t.Helper()
		if err := b.db.HoldSubscription(ctx, c); !errors.Is(err, want) {
			t.Errorf("hold %s: got %v, want %v", what, err, want)
		}
	}
	healthy := func(what string, want triggers.Health) {
		t.Helper()
		b.pass(2 * time.Minute) // and it was not given back
		next, err := b.db.ClaimSubscription(ctx, "s", "b", time.Minute)
		if err != nil || next.Health != want {
			t.Errorf("%s: got the health %+v, %v, want %+v", what, next.Health, err, want)
		}
		hold("what another has", triggers.ErrLost)
		c = next
	}
	at := b.clock().UTC().Truncate(time.Microsecond)
	c.Health = triggers.Health{All: 2, First: at.Add(-time.Second), Worked: at.Add(-time.Minute), Probes: 3, Last: "status 500"}
	hold("what is claimed", nil)
	kept := c.Health
	c.Health.Worked = at
	b.settle(c)
	healthy("as it was held", kept)
	if _, err := b.db.ChangeSubscription(ctx, "s", func(s *triggers.Subscription, _ []triggers.Subscription) error { s.Name = "new"; return nil }); err != nil {
		t.Fatal(err)
	}
	c.Health = triggers.Health{Worked: at}
	hold("what has changed", triggers.ErrLost)
	healthy("when it has changed", triggers.Health{Worked: kept.Worked})
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

// testCompletionHoldsNoSecret: of what an invocation is completed with its secret is not kept, however it is written there, and the record says so.
func testCompletionHoldsNoSecret(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1", "b1")
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[1].Seq, State: triggers.Waiting, Due: b.clock().Add(time.Minute), Reason: "status 500"})
	fine := func(triggers.Invocation) error { return nil }
	if err := b.db.Complete(ctx, all[0].ID, all[0].Secret, []byte(`{"got":"\u000`+all[0].Secret+`"}`), "", fine); !errors.Is(err, triggers.ErrUnclean) {
		t.Errorf("behind half of an escape: got %v, want %v", err, triggers.ErrUnclean)
	}
	escaped := ""
	for _, c := range []byte(all[0].Secret) {
		escaped += fmt.Sprintf(`\u%04x`, c)
	}
	if err := b.db.Complete(ctx, all[0].ID, all[0].Secret, []byte(`{"got":"`+escaped+`"}`), "", fine); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Complete(ctx, all[1].ID, all[1].Secret, []byte(`{"got":1}`), "no "+all[1].Secret, fine); err != nil {
		t.Fatal(err)
	}
	for n, want := range []struct{ output, fault, reason string }{{`{"got":"[redacted]"}`, "", triggers.SecretHidden}, {`{"got":1}`, "no [redacted]", ""}} {
		if one, err := b.db.Invocation(ctx, all[n].ID); err != nil || string(one.Output) != want.output || one.Fault != want.fault || one.Reason != want.reason {
			t.Errorf("got %s, %s, %s, %v, want %+v", one.Output, one.Fault, one.Reason, err, want)
		}
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
