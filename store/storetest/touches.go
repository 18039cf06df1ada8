package storetest

import (
	"testing"

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
