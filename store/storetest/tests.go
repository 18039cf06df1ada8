package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/triggers"
)

// testUndelivered: a test makes nothing for a subscription that nothing is delivered to, as an event does not.
func testUndelivered(t *testing.T, b *bench) {
	ctx := t.Context()
	for _, kind := range []string{"INLINE", "SCRIPT", "WORKFLOW"} {
		b.subscribe(kind, func(s *triggers.Subscription) { s.Type = kind })
	}
	made, subscribed, err := b.db.Invoke(ctx, "t", []byte("{}"), nil, nil)
	if err != nil || len(made) != 0 || !subscribed {
		t.Errorf("where nothing is delivered: got %+v, %v, %v, want nothing made for who subscribes", made, subscribed, err)
	}
	b.subscribe("http")
	made, subscribed, err = b.db.Invoke(ctx, "t", []byte("{}"), nil, nil)
	if err != nil || len(made) != 1 || made[0].Subscription != "http" || !subscribed {
		t.Errorf("beside one that is delivered to: got %+v, %v, %v, want one for that", made, subscribed, err)
	}
	if _, subscribed, err := b.db.Invoke(ctx, "u", []byte("{}"), nil, nil); err != nil || subscribed {
		t.Errorf("of another trigger: got %v, %v, want nobody who subscribes", subscribed, err)
	}
	if all, err := b.db.Invocations(ctx, triggers.Query{}); err != nil || len(all) != 1 {
		t.Errorf("kept: got %+v, %v, want one", all, err)
	}
}

// testBare: a bare invocation is the whole one without what is long.
func testBare(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("s")
	b.tell("a1", "b1")
	made, _, err := b.db.Invoke(ctx, "t", []byte(`{"x":1}`), []byte(`{"y":1}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.db.Complete(ctx, made[0].ID, made[0].Secret, []byte(`{"z":1}`), "no approver", func(triggers.Invocation) error { return nil }); err != nil {
		t.Fatal(err)
	}
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Dead, Reason: "status 404"})
	want, err := b.db.Invocations(ctx, triggers.Query{Newest: true})
	if err != nil || len(want) != 3 || want[0].Event.Data == nil || want[0].Content == nil || want[0].Output == nil {
		t.Fatalf("got %+v, %v, want three, the test with all that it has", want, err)
	}
	for i := range want {
		want[i].Event.Data, want[i].Content, want[i].Output = nil, nil, nil
	}
	got, err := b.db.Invocations(ctx, triggers.Query{Newest: true, Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bare (- want, + got):\n%s", diff)
	}
}

// testOrphans: what cannot be sent again, because nobody subscribes any more, is counted.
func testOrphans(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("gone")
	b.subscribe("s")
	b.tell("a1", "b1")
	if err := b.db.DeleteSubscription(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	c := b.claimDeliveries("s")
	_, all := b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Dead})
	dead := []triggers.State{triggers.Dead}
	for name, c := range map[string]struct {
		q    triggers.Query
		want int64
	}{
		"dead":          {triggers.Query{States: dead}, 2},
		"of that alone": {triggers.Query{Subscription: "gone"}, 2},
		"of another":    {triggers.Query{Subscription: "s", States: dead}, 0},
		"later":         {triggers.Query{States: dead, After: b.clock().Add(time.Second)}, 0},
	} {
		if n, _, err := b.db.LeftOut(ctx, c.q); err != nil || n != c.want {
			t.Errorf("%s: got %d, %v, want %d", name, n, err, c.want)
		}
	}
}

// testRefusedCompletion: who is refused has waited for nobody who writes.
func testRefusedCompletion(t *testing.T, b *bench) {
	b.subscribe("s")
	b.tell("a1", "b1")
	_, all := b.waiting(b.claimDeliveries("s"))
	fine := func(triggers.Invocation) error { return nil }
	if err := b.db.Complete(t.Context(), all[1].ID, all[1].Secret, nil, "", fine); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("bad output")
	_, err := b.db.ChangeSubscription(t.Context(), "s", func(*triggers.Subscription, []triggers.Subscription) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, c := range []struct {
			what, id, secret string
			check            func(triggers.Invocation) error
			want             error
		}{
			{"unknown", "nobody", all[0].Secret, fine, aggregation.ErrNone},
			{"wrong secret", all[0].ID, all[1].Secret, fine, triggers.ErrSecret},
			{"completed", all[1].ID, all[1].Secret, fine, triggers.ErrOver},
			{"wrong output", all[0].ID, all[0].Secret, func(triggers.Invocation) error { return bad }, bad},
		} {
			if err := b.db.Complete(ctx, c.id, c.secret, []byte("{}"), "", c.check); !errors.Is(err, c.want) {
				t.Errorf("%s while another writes: got %v, want %v", c.what, err, c.want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
