package store_test

import (
	"fmt"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// some are events of many subjects.
func some(n int) (events []triggers.Event) {
	for i := range n {
		events = append(events, triggers.Event{ID: fmt.Sprint("event ", i), Type: "t", Subject: fmt.Sprint(i), Data: []byte(`{"n":1}`)})
	}
	return events
}

// An outbox that grows in one transaction is not read for each hundred events that come to it.
func TestEmitReadsNoOutbox(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	rows, err := db.EmitScanning(t.Context(), some(3_000)...)
	if err != nil || rows > 0 {
		t.Errorf("got %d rows of the outbox read, %v, want none", rows, err)
	}
}

// Events that are told in one go with some that were told before have their own numbers, and invocations of their own.
func TestEmitKeepsNumbers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		all := some(6)
		if err := db.Emit(t.Context(), all[1], all[3]); err != nil {
			t.Fatal(err)
		}
		if err := db.Emit(t.Context(), all[0], all[1], all[2], all[2], all[3], all[4], all[0], all[5]); err != nil {
			t.Fatal(err)
		}
		want := []string{"1", "3", "0", "2", "4", "5"}
		events, err := db.Events(t.Context(), 0, 100)
		if err != nil || len(events) != len(want) {
			t.Fatalf("events: got %d, %v, want %d", len(events), err, len(want))
		}
		made, err := db.Invocations(t.Context(), triggers.Query{})
		if err != nil || len(made) != len(want) {
			t.Fatalf("invocations: got %d, %v, want %d", len(made), err, len(want))
		}
		for i, subject := range want {
			if events[i].Subject != subject || made[i].Event.Subject != subject || made[i].Event.ID != "event "+subject {
				t.Errorf("event %d: got that of %s, and an invocation of %s for %s, want all of %s", i, events[i].Subject, made[i].Event.Subject, made[i].Event.ID, subject)
			}
		}
	})
}

// PostgreSQL keeps no plan of a query that names rows, which would be from when there were few.
func TestListsArePlannedAnew(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	for like, want := range map[string]int64{"%accounts%IN ($%": 0, "%counters%": 1} {
		if n, err := db.Planned(t.Context(), like); err != nil || n != want {
			t.Errorf("plans like %s: got %d, %v, want %d", like, n, err, want)
		}
	}
}
