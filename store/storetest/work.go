package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
)

func row(step int, id string) aggregation.Row {
	return aggregation.Row{Step: step, ID: id, JSON: []byte(fmt.Sprintf(`{"step":%d,"id":%q}`, step, id))}
}

func testKeep(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "list")
	w := b.db.Work(claim)
	keep := func(batch aggregation.Batch, at aggregation.Checkpoint) {
		t.Helper()
		if err := w.Keep(t.Context(), batch, at); err != nil {
			t.Fatalf("keep: %v", err)
		}
	}
	var many []aggregation.Row
	for i := range 600 {
		many = append(many, row(1, fmt.Sprintf("n%03d", 599-i)))
	}
	keep(aggregation.Batch{Step: 0, Rows: []aggregation.Row{row(0, "g"), row(0, "G")}}, aggregation.Checkpoint{Step: 1})
	keep(aggregation.Batch{Step: 1, Rows: append(many, row(1, "ghost"))}, aggregation.Checkpoint{Step: 1})
	w.Called(3 * time.Second)
	keep(aggregation.Batch{Step: 1, First: 600}, aggregation.Checkpoint{Step: 2})
	keep(aggregation.Batch{Step: 2, Over: "g", Rows: []aggregation.Row{row(2, "n000"), row(2, "stray")}}, aggregation.Checkpoint{Step: 2, Over: "g"})
	keep(aggregation.Batch{Step: 2, Over: "G", Gone: true, Rows: []aggregation.Row{row(2, "n000")}}, aggregation.Checkpoint{Step: 3, Done: true})

	var want []aggregation.Row
	for i := 599; i >= 0; i-- {
		if want = append(want, many[i]); i == 599 {
			want = append(want, row(2, "n000"), row(2, "n000"))
		}
	}
	want = append(want, row(2, "stray"))
	if diff := cmp.Diff(want, collect(t, w.Rows(t.Context(), 1, 2, ""))); diff != "" {
		t.Errorf("rows of two steps (- want, + got):\n%s", diff)
	}
	if got := collect(t, w.Rows(t.Context(), 1, 1, "n598")); len(got) != 2 || got[0].ID != "n598" {
		t.Errorf("rows from n598 on: got %v, want n598 and n599", got)
	}
	if diff := cmp.Diff([]aggregation.Row{row(0, "G"), row(0, "g")}, collect(t, w.Rows(t.Context(), 0, 0, ""))); diff != "" {
		t.Errorf("rows of the first step (- want, + got):\n%s", diff)
	}
	all, err := b.db.Partitions(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if p := all[0]; string(p.Checkpoint) != `{"step":3,"page":{},"done":true}` || p.Calls != 1 || p.Held != 3*time.Second || p.Done != 606 {
		t.Errorf("partition: got %+v, want it done with one call and 606 rows", p)
	}
	if warnings, err := b.db.Warnings(t.Context(), run.ID); len(warnings) != 1 || err != nil {
		t.Errorf("warnings: got %q and %v, want one of G", warnings, err)
	}
	b.pass(2 * time.Minute)
	b.claim(run.ID)
	if err := w.Keep(t.Context(), aggregation.Batch{Step: 1}, aggregation.Checkpoint{}); !errors.Is(err, aggregation.ErrFenced) {
		t.Errorf("keep by the old owner: got %v, want %v", err, aggregation.ErrFenced)
	}
	if got := collect(t, w.Rows(t.Context(), 1, 1, "")); len(got) != 600 {
		t.Errorf("rows after what was refused: got %d, want 600", len(got))
	}
}

func testPending(t *testing.T, b *bench) {
	run := b.start(people)
	w := b.db.Work(b.claim(run.ID, "all"))
	settled := func(id, doc, reason string) aggregation.Settled {
		s := aggregation.Settled{Record: aggregation.Record{ID: id, RowHash: "h " + id}, Reason: reason}
		if doc != "" {
			s.Row = []byte(doc)
		}
		return s
	}
	whole := aggregation.Settled{Record: record("d", 4)}
	for range 2 { // Settle may be done again
		if err := w.Settle(t.Context(), []aggregation.Settled{settled("a", "1", ""), settled("b", "2", ""), settled("c", "", "no name"), whole, settled("e", "5", "")}); err != nil {
			t.Fatal(err)
		}
	}
	left := func(from, to, want string) {
		t.Helper()
		got := ""
		for _, p := range collect(t, b.db.Pending(t.Context(), run.ID, from, to)) {
			got += p.ID + string(p.Row)
		}
		if got != want {
			t.Errorf("pending from %q to %q: got %q, want %q", from, to, got, want)
		}
	}
	left("", "", "a1b2e5")
	left("b", "e", "b2")
	detail, other := record("a", 1), record("e", 5)
	detail.RowHash, other.RowHash = "h a", "h of another configuration"
	if err := errors.Join(w.Detail(t.Context(), detail), w.Fail(t.Context(), aggregation.Failure{ID: "b", Reason: "404"})); err != nil {
		t.Fatal(err)
	}
	left("", "", "e5")
	if err := w.Detail(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	other.RowHash = ""
	want := []aggregation.Record{detail, {ID: "b", RowHash: "h b"}, {ID: "c", RowHash: "h c"}, record("d", 4), other}
	if diff := cmp.Diff(want, collect(t, b.db.Staged(t.Context(), run.ID))); diff != "" {
		t.Errorf("staged (- want, + got):\n%s", diff)
	}
	if staged, failed, err := b.db.Tally(t.Context(), run.ID); staged != 5 || failed != 2 || err != nil {
		t.Errorf("tally: got %d, %d, %v, want 5 and 2 that failed", staged, failed, err)
	}
}

func testLast(t *testing.T, b *bench) {
	run := b.start(people)
	list := b.claim(run.ID, "list")
	var then []aggregation.Partition
	for i := range 8 {
		then = append(then, aggregation.Partition{Name: fmt.Sprint("detail-", i)})
	}
	if err := b.db.Finish(t.Context(), list, then...); err != nil {
		t.Fatal(err)
	}
	var claims []aggregation.Claim
	for range then {
		claims = append(claims, b.claim(run.ID))
	}
	var group sync.WaitGroup
	for _, claim := range claims {
		group.Go(func() {
			if err := b.db.Finish(t.Context(), claim); err != nil {
				t.Errorf("finish: %v", err)
			}
		})
	}
	group.Wait()
	commit := b.claim(run.ID)
	if commit.Name != aggregation.CommitPartition {
		t.Fatalf("the last partition: got %s, want commit", commit.Name)
	}
	if err := b.db.Commit(t.Context(), run.ID, 0, factsOf(nil), aggregation.Closing{Claim: commit}); err != nil {
		t.Errorf("commit: %v", err)
	}
	all, err := b.db.Partitions(t.Context(), run.ID)
	if err != nil || len(all) != 10 || all[0].State != "done" {
		t.Errorf("partitions: got %d and %v, want 10, commit done", len(all), err)
	}
}
