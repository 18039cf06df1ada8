package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
)

func testTouch(t *testing.T, b *bench) {
	ctx := t.Context()
	a, upper, other := record("a1", 1), record("B2", 1), record("c3", 1)
	run := b.staged(people, a, upper, other)
	if err := b.db.Commit(ctx, run.ID, 0, factsOf([]aggregation.Record{a, upper, other}), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	if n, err := b.db.Touch(ctx, people, "a1", "b2", "nobody"); n != 2 || err != nil {
		t.Errorf("touch: got %d and %v, want 2 accounts", n, err)
	}
	if n, err := b.db.Touch(ctx, aggregation.Scope{Connection: people.Connection, Resource: "groups"}, "a1"); n != 0 || err != nil {
		t.Errorf("touch of another resource: got %d and %v, want none", n, err)
	}
	a.RowHash, upper.RowHash = "", ""
	if diff := cmp.Diff([]aggregation.Record{upper, a, other}, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
}

// A write that comes while a run is under way may be newer than what the run has read of the account.
func testTouchUnderWay(t *testing.T, b *bench) {
	ctx := t.Context()
	known, born, other := record("a", 1), record("b", 1), record("c", 1)
	before := b.staged(people, known)
	if err := b.db.Commit(ctx, before.ID, 0, factsOf([]aggregation.Record{known}), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	w := b.db.Work(claim)
	var waiting []aggregation.Settled
	for _, r := range []aggregation.Record{known, born, other} {
		waiting = append(waiting, aggregation.Settled{Record: aggregation.Record{ID: r.ID, RowHash: r.RowHash}, Row: []byte("{}")})
	}
	if err := errors.Join(w.Settle(ctx, waiting), w.Detail(ctx, known)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.Touch(ctx, people, known.ID, born.ID); err != nil { // one that was read, and one whose call is under way
		t.Fatal(err)
	}
	if err := errors.Join(w.Detail(ctx, born), w.Detail(ctx, other), b.db.Finish(ctx, claim)); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Commit(ctx, run.ID, 1, factsOf([]aggregation.Record{born, other}), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	known.RowHash, born.RowHash = "", ""
	if diff := cmp.Diff([]aggregation.Record{known, born, other}, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
}

// A snapshot of any size is respelled a page at a time, in one transaction: while it goes on, what was read of it is not kept in memory.
func testRespellMany(t *testing.T, b *bench) {
	ctx := t.Context()
	var all []aggregation.Record
	for i := range 1_000 {
		all = append(all, record(fmt.Sprintf("P%04d", i), i+1))
	}
	run := b.staged(people, all...)
	if err := b.db.Commit(ctx, run.ID, 0, factsOf(all), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	var shown, fails int
	var first weak.Pointer[byte]
	fold := func(r aggregation.Record) (aggregation.Record, error) {
		if shown++; shown == 1 {
			r.Account = bytes.Clone(r.Account)
			first = weak.Make(&r.Account[0])
		}
		if shown == fails {
			if runtime.GC(); first.Value() != nil {
				t.Error("the first account is in memory still when the last one comes")
			}
			return r, errors.New("the last one fails")
		}
		r.ID = strings.ToLower(r.ID)
		return r, nil
	}
	fails = len(all)
	if n, err := b.db.Respell(ctx, people, fold); n != 0 || err == nil {
		t.Errorf("one that fails: got %d, %v, want an error", n, err)
	}
	if diff := cmp.Diff(all, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("after one that fails (- want, + got):\n%s", diff)
	}
	if n, err := b.db.Respell(ctx, people, fold); n != len(all) || err != nil {
		t.Errorf("got %d, %v, want %d", n, err, len(all))
	}
	for i := range all {
		all[i].ID = strings.ToLower(all[i].ID)
	}
	if diff := cmp.Diff(all, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
}

// Accounts whose ids were spelled otherwise are one account under the new id, and readers see another revision.
func testRespell(t *testing.T, b *bench) {
	ctx := t.Context()
	upper, both, lower := record("A1", 1), record("B2", 2), record("b2", 3)
	run := b.staged(people, upper, both, lower)
	if err := b.db.Commit(ctx, run.ID, 0, factsOf([]aggregation.Record{upper, both, lower}), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	fold := func(r aggregation.Record) (aggregation.Record, error) {
		r.ID = strings.ToLower(r.ID)
		return r, nil
	}
	for _, want := range []int{2, 0} {
		if n, err := b.db.Respell(ctx, people, fold); n != want || err != nil {
			t.Errorf("respell: got %d and %v, want %d", n, err, want)
		}
		if revision, err := b.db.Revision(ctx, people); revision != 2 || err != nil {
			t.Errorf("revision: got %d and %v, want 2", revision, err)
		}
	}
	upper.ID = "a1"
	if diff := cmp.Diff([]aggregation.Record{upper, lower}, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
}
