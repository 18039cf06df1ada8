package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/store"
	"sluice/triggers"
)

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
	b.tell("d1", "e1")
	b.pass(100 * time.Hour)
	_, all = b.waiting(c)
	b.settle(c, triggers.Result{Seq: all[1].Seq, State: triggers.Done})
	b.pass(2 * time.Hour)
	b.tell("f1")
	check("c1 and e1 wait", 2, "c1", "e1", "f1")
	keep.Events = 0
	b.settle(c, triggers.Result{Seq: all[0].Seq, State: triggers.Done})
	b.pass(1000 * time.Hour)
	check("events are kept for good", 1, "c1", "e1", "f1")
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
