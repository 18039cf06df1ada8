package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// A snapshot from before its resource had fold_case is respelled by the next run, and nobody is told to have come or gone.
func TestAggregateFoldsTheCaseOfASnapshot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &directory{people: []string{"A1", "b2", "C3", "D4"}}
		b := directoryBench(t, vendor, fresh())
		read := func() *aggregateHouse {
			h := b.house(true)
			started, err := h.runner.Start(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "")
			if err != nil {
				t.Fatal(err)
			}
			b.over(h, started.ID, aggregation.Completed)
			return h
		}
		h := read()
		_, seq := b.events(h, 0)
		h.close()
		name := filepath.Join(b.folder, "connectors", "directory.yaml")
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, []byte(strings.Replace(string(text), "key: .id\n", "key: .id\n    fold_case: true\n", 1)), 0o600)
		}
		if err == nil {
			b.set, err = (source{path: b.folder}).set()
		}
		if err != nil {
			t.Fatal(err)
		}
		vendor.people = []string{"a1", "B2", "C3", "d4"}
		h = read()
		events, _ := b.events(h, seq)
		if created, deleted := events[triggers.IdentityCreated], events[triggers.IdentityDeleted]; len(created)+len(deleted) > 0 {
			t.Errorf("got %d created and %d deleted, want nobody", len(created), len(deleted))
		}
		var ids []string
		for record, err := range h.db.Before(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}) {
			if err != nil {
				t.Fatal(err)
			}
			if ids = append(ids, record.ID); !strings.Contains(string(record.Account), `"id":"`+record.ID+`"`) {
				t.Errorf("account %s: got %s, want the same id in it", record.ID, record.Account)
			}
		}
		if want := []string{"a1", "b2", "c3", "d4"}; !slices.Equal(ids, want) {
			t.Errorf("ids: got %q, want %q", ids, want)
		}
	})
}
