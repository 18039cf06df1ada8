package store_test

import (
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// What failed before a node ended still comes before what is new to the next node.
func TestOrderSurvivesARestart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			return triggers.Answer{Status: 503}, triggers.RetryAfter(2*time.Second, errDown)
		}}
		stop := run(t, db, r, "one")
		emit(t, db, 1, 1)
		until(t, "a first attempt to be kept", func() bool {
			all, err := db.Invocations(t.Context(), triggers.Query{})
			return err != nil || len(all) == 1 && all[0].Tries == 1
		})
		stop()
		r.mu.Lock()
		r.answer = fine
		r.mu.Unlock()
		emit(t, db, 1, 3) // the first of them was told before
		run(t, db, r, "two")
		until(t, "all", func() bool { return len(r.of("s")) >= 3 })
		inOrder(t, r.of("s"))
	})
}
