package storetest

import (
	"testing"
	"time"

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
	read := a
	a.RowHash, upper.RowHash, a.ReadAt, upper.ReadAt = "", "", b.clock(), b.clock()
	if diff := cmp.Diff([]aggregation.Record{upper, a, other}, collect(t, b.db.Before(ctx, people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}

	// Who is written to while a run goes on may have been read by it before: the mark stays, until a run that began later.
	b.pass(time.Minute)
	for revision, touches := range []bool{true, false} {
		run := b.staged(people, read, other)
		want := read
		if touches {
			b.pass(time.Second)
			if n, err := b.db.Touch(ctx, people, "a1"); n != 1 || err != nil {
				t.Errorf("touch again: got %d and %v, want 1 account", n, err)
			}
			want.RowHash, want.ReadAt = "", b.clock()
			b.pass(time.Second)
		}
		if err := b.db.Commit(ctx, run.ID, int64(revision+1), factsOf(nil), aggregation.Closing{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]aggregation.Record{upper, want, other}, collect(t, b.db.Before(ctx, people))); diff != "" {
			t.Errorf("snapshot after a run, touched meanwhile %v (- want, + got):\n%s", touches, diff)
		}
	}
}
