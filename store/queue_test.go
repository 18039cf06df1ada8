package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// queue runs a queue for the length of a test.
func queue(t *testing.T, db *store.DB, o store.QueueOptions) *store.Queue {
	t.Helper()
	q, err := db.Queue(o)
	if err == nil {
		err = q.Start(t.Context())
	}
	if err != nil {
		t.Fatalf("start a queue: %v", err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return q
}

// come waits for a value.
func come[T any](t *testing.T, what string, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return value
}

// jobs waits until there are so many jobs.
func jobs(t *testing.T, db *store.DB, which string, want int64) {
	t.Helper()
	limit, look := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for {
		got, err := db.Count(t.Context(), which)
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s: got %d, want %d", which, got, want)
		case <-look.C:
		}
	}
}

func begin(t *testing.T, db *store.DB, connection string, names ...string) aggregation.Run {
	t.Helper()
	var parts []aggregation.Partition
	for _, name := range names {
		parts = append(parts, aggregation.Partition{Name: name})
	}
	run, err := db.StartRun(t.Context(), aggregation.Scope{Connection: connection, Resource: "people"}, "", parts...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// A connection whose partitions take forever does not take the workers of another, and each partition is worked at once.
func TestQueue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		done := make(chan string, 99)
		slow := make(chan string, 99)
		queue(t, db, store.QueueOptions{Workers: map[string]int{"slow": 1, "quick--1": 3}, Work: func(ctx context.Context, claim aggregation.Claim) (time.Duration, error) {
			if claim.Name == "slow" {
				slow <- claim.Name
				<-ctx.Done()
				return 0, ctx.Err()
			}
			defer func() { done <- claim.Name }()
			return 0, db.Finish(ctx, claim)
		}})
		begin(t, db, "slow", "slow")
		come(t, "the slow partition", slow)
		var names []string
		for i := range 30 {
			names = append(names, fmt.Sprint("p", i))
		}
		begin(t, db, "quick--1", names...)
		seen := make(map[string]int)
		for range len(names) + 1 { // and the commit that follows
			seen[come(t, "a quick partition", done)]++
		}
		for name, n := range seen {
			if n != 1 {
				t.Errorf("partition %s: worked at %d times, want once", name, n)
			}
		}
	})
}

// Stop gives partitions back, and another node goes on at once.
func TestQueueStops(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		at := make(chan string, 9)
		var first atomic.Bool
		work := func(ctx context.Context, claim aggregation.Claim) (time.Duration, error) {
			at <- claim.Owner
			if first.CompareAndSwap(false, true) {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return 0, db.Finish(ctx, claim)
		}
		a := queue(t, db, store.QueueOptions{Owner: "a", Workers: map[string]int{"c": 1}, Work: work})
		begin(t, db, "c", "one")
		if got := come(t, "a's claim", at); got != "a" {
			t.Fatalf("owner: got %s, want a", got)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		queue(t, db, store.QueueOptions{Owner: "b", Workers: map[string]int{"c": 1}, Work: work})
		if got := come(t, "b's claim", at); got != "b" {
			t.Errorf("owner after the stop: got %s, want b", got)
		}
	})
}

// A partition whose owner is silent moves once its lease is over, although its job counts as running.
func TestQueueTakesOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		var ahead atomic.Int64
		options := fresh()
		options.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		db := storetest.Open(t, options)
		run := begin(t, db, "c", "one")
		dead, err := db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: "dead", Lease: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		at := make(chan aggregation.Claim, 9)
		queue(t, db, store.QueueOptions{Workers: map[string]int{"c": 1}, Sweep: 20 * time.Millisecond, Work: func(ctx context.Context, claim aggregation.Claim) (time.Duration, error) {
			err := db.Finish(ctx, claim)
			at <- claim
			return 0, err
		}})
		// The job is over once it was looked at, and a sweep makes no other one, so nobody is left who could claim the partition.
		jobs(t, db, "river_job WHERE state = 'completed'", 1)
		if err := db.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		jobs(t, db, "river_job", 1)
		if len(at) > 0 {
			t.Fatalf("claim while the owner's lease lasts: got %v, want none", <-at)
		}
		ahead.Store(int64(time.Hour))
		if got := come(t, "the partition", at); got.Name != "one" || got.Generation != dead.Generation+1 {
			t.Errorf("claim: got %+v, want one of the next generation", got)
		}
	})
}

// A job whose worker dies between taking the job and claiming the partition is made again, once.
func TestSweep(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		begin(t, db, "c", "one", "two")
		for _, want := range []int64{2, 2, 3} {
			if want == 3 {
				if err := db.Exec(t.Context(), "UPDATE river_job SET state = 'running', attempted_at = CURRENT_TIMESTAMP WHERE id = (SELECT min(job) FROM partitions)"); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, err := db.Count(t.Context(), "river_job"); got != want || err != nil {
				t.Errorf("jobs after a sweep: got %d and %v, want %d", got, err, want)
			}
		}
		if err := db.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Count(t.Context(), "river_job"); got != 3 || err != nil {
			t.Errorf("jobs after the next sweep: got %d and %v, want 3", got, err)
		}
	})
}

// Work that pauses is called again.
func TestQueuePauses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		run := begin(t, db, "c", "one")
		at := make(chan int64, 9)
		queue(t, db, store.QueueOptions{Workers: map[string]int{"c": 1}, Work: func(ctx context.Context, claim aggregation.Claim) (time.Duration, error) {
			defer func() { at <- claim.Tries }()
			if claim.Tries == 2 {
				return 0, db.MoveRun(ctx, run.ID, aggregation.Failed, "enough")
			}
			pause := 10 * time.Millisecond
			_, err := db.Pause(ctx, claim, "down", func(int) (time.Duration, bool) { return pause, true })
			return pause, err
		}})
		for want := range int64(3) {
			if got := come(t, "a try", at); got != want {
				t.Errorf("tries: got %d, want %d", got, want)
			}
		}
	})
}
