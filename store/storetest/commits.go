package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

func testCommit(t *testing.T, b *bench) {
	ctx := t.Context()
	first := []aggregation.Record{record("a", 1), record("b", 1), record("c", 1), record("d", 1), record("f", 1)}
	run := b.staged(people, first...)
	b.pass(time.Minute)
	closing := aggregation.Closing{
		Counts: aggregation.Counts{Scanned: 5, Added: 5}, Errors: []string{"one"}, Warnings: []string{"two", "three"}, Events: []triggers.Event{event("completed")},
	}
	if err := b.db.Commit(ctx, run.ID, 0, factsOf(first), closing); err != nil {
		t.Fatal(err)
	}
	want := run
	want.State, want.Completed = aggregation.Completed, run.Started.Add(time.Minute)
	want.Counts, want.Errors, want.Warnings = closing.Counts, closing.Errors, closing.Warnings
	got, err := b.db.Run(ctx, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run (- want, + got):\n%s", diff)
	}

	// b changes, c is gone, d was not read this time, a is as it was and was read later, e is new and f another and both are held back.
	a, changed, held := record("a", 1), record("b", 2), record("e", 2)
	a.RowHash, a.ReadAt = "row 2", a.ReadAt.Add(time.Hour)
	run = b.staged(people, a, changed, aggregation.Record{ID: "d", RowHash: "row 2"}, held, record("f", 2))
	if err := b.db.Commit(ctx, run.ID, 1, factsOf([]aggregation.Record{changed}, "c"), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]aggregation.Record{a, changed, record("d", 1), record("f", 1)}, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
	if revision, err := b.db.Revision(ctx, people); revision != 2 || err != nil {
		t.Errorf("revision: got %d and %v, want 2 and none", revision, err)
	}
	wantEvents := []string{"of arow 1", "of brow 1", "of crow 1", "of drow 1", "of frow 1", "completed", "of brow 2"}
	if diff := cmp.Diff(wantEvents, ids(b.events())); diff != "" {
		t.Errorf("events (- want, + got):\n%s", diff)
	}
	if err := b.db.Commit(ctx, run.ID, 2, factsOf(nil), aggregation.Closing{}); !errors.Is(err, aggregation.ErrState) {
		t.Errorf("commit again: got %v, want %v", err, aggregation.ErrState)
	}
}

func ids(events []store.Numbered) (out []string) {
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// nothing holds that neither snapshot nor outbox have anything, and that the run goes on.
func (b *bench) nothing(why string, run aggregation.RunID) {
	b.Helper()
	records, events := collect(b.T, b.db.Before(b.Context(), people)), b.events()
	revision, err := b.db.Revision(b.Context(), people)
	if err != nil {
		b.Fatal(err)
	}
	got, err := b.db.Run(b.Context(), run)
	if err != nil {
		b.Fatal(err)
	}
	if len(records) != 0 || len(events) != 0 || revision != 0 || got.State != aggregation.Running {
		b.Errorf("%s: got %d accounts, %d events, revision %d, run %s; want 0, 0, 0, running", why, len(records), len(events), revision, got.State)
	}
}

func testRevision(t *testing.T, b *bench) {
	run := b.staged(people, record("a", 1))
	facts := factsOf([]aggregation.Record{record("a", 1)})
	if err := b.db.Commit(t.Context(), run.ID, 1, facts, aggregation.Closing{Events: []triggers.Event{event("x")}}); !errors.Is(err, aggregation.ErrRevision) {
		t.Errorf("commit by revision 1 of a snapshot that has 0: got %v, want %v", err, aggregation.ErrRevision)
	}
	b.nothing("after another revision", run.ID)
	if err := b.db.Commit(t.Context(), run.ID, 0, facts, aggregation.Closing{}); err != nil {
		t.Errorf("commit by revision 0: got %v, want none", err)
	}
}

func testUnfinished(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "a")
	b.stage(claim, record("a", 1))
	facts := factsOf([]aggregation.Record{record("a", 1)})
	for _, step := range []string{"taken", "open"} {
		if err := b.db.Commit(t.Context(), run.ID, 0, facts, aggregation.Closing{}); !errors.Is(err, aggregation.ErrUnfinished) {
			t.Errorf("commit with a partition that is %s: got %v, want %v", step, err, aggregation.ErrUnfinished)
		}
		_ = b.db.Release(t.Context(), claim)
	}
	b.nothing("with a partition that is not done", run.ID)
}

