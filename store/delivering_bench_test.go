package store_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// BenchmarkDeliver is 20,000 events of as many subjects to one receiver that answers at once.
func BenchmarkDeliver(b *testing.B) {
	for name, options := range map[string]func(testing.TB) store.Options{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			const events = 20_000
			sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
			defer sink.Close()
			for range b.N {
				db := storetest.Open(b, options(b))
				if err := db.CreateSubscription(b.Context(), triggers.Subscription{ID: "s", TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true},
					func([]triggers.Subscription) error { return nil }); err != nil {
					b.Fatal(err)
				}
				for first := 0; first < events; first += 100 {
					var some []triggers.Event
					for i := range 100 {
						some = append(some, triggers.Event{ID: fmt.Sprint(first + i), Type: "t", Subject: fmt.Sprint(first + i), Data: []byte(`{"n":1}`)})
					}
					if err := db.Emit(b.Context(), some...); err != nil {
						b.Fatal(err)
					}
				}
				r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) {
					resp, err := sink.Client().Post(sink.URL, "application/json", nil)
					if err != nil {
						return triggers.Answer{}, err
					}
					_ = resp.Body.Close()
					return triggers.Answer{Status: resp.StatusCode}, nil
				}}
				began := time.Now()
				stop := run(b, db, r, "one")
				until(b, "all events", func() bool { return len(r.of("s")) == events })
				stop()
				b.ReportMetric(events/time.Since(began).Seconds(), "deliveries/s")
				db.Close()
			}
		})
	}
}
