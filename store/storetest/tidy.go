package storetest

import (
	"errors"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
)

// holds counts what is staged for runs.
func (b *bench) holds(runs ...aggregation.Run) (counts []int) {
	b.Helper()
	for _, run := range runs {
		counts = append(counts, len(collect(b.T, b.db.Staged(b.Context(), run.ID))))
	}
	return counts
}

func (b *bench) tidy(want []int, runs ...aggregation.Run) {
	b.Helper()
	if err := b.db.Tidy(b.Context()); err != nil {
		b.Fatalf("tidy: %v", err)
	}
	got := b.holds(runs...)
	for i := range want {
		if got[i] != want[i] {
			b.Errorf("staged accounts of the runs after a tidy: got %v, want %v", got, want)
			return
		}
	}
}

// complete completes a run whose partitions are done, and leaves what it has read as a kill would.
func (b *bench) complete(run aggregation.Run, expected int64) {
	b.Helper()
	if err := b.db.Commit(b.Context(), run.ID, expected, factsOf(nil), aggregation.Closing{}); err != nil {
		b.Fatalf("commit: %v", err)
	}
}

func testTidy(t *testing.T, b *bench) {
	running := b.staged(aggregation.Scope{Connection: "acme", Resource: "groups"}, record("g", 1))
	failed := b.staged(people, record("a", 1), record("b", 1))
	b.move(failed.ID, aggregation.Failed)
	cancelled := b.staged(people, record("a", 1))
	b.move(cancelled.ID, aggregation.Cancelled)
	runs := []aggregation.Run{running, failed, cancelled}
	b.tidy([]int{1, 2, 1}, runs...)
	b.pass(store.ResumeWithin - time.Second)
	b.tidy([]int{1, 2, 1}, runs...)
	b.pass(time.Second)
	b.tidy([]int{1, 0, 0}, runs...)

	// A kill came between commit and forget; one account failed, and can be read again until the whole scope was.
	done := b.start(people)
	claim := b.claim(done.ID, "all")
	b.stage(claim, record("a", 1))
	w := b.db.Work(claim)
	if err := errors.Join(
		w.Keep(t.Context(), aggregation.Batch{Rows: []aggregation.Row{{ID: "a", JSON: []byte("1")}}}, aggregation.Checkpoint{}),
		w.Settle(t.Context(), []aggregation.Settled{{Record: aggregation.Record{ID: "b", RowHash: "r"}, Row: []byte("2")}}),
		w.Fail(t.Context(), aggregation.Failure{ID: "b", Reason: "404"}), b.db.Finish(t.Context(), claim)); err != nil {
		t.Fatal(err)
	}
	b.complete(done, 0)
	b.tidy([]int{1}, done)
	for _, err := range w.Rows(t.Context(), 0, 9, "") {
		t.Errorf("rows of lists after a tidy: got one, %v, want none", err)
	}
	broken := b.staged(people, record("a", 1))
	b.move(broken.ID, aggregation.Failed)
	b.tidy([]int{1, 1}, done, broken)
	last := b.staged(people, record("a", 1))
	b.complete(last, 1)
	b.tidy([]int{1, 0, 0, 0}, running, done, broken, last)
	if _, err := b.db.RetryRun(t.Context(), done.ID); !errors.Is(err, aggregation.ErrDropped) {
		t.Errorf("retry what a later run has read: got %v, want %v", err, aggregation.ErrDropped)
	}
}

func testResumeWithin(t *testing.T, b *bench) {
	resume := func(run aggregation.Run, want error) {
		t.Helper()
		if err := b.db.MoveRun(t.Context(), run.ID, aggregation.Running, ""); !errors.Is(err, want) {
			t.Errorf("resume run %d: got %v, want %v", run.ID, err, want)
		}
	}
	first := b.staged(people, record("a", 1))
	b.move(first.ID, aggregation.Failed)
	b.pass(store.ResumeWithin - time.Second)
	resume(first, nil)
	b.move(first.ID, aggregation.Cancelled)
	b.pass(store.ResumeWithin)
	resume(first, aggregation.ErrDropped)

	second := b.staged(people, record("a", 1))
	b.move(second.ID, aggregation.Cancelled)
	third := b.staged(people, record("a", 1))
	b.pass(time.Second)
	b.complete(third, 0)
	resume(second, aggregation.ErrDropped)
	fourth := b.start(people)
	b.move(fourth.ID, aggregation.Failed)
	resume(fourth, nil)
	b.pass(2 * store.ResumeWithin)
	b.move(fourth.ID, aggregation.Held)
	resume(fourth, nil) // it was not over
}
