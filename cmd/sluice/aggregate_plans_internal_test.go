package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sluice/aggregation"
)

// With changed_only a second run costs the listing, and a row that changed its own call.
func TestAggregateReadsChangedOnly(t *testing.T) {
	t.Parallel()
	onBoth(t, 40, "changed_only: true, workers_per_node: 2", func(b *aggregateBench) {
		h := b.house(true)
		b.read(h)
		for _, want := range []int{1, 2} {
			b.setFault(nil)
			if want == 2 {
				for id := range b.snapshot(h) {
					b.ask("PATCH", "/api/people/"+id, []map[string]string{{"op": "replace", "path": "/PrimaryEmail", "value": "else@example.edu"}}, nil)
					break
				}
			}
			run := b.read(h)
			if all, _ := b.called(); all != want || run.Counts.Changed != want-1 || run.Counts.Removed+run.Counts.Added != 0 {
				b.Errorf("got %d calls and %+v, want %d calls and %d changed", all, run.Counts, want, want-1)
			}
		}
		b.sameAsVendor(h)
	})
}

// The inverted plan gives the accounts that the other one gives, so that changing the plan tells of nothing.
func TestAggregateByAnotherPlan(t *testing.T) {
	t.Parallel()
	onBoth(t, 120, "workers_per_node: 3", func(b *aggregateBench) {
		h := b.house(true)
		b.read(h)
		run, err := h.runner.Start(b.Context(), tdxPeople, "inverted")
		if err != nil {
			b.Fatal(err)
		}
		run = b.over(h, run.ID, aggregation.Completed)
		if c := run.Counts; run.Plan != "inverted" || c.Scanned != 120 || c.Unchanged != 120 {
			b.Errorf("counts of plan %s: got %+v, want 120 as before", run.Plan, c)
		}
	})
}

// Places beyond max_hold are waited for by the worker: nothing is tried again, and the wait is told.
func TestAggregateWaitsInPlace(t *testing.T) {
	t.Parallel()
	onBoth(t, 300, "workers_per_node: 4", func(b *aggregateBench) {
		name := filepath.Join(b.folder, "sluice.yaml")
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, bytes.ReplaceAll(text, []byte("window: 30ms"), []byte("window: 500ms")), 0o600)
		}
		if err == nil {
			b.set, err = b.source().set()
		}
		if err != nil {
			b.Fatal(err)
		}
		h := b.house(true)
		run := b.read(h)
		parts, err := h.db.Partitions(b.Context(), run.ID)
		if err != nil {
			b.Fatal(err)
		}
		if at := aggregation.StandingOf(parts); at.Calls != 301 || at.Held <= 0 || at.Done != 300 || at.Total != 300 {
			b.Errorf("standing: got %+v, want 301 calls that were held", at)
		}
		if all, twice := b.called(); all != 301 || len(twice) > 0 {
			b.Errorf("calls at the vendor: got %d, %v twice, want 301", all, twice)
		}
	})
}
