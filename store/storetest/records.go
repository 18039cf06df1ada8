package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/store"
)

func testStage(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	row := func(id, hash string) aggregation.Record { return aggregation.Record{ID: id, RowHash: hash} }
	b.stage(claim, row("a", "1"), row("b", "2"), row("a", "3"), row("c", "4"))
	detail := record("a", 7)
	detail.RowHash = ""
	b.stage(claim, detail)
	b.stage(claim, row("a", "5"), record("b", 8), row("b", ""), row("d", "6"))
	whole := record("a", 7)
	whole.RowHash = "5"
	want := []aggregation.Record{whole, record("b", 8), row("c", "4"), row("d", "6")}
	if diff := cmp.Diff(want, collect(t, b.db.Staged(t.Context(), run.ID))); diff != "" {
		t.Errorf("staged (- want, + got):\n%s", diff)
	}
}

func testOrder(t *testing.T, b *bench) {
	ids := []string{"Z", "a", "ä", "a-b", "a b", "ab", "AB", "10", "9", "é", "e", "f", "\U0001F600", "\uFFFD", "a\u0301", "_", "-", " "}
	for i := range 600 {
		ids = append(ids, fmt.Sprint("n", i))
	}
	var records []aggregation.Record
	for i, id := range ids {
		records = append(records, record(id, i%60))
	}
	run := b.staged(people, records...)
	if err := b.db.Commit(t.Context(), run.ID, 0, factsOf(records), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(records, func(a, b aggregation.Record) int { return strings.Compare(a.ID, b.ID) })
	if diff := cmp.Diff(records, collect(t, b.db.Staged(t.Context(), run.ID))); diff != "" {
		t.Errorf("staged (- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(records, collect(t, b.db.Before(t.Context(), people))); diff != "" {
		t.Errorf("snapshot (- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(records[300:], collect(t, b.db.StagedAfter(t.Context(), run.ID, records[299].ID))); diff != "" {
		t.Errorf("staged, after the 300th (- want, + got):\n%s", diff)
	}
	known, err := b.db.Known(t.Context(), people, append(ids[:150:150], "nobody")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[:150] {
		if known[id].ID != id || known[id].RowHash == "" {
			t.Errorf("known of %q: got %+v", id, known[id])
		}
	}
	if len(known) != 150 {
		t.Errorf("known accounts: got %d, want 150", len(known))
	}
	walked := 0
	for _, err := range b.db.Before(t.Context(), people) {
		if err != nil {
			t.Fatal(err)
		}
		if walked++; walked == 300 {
			break
		}
	}
	if walked != 300 {
		t.Errorf("a walk that is broken off: got %d records, want 300", walked)
	}
}

func testFailures(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	failed := func(id, reason string) store.Failure { return store.Failure{ID: id, Reason: reason, At: at} }
	for _, failures := range [][]store.Failure{{failed("b", "404"), failed("a", "500")}, {failed("c", "500"), failed("b", "503"), failed("c", "timeout")}} {
		if err := b.db.Stage(t.Context(), claim, store.Progress{Failures: failures}, aggregation.Record{ID: "a", RowHash: "1"}); err != nil {
			t.Fatal(err)
		}
	}
	want := []store.Failure{failed("a", "500"), failed("b", "503"), failed("c", "timeout")}
	if n, err := b.db.Failed(t.Context(), run.ID); n != 3 || err != nil {
		t.Errorf("how many failed: got %d and %v, want 3", n, err)
	}
	if diff := cmp.Diff(want, collect(t, b.db.Failures(t.Context(), run.ID))); diff != "" {
		t.Errorf("failures (- want, + got):\n%s", diff)
	}
	b.stage(claim, record("b", 1), aggregation.Record{ID: "c", RowHash: "2"})
	want = []store.Failure{failed("a", "500"), failed("c", "timeout")}
	if diff := cmp.Diff(want, collect(t, b.db.Failures(t.Context(), run.ID))); diff != "" {
		t.Errorf("failures when b was read (- want, + got):\n%s", diff)
	}
}

func testText(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	for name, id := range map[string]string{"empty": "", "NUL": "a\x00", "not UTF-8": "a\xff"} {
		if err := b.db.Stage(t.Context(), claim, store.Progress{}, record("good", 1), aggregation.Record{ID: id}); err == nil {
			t.Errorf("stage an id that is %s: got no error, want one", name)
		}
		if err := b.db.AddPartitions(t.Context(), run.ID, aggregation.Partition{Name: id}); err == nil {
			t.Errorf("add a partition whose name is %s: got no error, want one", name)
		}
		if err := b.db.Emit(t.Context(), event(id)); err == nil {
			t.Errorf("emit an event whose id is %s: got no error, want one", name)
		}
	}
	for name, account := range map[string]string{"NUL": "\"a\x00\"", "not UTF-8": "\"a\xff\""} {
		if err := b.db.Stage(t.Context(), claim, store.Progress{}, aggregation.Record{ID: "a", Account: []byte(account)}); err == nil {
			t.Errorf("stage an account with %s: got no error, want one", name)
		}
	}
	odd := store.Progress{Failures: []store.Failure{{ID: "a", Reason: "the vendor said \x00\xff"}}}
	if err := b.db.Stage(t.Context(), claim, odd); err != nil {
		t.Fatalf("stage a failure with odd text: %v", err)
	}
	if got, want := collect(t, b.db.Failures(t.Context(), run.ID))[0].Reason, "the vendor said \uFFFD\uFFFD"; got != want {
		t.Errorf("a reason with odd text: got %q, want %q", got, want)
	}
	if err := b.db.Emit(t.Context(), event(strings.Repeat("x", 65))); err == nil {
		t.Error("emit an event whose id is too long: got no error, want one")
	}
	if got := collect(t, b.db.Staged(t.Context(), run.ID)); len(got) != 0 {
		t.Errorf("staged beside what was refused: got %v, want nothing", got)
	}
	claim.Name = "none"
	if err := b.db.Heartbeat(t.Context(), claim); !errors.Is(err, aggregation.ErrFenced) {
		t.Errorf("heartbeat of a partition that is not there: got %v, want %v", err, aggregation.ErrFenced)
	}
}
