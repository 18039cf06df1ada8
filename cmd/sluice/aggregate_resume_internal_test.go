package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// answerWithout is the vendor's list without a person.
func answerWithout(b *aggregateBench, w http.ResponseWriter, r *http.Request, id string) {
	inner := httptest.NewRecorder()
	b.vendor.ServeHTTP(inner, r)
	var all, kept []map[string]any
	if err := json.Unmarshal(inner.Body.Bytes(), &all); err != nil {
		b.Errorf("the vendor's list: %v", err)
	}
	for _, p := range all {
		if p["UID"] != id {
			kept = append(kept, p)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(kept); err != nil {
		b.Errorf("answer: %v", err)
	}
}

// A node that is stopped in the middle leaves the rest to another one, which repeats no call.
func TestAggregateGoesOn(t *testing.T) {
	t.Parallel()
	onBoth(t, 80, "workers_per_node: 2", func(b *aggregateBench) {
		var seen atomic.Int64
		half := make(chan struct{})
		b.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/people/") && !strings.HasSuffix(r.URL.Path, "/userlist") && seen.Add(1) == 40 {
				close(half)
			}
			return false
		})
		first := b.house(true)
		run := b.start(first)
		<-half
		if err := first.queue.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
		first.queue = nil
		second := b.house(true)
		got := b.over(second, run.ID, aggregation.Completed)
		if got.Counts.Added != 80 {
			b.Errorf("counts: got %+v, want 80 new", got.Counts)
		}
		// A call that was under way in each of two workers may have been lost.
		if all, twice := b.called(); all < 81 || all > 83 || len(twice) > 2 {
			b.Errorf("calls: got %d, %v twice, want 81 and those under way", all, twice)
		}
		b.sameAsVendor(second)
	})
}

// A vendor that fails for a while costs pauses, and one that fails for long fails the run, which can be resumed.
func TestAggregateTriesAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, 20, "workers_per_node: 1", func(b *aggregateBench) {
		h := b.house(true)
		var left atomic.Int64
		left.Store(2)
		b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/userlist") || left.Add(-1) < 0 {
				return false
			}
			http.Error(w, "{}", http.StatusInternalServerError)
			return true
		})
		b.read(h)
		if left.Load() >= 0 {
			b.Error("the vendor was not asked again, want it")
		}
		b.setFault(nil)
		b.vendor.Set(func(o *teamdynamix.Options) { o.ErrorRate = 1 })
		run := b.over(h, b.start(h).ID, aggregation.Failed)
		if !strings.Contains(run.Note, "given up after several tries") {
			b.Errorf("note: got %q, want that it was tried", run.Note)
		}
		if len(b.snapshot(h)) != 20 {
			b.Error("the snapshot changed, want it as it was")
		}
	})
}

// An account that cannot be read is told of, changes nothing, and is read again by retry alone.
func TestAggregateRetries(t *testing.T) {
	t.Parallel()
	onBoth(t, 25, "workers_per_node: 1", func(b *aggregateBench) {
		h := b.house(true)
		b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "0") && strings.Contains(r.URL.Path, "/people/") {
				http.Error(w, "{}", http.StatusNotFound)
				return true
			}
			return false
		})
		run := b.read(h)
		failed := run.Counts.Failed
		if failed == 0 || run.Counts.Added != 25-failed {
			b.Fatalf("counts: got %+v, want some that failed", run.Counts)
		}
		b.setFault(nil)
		again, err := h.db.RetryRun(b.Context(), run.ID)
		if err != nil {
			b.Fatal(err)
		}
		if got := b.over(h, again.ID, aggregation.Completed); got.Counts.Added != failed || got.Counts.Removed != 0 {
			b.Errorf("counts of the retry: got %+v, want %d new and nobody gone", got.Counts, failed)
		}
		if all, _ := b.called(); all != failed {
			b.Errorf("calls of the retry: got %d, want %d", all, failed)
		}
		b.sameAsVendor(h)
		if n := len(b.snapshot(h)); n != 25 {
			b.Errorf("snapshot: got %d accounts, want 25", n)
		}
	})
}

// A node that serves takes up what another process orders, goes on over a reload that changes nothing, and follows one that does.
func TestAggregateNodeFollows(t *testing.T) {
	t.Parallel()
	onBoth(t, 20, "workers_per_node: 1", func(b *aggregateBench) {
		looking := b.house(false)
		node := newAggregateNode(looking.db, looking.upstreams, looking.log)
		for range 2 {
			if err := node.follow(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		queue := node.queue
		b.read(looking)
		changed := *b.set.Connections["tdx"]
		changed.Aggregation.WorkersPerNode = 2
		set := *b.set
		set.Connections = map[string]*connectors.Connection{"tdx": &changed}
		if err := looking.upstreams.Apply(&set); err != nil {
			b.Fatal(err)
		}
		if err := node.follow(b.Context()); err != nil {
			b.Fatal(err)
		}
		if node.queue == queue {
			b.Error("the queue after workers_per_node has changed: got the old one, want another")
		}
		b.read(looking)
		if err := node.stop(b.Context()); err != nil {
			b.Errorf("stop: got %v, want none", err)
		}
		if err := node.follow(b.Context()); err != nil || node.queue != nil {
			b.Errorf("follow after the stop: got %v and a queue %v, want none", err, node.queue)
		}
	})
}
