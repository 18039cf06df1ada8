package store_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// What is refused for an hour lets its subject go when it is sent before its time and works, and when it is given up, while others are delivered.
func TestRefusedLetsGo(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]struct {
		do   func(t *testing.T, db *store.DB, id string) (int64, error)
		lost []string
	}{
		"replayed": {func(t *testing.T, db *store.DB, id string) (int64, error) {
			t.Helper()
			return db.Replay(t.Context(), triggers.Query{IDs: []string{id}})
		}, nil},
		"abandoned": {func(t *testing.T, db *store.DB, id string) (int64, error) {
			t.Helper()
			return db.Abandon(t.Context(), id)
		}, []string{"0.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
				db := storetest.Open(t, fresh())
				subscribe(t, db, triggers.Subscription{ID: "s"})
				var works atomic.Bool
				r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
					if d.Event.ID == "0.0" && !works.Load() {
						return triggers.Answer{Status: 422}, triggers.RetryAfter(time.Hour, errDown)
					}
					return triggers.Answer{Status: 200}, nil
				}}
				run(t, db, r, "one")
				emit(t, db, 1, 6)
				stuck := func(tries int) (id string) {
					until(t, "the refusal to be kept", func() bool {
						all, err := db.Invocations(t.Context(), triggers.Query{})
						if err != nil || len(all) == 0 {
							return err != nil
						}
						id = all[0].ID
						behind, err := db.Behind(t.Context(), all[len(all)-1])
						return err != nil || all[0].Tries == 1 && all[0].Attempts == tries && behind == id
					})
					return id
				}
				id := stuck(1)
				if n, err := db.Replay(t.Context(), triggers.Query{IDs: []string{id}}); n != 1 || err != nil {
					t.Fatalf("replay: got %d, %v, want 1", n, err)
				}
				stuck(2)
				works.Store(true)
				if n, err := then.do(t, db, id); n != 1 || err != nil {
					t.Fatalf("got %d, %v, want 1", n, err)
				}
				emit(t, db, 1, 11)
				until(t, "all events", func() bool { return len(r.of("s"))+len(then.lost) == 11 })
				inOrder(t, slices.Concat(then.lost, r.of("s")))
			})
		})
	}
}
