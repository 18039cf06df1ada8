package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
)

// TestQueueFits: River's drivers insert into our transactions and work beside us, on either database, so that the queue can come without a
// change of what is here.
func TestQueueFits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx := t.Context()
		db := storetest.Open(t, fresh())
		undone := errors.New("undone")
		if err := db.InsertJob(ctx, "never", undone); !errors.Is(err, undone) {
			t.Fatalf("a job whose transaction is undone: got %v, want %v", err, undone)
		}
		count(t, db, map[string]int64{"river_job": 0, "events": 0})
		want := []string{"a", "b", "c"}
		for _, say := range want {
			if err := db.InsertJob(ctx, say, nil); err != nil {
				t.Fatal(err)
			}
		}
		count(t, db, map[string]int64{"river_job": 3, "events": 3})
		said := make(chan string, 10)
		stop, err := db.Work(ctx, said)
		if err != nil {
			t.Fatal(err)
		}
		run := staged(t, db, 500) // while River works
		if err := db.Commit(ctx, run.ID, 0, facts(t, db, run.ID, "created "), store.Closing{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for range want {
			select {
			case word := <-said:
				got = append(got, word)
			case <-time.After(30 * time.Second):
				t.Fatalf("jobs that were worked: got %v, want %v", got, want)
			}
		}
		stop()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("jobs that were worked: got %v, want %v", got, want)
		}
		count(t, db, map[string]int64{"river_job WHERE state = 'completed'": 3})
	})
}
