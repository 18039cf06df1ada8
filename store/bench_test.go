package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/proxy/pace/lease"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// BenchmarkCommit is a run of accounts of 1 KB: staged in pages of 100, then committed with an event each; and then a second run that finds
// them as they were. Of many the rates must not be less than of few.
func BenchmarkCommit(b *testing.B) {
	for _, people := range []int{20_000, 200_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			each(b, func(b *testing.B, db *store.DB) {
				for n := range b.N {
					scope := aggregation.Scope{Connection: fmt.Sprint(n), Resource: "people"}
					staged, committed := benchRun(b, db, scope, people, 0)
					b.ReportMetric(staged, "staged/s")
					b.ReportMetric(committed, "committed/s")
					_, committed = benchRun(b, db, scope, people, 1)
					b.ReportMetric(committed, "unchanged/s")
				}
			})
		})
	}
}

// benchRun stages and commits a run, with new facts where the revision is 0, and returns how many accounts it did a second.
func benchRun(b *testing.B, db *store.DB, scope aggregation.Scope, people int, revision int64) (staged, committed float64) {
	b.Helper()
	const page = 100
	ctx, text := b.Context(), strings.Repeat("x", 1000)
	run, err := db.StartRun(ctx, scope, "detail")
	if err != nil {
		b.Fatal(err)
	}
	if err := db.AddPartitions(ctx, run.ID, aggregation.Partition{Name: "all"}); err != nil {
		b.Fatal(err)
	}
	claim, err := db.Claim(ctx, aggregation.Want{Run: run.ID, Owner: "a", Lease: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for from := 0; from < people; from += page {
		var records []aggregation.Record
		for i := range page {
			records = append(records, aggregation.Record{ID: fmt.Sprintf("%08d", from+i), Account: json.RawMessage(`{"a":"` + text + `"}`), RowHash: "h", ReadAt: began})
		}
		if err := db.Stage(ctx, claim, store.Progress{Done: int64(from)}, records...); err != nil {
			b.Fatal(err)
		}
	}
	staged = float64(people) / time.Since(began).Seconds()
	if err := db.Finish(ctx, claim); err != nil {
		b.Fatal(err)
	}
	began = time.Now()
	changes := facts(b, db, run.ID, scope.Connection)
	if revision > 0 {
		changes = func(func(aggregation.Fact, error) bool) {}
	}
	if err := db.Commit(ctx, run.ID, revision, changes, aggregation.Closing{}); err != nil {
		b.Fatal(err)
	}
	return staged, float64(people) / time.Since(began).Seconds()
}

// BenchmarkPages is a read of 100,000 accounts of 1 KB by offset, 250 at a time; near and far are the time of a page in the first and in the
// last tenth.
func BenchmarkPages(b *testing.B) {
	const people, page = 100_000, 250
	each(b, func(b *testing.B, db *store.DB) {
		ctx := b.Context()
		scope := aggregation.Scope{Connection: "acme", Resource: "people"}
		run, err := db.StartRun(ctx, scope, "detail")
		if err != nil {
			b.Fatal(err)
		}
		account := json.RawMessage(`{"a":"` + strings.Repeat("x", 1000) + `"}`)
		if err := db.Commit(ctx, run.ID, 0, func(yield func(aggregation.Fact, error) bool) {
			for i := range people {
				if !yield(aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Created, ID: fmt.Sprintf("%08d", i), After: account}}, nil) {
					return
				}
			}
		}, aggregation.Closing{}); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			reader := db.Reader()
			var near, far, first time.Duration
			for offset := 0; offset < people; offset += page {
				began := time.Now()
				if _, got, err := reader.Page(ctx, scope, int64(offset), page); err != nil || len(got) != page {
					b.Fatalf("page at %d: got %d accounts and %v, want %d", offset, len(got), err, page)
				}
				switch took := time.Since(began); {
				case offset == 0:
					first = took
				case offset < people/10:
					near += took
				case offset >= people-people/10:
					far += took
				}
			}
			b.ReportMetric(float64(first.Microseconds()), "first-µs")
			b.ReportMetric(float64(near.Microseconds())/(people/10/page-1), "near-µs")
			b.ReportMetric(float64(far.Microseconds())/(people/10/page), "far-µs")
		}
	})
}

// BenchmarkEmit is 100 events in a transaction that all go to one subscription.
func BenchmarkEmit(b *testing.B) {
	each(b, func(b *testing.B, db *store.DB) {
		s := triggers.Subscription{ID: "s", Name: "s", TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true}
		if err := db.CreateSubscription(b.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
			b.Fatal(err)
		}
		payload, n := json.RawMessage(`{"a":"`+strings.Repeat("x", 1000)+`"}`), 0
		for b.Loop() {
			var events []triggers.Event
			for range 100 {
				n++
				events = append(events, triggers.Event{ID: fmt.Sprint(n), Type: "t", Subject: fmt.Sprint(n % 1000), Data: payload})
			}
			if err := db.Emit(b.Context(), events...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkTrade is one node's trade for one bucket.
func BenchmarkTrade(b *testing.B) {
	terms := lease.Terms{Limit: 60, Window: time.Minute, TTL: 4 * time.Second, Transit: time.Second, Share: 0.25}
	each(b, func(b *testing.B, db *store.DB) {
		for n := range b.N {
			if _, err := db.Trade(b.Context(), lease.Trade{Bucket: "b", Node: "n", Seq: uint64(n + 1), Terms: terms, Wants: 1}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func each(b *testing.B, bench func(*testing.B, *store.DB)) {
	b.Helper()
	for name, fresh := range map[string]func(testing.TB) store.Options{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) { bench(b, storetest.Open(b, fresh(b))) })
	}
}