func testBrokenFacts(t *testing.T, b *bench) {
	run := b.staged(people, record("a", 1))
	broken := errors.New("the reader broke")
	for _, after := range []int{0, 1, 100, 250} {
		facts := func(yield func(aggregation.Fact, error) bool) {
			for i := range after {
				if !yield(fact(record(fmt.Sprint("n", i), 1)), nil) {
					return
				}
			}
			yield(aggregation.Fact{}, broken)
		}
		if err := b.db.Commit(t.Context(), run.ID, 0, facts, aggregation.Closing{}); !errors.Is(err, broken) {
			t.Errorf("commit of facts that break after %d: got %v, want %v", after, err, broken)
		}
		b.nothing(fmt.Sprintf("after %d facts", after), run.ID)
	}
	odd := func(yield func(aggregation.Fact, error) bool) {
		yield(aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Changed, ID: "a"}}, nil)
	}
	if err := b.db.Commit(t.Context(), run.ID, 0, odd, aggregation.Closing{}); err == nil {
		t.Error("commit of a change to nothing: got no error, want one")
	}
	b.nothing("after a change to nothing", run.ID)
}

// facts reads what was staged while it is committed, as the aggregator does.
func (b *bench) facts(run aggregation.RunID) func(yield func(aggregation.Fact, error) bool) {
	return func(yield func(aggregation.Fact, error) bool) {
		for r, err := range b.db.Staged(b.Context(), run) {
			if !yield(fact(r), err) {
				return
			}
		}
	}
}

func testReadingCommit(t *testing.T, b *bench) {
	var records []aggregation.Record
	for i := range 700 {
		records = append(records, record(fmt.Sprintf("%04d", i), 1))
	}
	run := b.staged(people, records...)
	if err := b.db.Commit(t.Context(), run.ID, 0, b.facts(run.ID), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records, collect(t, b.db.Before(t.Context(), people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
	if got := b.events(); len(got) != 700 || got[699].Seq != 700 {
		t.Errorf("events: got %d, want 700 in order", len(got))
	}
}

func testManyCommits(t *testing.T, b *bench) {
	var runs []aggregation.RunID
	for i := range 12 {
		runs = append(runs, b.staged(aggregation.Scope{Connection: fmt.Sprint("c", i), Resource: "people"}, record(fmt.Sprint("a", i), i), record("b", i)).ID)
	}
	var group sync.WaitGroup
	for _, run := range runs {
		group.Go(func() {
			if err := b.db.Commit(t.Context(), run, 0, b.facts(run), aggregation.Closing{}); err != nil {
				t.Errorf("commit run %d: %v", run, err)
			}
		})
	}
	group.Wait()
	if got := b.events(); len(got) != 24 {
		t.Errorf("events of twelve commits at once: got %d, want 24", len(got))
	}
}

func testEventOnce(t *testing.T, b *bench) {
	if err := b.db.Emit(t.Context(), event("a"), event("b"), event("a")); err != nil {
		t.Fatal(err)
	}
	other := event("a")
	other.Subject = "another"
	none := event("c")
	none.Data = nil
	if err := b.db.Emit(t.Context(), other, none); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Emit(t.Context()); err != nil {
		t.Errorf("emit nothing: got %v, want none", err)
	}
	var got []triggers.Event
	for _, e := range b.events() {
		got = append(got, e.Event)
	}
	if diff := cmp.Diff([]triggers.Event{event("a"), event("b"), none}, got); diff != "" {
		t.Errorf("events (- want, + got):\n%s", diff)
	}
}

// testEventOrder: writers at once, and a reader that remembers the last number.
func testEventOrder(t *testing.T, b *bench) {
	const writers, each = 4, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := b.db.Emit(t.Context(), event(fmt.Sprint(w, " ", i)), event(fmt.Sprint(w, " ", i, " too"))); err != nil {
					t.Errorf("emit: %v", err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { group.Wait(); close(over) }()
	seen := 0
	for last, ended := int64(0), false; !ended; {
		select {
		case <-over:
			ended = true // and one more look
		default:
		}
		for {
			events, err := b.db.Events(t.Context(), last, 7)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			seen += len(events)
			last = events[len(events)-1].Seq
		}
	}
	if seen != writers*each*2 {
		t.Errorf("events that a reader saw: got %d, want %d", seen, writers*each*2)
	}
}
