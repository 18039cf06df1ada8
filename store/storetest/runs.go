package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/store"
)

func testOneRun(t *testing.T, b *bench) {
	first := b.start(people)
	if _, err := b.db.StartRun(t.Context(), people, "detail"); !errors.Is(err, aggregation.ErrOpenRun) {
		t.Errorf("a second run of the scope: got %v, want %v", err, aggregation.ErrOpenRun)
	}
	groups := b.start(aggregation.Scope{Connection: "acme", Resource: "groups"})
	if groups.ID <= first.ID {
		t.Errorf("the run of another scope: got number %d, want more than %d", groups.ID, first.ID)
	}
	b.move(first.ID, aggregation.Held)
	if _, err := b.db.StartRun(t.Context(), people, "detail"); !errors.Is(err, aggregation.ErrOpenRun) {
		t.Errorf("a run beside one that is held: got %v, want %v", err, aggregation.ErrOpenRun)
	}
	b.move(first.ID, aggregation.Cancelled)
	second := b.start(people)
	if err := b.db.MoveRun(t.Context(), first.ID, aggregation.Running, ""); !errors.Is(err, aggregation.ErrOpenRun) {
		t.Errorf("resume the first beside the second: got %v, want %v", err, aggregation.ErrOpenRun)
	}
	b.move(second.ID, aggregation.Failed)
	b.move(first.ID, aggregation.Running)
}

func (b *bench) move(run aggregation.RunID, to aggregation.State) {
	b.Helper()
	if err := b.db.MoveRun(b.Context(), run, to, "because"); err != nil {
		b.Fatalf("move run %d to %s: %v", run, to, err)
	}
}

func testStates(t *testing.T, b *bench) {
	run := b.start(people)
	b.pass(time.Second)
	was := run.State
	for _, to := range []aggregation.State{aggregation.Held, aggregation.Running, aggregation.Failed, aggregation.Running, aggregation.Held, aggregation.Cancelled, aggregation.Running, aggregation.Cancelled} {
		b.move(run.ID, to)
		got, err := b.db.Run(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		run.Approved = run.Approved || was == aggregation.Held && to == aggregation.Running
		want := run
		was, want.State, want.Note = to, to, "because"
		want.Errors, want.Warnings = []string{}, []string{}
		if to == aggregation.Failed || to == aggregation.Cancelled {
			want.Completed = run.Started.Add(time.Second)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("run that was moved to %s (- want, + got):\n%s", to, diff)
		}
	}
	for _, to := range []aggregation.State{aggregation.Held, aggregation.Failed, aggregation.Cancelled, aggregation.Completed, "nonsense"} {
		if err := b.db.MoveRun(t.Context(), run.ID, to, ""); !errors.Is(err, aggregation.ErrState) {
			t.Errorf("from cancelled to %s: got %v, want %v", to, err, aggregation.ErrState)
		}
	}
	if err := b.db.MoveRun(t.Context(), 99, aggregation.Held, ""); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("move a run that is not there: got %v, want %v", err, aggregation.ErrNone)
	}
}

// What an overtaken run has read would take back what the later one has found.
func testOvertaken(t *testing.T, b *bench) {
	stale := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, aggregation.ErrDropped) {
			t.Errorf("%s: got %v, want %v", what, err, aggregation.ErrDropped)
		}
	}
	resume := func(run aggregation.RunID) error { return b.db.MoveRun(t.Context(), run, aggregation.Running, "") }
	commit := func(run aggregation.RunID, revision int64) {
		t.Helper()
		b.pass(time.Second)
		if err := b.db.Commit(t.Context(), run, revision, factsOf(nil), aggregation.Closing{}); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Second)
	}
	first := b.start(people)
	b.move(first.ID, aggregation.Failed)
	commit(b.staged(people, record("a", 1)).ID, 0)
	stale("resume a run after a later one", resume(first.ID))

	early := b.start(people)
	claim := b.claim(early.ID, "all")
	unread := aggregation.Settled{Record: aggregation.Record{ID: "b", RowHash: "r"}, Row: []byte("2")}
	w := b.db.Work(claim)
	if err := errors.Join(w.Settle(t.Context(), []aggregation.Settled{unread}), w.Fail(t.Context(), aggregation.Failure{ID: "b", Reason: "404"}), b.db.Finish(t.Context(), claim)); err != nil {
		t.Fatal(err)
	}
	b.move(early.ID, aggregation.Failed)
	late := b.start(people)
	b.move(late.ID, aggregation.Cancelled)
	if err := resume(early.ID); err != nil {
		t.Fatalf("resume a run after a later one that was cancelled: %v", err)
	}
	commit(early.ID, 1)
	stale("resume the later one once the earlier one has completed", resume(late.ID))

	again, err := b.db.RetryRun(t.Context(), early.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.move(again.ID, aggregation.Cancelled)
	commit(b.staged(people).ID, 2)
	_, err = b.db.RetryRun(t.Context(), early.ID)
	stale("retry what a later run has read too", err)
	stale("resume that retry", resume(again.ID))
}

func testStateEvents(t *testing.T, b *bench) {
	run := b.start(people)
	if err := b.db.MoveRun(t.Context(), run.ID, aggregation.Held, "too much gone", event("held")); err != nil {
		t.Fatal(err)
	}
	if err := b.db.MoveRun(t.Context(), run.ID, aggregation.Failed, "", event("not told")); !errors.Is(err, aggregation.ErrState) {
		t.Errorf("from held to failed: got %v, want %v", err, aggregation.ErrState)
	}
	got := b.events()
	want := []store.Numbered{{Seq: 1, Event: event("held")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (- want, + got):\n%s", diff)
	}
}

func testRuns(t *testing.T, b *bench) {
	var ids []aggregation.RunID
	for _, resource := range []string{"people", "groups", "roles"} {
		ids = append(ids, b.start(aggregation.Scope{Connection: "acme", Resource: resource}).ID)
	}
	b.move(ids[0], aggregation.Failed)
	again := b.start(people)
	for name, c := range map[string]struct {
		scope aggregation.Scope
		limit int
		want  []aggregation.RunID
	}{
		"all":        {aggregation.Scope{}, 10, []aggregation.RunID{again.ID, ids[2], ids[1], ids[0]}},
		"the last":   {aggregation.Scope{}, 1, []aggregation.RunID{again.ID}},
		"of a scope": {people, 10, []aggregation.RunID{again.ID, ids[0]}},
		"of none":    {aggregation.Scope{Connection: "acme", Resource: "dogs"}, 10, nil},
	} {
		runs, err := b.db.Runs(t.Context(), c.scope, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []aggregation.RunID
		for _, r := range runs {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("runs, %s: got %v, want %v", name, got, c.want)
		}
	}
}

func testForget(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	var records []aggregation.Record
	for i := range 1100 {
		records = append(records, record(string(rune('a'+i%26))+time.Duration(i).String(), i%60))
	}
	b.stage(claim, records...)
	if err := b.db.Forget(t.Context(), run.ID); !errors.Is(err, aggregation.ErrState) {
		t.Errorf("forget what a running run has: got %v, want %v", err, aggregation.ErrState)
	}
	b.move(run.ID, aggregation.Failed)
	if err := b.db.Forget(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, b.db.Staged(t.Context(), run.ID)); len(got) != 0 {
		t.Errorf("staged records that were forgotten: got %d, want 0", len(got))
	}
}
