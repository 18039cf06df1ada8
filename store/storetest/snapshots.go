package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
)

// many are accounts in the order of their ids: more than two strides, and not a whole number of them.
func many(n int) (records []aggregation.Record) {
	for i := range n {
		records = append(records, record(fmt.Sprintf("%06d", i), i%60))
	}
	return records
}

func testReaderBefore(t *testing.T, b *bench) {
	r := b.db.Reader()
	if revision, _, total, err := r.Edition(t.Context(), people); revision != 0 || total != 0 || err != nil {
		t.Errorf("edition before the first commit: got %d, %d, %v, want 0, 0 and none", revision, total, err)
	}
	if revision, page, err := r.Page(t.Context(), people, 0, 10); revision != 0 || len(page) != 0 || err != nil {
		t.Errorf("page before the first commit: got %d, %d accounts, %v, want 0, 0 and none", revision, len(page), err)
	}
	if _, found, err := r.Account(t.Context(), people, "a"); found || err != nil {
		t.Errorf("account before the first commit: got %t and %v, want none", found, err)
	}
}

func testReader(t *testing.T, b *bench) {
	r := b.db.Reader()
	records := many(777)
	b.commit(people, 0, records)
	other := aggregation.Scope{Connection: people.Connection, Resource: "groups"}
	b.commit(other, 0, many(3))
	revision, committed, total, err := r.Edition(t.Context(), people)
	if revision != 1 || !committed.Equal(b.clock()) || total != 777 || err != nil {
		t.Errorf("edition: got %d of %s with %d accounts and %v, want 1 of %s with 777 and none", revision, committed, total, err, b.clock())
	}
	for _, at := range [][2]int{{0, 1}, {0, 250}, {249, 2}, {250, 250}, {251, 700}, {499, 1}, {500, 300}, {776, 5}, {777, 5}, {1 << 40, 5}, {-1, 5}, {-1 << 40, 5}} {
		var want []aggregation.Record
		if at[0] >= 0 && at[0] < len(records) {
			want = records[at[0]:min(at[0]+at[1], len(records))]
		}
		revision, page, err := r.Page(t.Context(), people, int64(at[0]), at[1])
		if diff := cmp.Diff(want, page); revision != 1 || err != nil || diff != "" {
			t.Errorf("%d from offset %d: got revision %d, %v, want 1 and none (- want, + got):\n%s", at[1], at[0], revision, err, diff)
		}
	}
}

func testReaderByKey(t *testing.T, b *bench) {
	r := b.db.Reader()
	records := many(777)
	b.commit(people, 0, records)
	if _, page, err := r.After(t.Context(), people, "000300", 300); err != nil || cmp.Diff(records[301:601], page) != "" {
		t.Errorf("300 after 000300: got %d accounts and %v, want those from 000301 on", len(page), err)
	}
	if revision, page, err := r.After(t.Context(), people, "999999", 3); revision != 1 || len(page) != 0 || err != nil {
		t.Errorf("after the last: got %d, %d accounts, %v, want 1, 0 and none", revision, len(page), err)
	}
	for id, want := range map[string]bool{"000777": false, "000776": true, "": false, "\x00": false, "\xff": false} {
		if got, found, err := r.Account(t.Context(), people, id); found != want || err != nil || found && got.ID != id {
			t.Errorf("account %q: got %t and %v, want %t", id, found, err, want)
		}
	}
}

func testReaderFollows(t *testing.T, b *bench) {
	r := b.db.Reader()
	records := many(600)
	b.commit(people, 0, records)
	if _, page, err := r.Page(t.Context(), people, 500, 10); err != nil || page[0].ID != "000500" {
		t.Fatalf("page: got %v and %v", page, err)
	}
	b.commit(people, 1, nil, "000000", "000001")
	revision, page, err := r.Page(t.Context(), people, 500, 10)
	if revision != 2 || err != nil || len(page) != 10 || page[0].ID != "000502" {
		t.Errorf("page after two are gone: got revision %d, %v, %v, want 2 from 000502 on", revision, page, err)
	}
	if revision, _, total, err := r.Edition(t.Context(), people); revision != 2 || total != 598 || err != nil {
		t.Errorf("edition: got %d with %d and %v, want 2 with 598", revision, total, err)
	}
}

// commit makes records the snapshot's, and takes others out of it.
func (b *bench) commit(scope aggregation.Scope, expected int64, records []aggregation.Record, gone ...string) {
	b.Helper()
	run := b.staged(scope, records...)
	if err := b.db.Commit(b.Context(), run.ID, expected, factsOf(records, gone...), aggregation.Closing{}); err != nil {
		b.Fatalf("commit: %v", err)
	}
}
