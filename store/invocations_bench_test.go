package store_test

import (
	"fmt"
	"strings"
	"testing"

	"sluice/store/storetest"
	"sluice/triggers"
)

// BenchmarkStatusList reads what the status list chooses its page from: all of 2,000 invocations with payloads of 2 KiB, and the same bare.
func BenchmarkStatusList(b *testing.B) {
	db := storetest.Open(b, storetest.SQLite(b))
	s := triggers.Subscription{ID: "s", Name: "s", TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true}
	if err := db.CreateSubscription(b.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
		b.Fatal(err)
	}
	payload := []byte(`{"x":"` + strings.Repeat("x", 2048) + `"}`)
	for n := range 20 {
		var events []triggers.Event
		for m := range 100 {
			events = append(events, triggers.Event{ID: fmt.Sprint(n, ".", m), Type: "t", Subject: "a", Data: payload})
		}
		if err := db.Emit(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
	}
	for name, bare := range map[string]bool{"whole": false, "bare": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				all, err := db.Invocations(b.Context(), triggers.Query{Newest: true, Limit: 2000, Bare: bare})
				if err != nil || len(all) != 2000 {
					b.Fatalf("got %d, %v, want 2,000", len(all), err)
				}
			}
		})
	}
}
