package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// What comes to a subject whose first event waits to be sent again goes behind it, also where another has the subscription by then.
func TestNewcomerWaitsBehindStuck(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		var mu sync.Mutex
		refusals := 0
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			if d.Event.ID == "0.0" && refusals < 3 {
				refusals++
				return triggers.Answer{Status: 500}, errDown
			}
			return triggers.Answer{Status: 200}, nil
		}}
		stop := run(t, db, r, "one")
		emit(t, db, 1, 1)
		until(t, "two refusals to be kept", func() bool {
			all, err := db.Invocations(t.Context(), triggers.Query{})
			return err != nil || len(all) == 1 && all[0].Tries == 2
		})
		stop()
		run(t, db, r, "two")
		emit(t, db, 1, 3)
		until(t, "all events", func() bool { return len(r.of("s")) == 3 })
		inOrder(t, r.of("s"))
	})
}

// More events are behind one that failed twice than are in hand, parked or freed at once, and what comes when that works goes behind all of them.
func TestManyBehindStuck(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		const many = 2500
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		var asked atomic.Int64
		r := &receiver{got: map[string][]string{}}
		r.answer = func(triggers.Delivery) (triggers.Answer, error) {
			if asked.Add(1) <= 2 {
				return triggers.Answer{Status: 500}, errDown
			}
			return triggers.Answer{Status: 200}, nil
		}
		var events []triggers.Event
		for n := range many {
			events = append(events, triggers.Event{ID: fmt.Sprintf("0.%d", n), Type: "t", Subject: "0", Data: []byte("{}")})
		}
		if err := db.Emit(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
		run(t, db, r, "one")
		until(t, "some", func() bool { return len(r.of("s")) > 0 })
		for n := many; n < many+100; n++ {
			if err := db.Emit(t.Context(), triggers.Event{ID: fmt.Sprintf("0.%d", n), Type: "t", Subject: "0", Data: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "all events", func() bool { return len(r.of("s")) == many+100 })
		inOrder(t, r.of("s"))
	})
}

// Who has not held a subscription for as long as its lease asks before it sends: two that have it by turns send each event once.
func TestLeaseThatRanOut(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	db := storetest.Open(t, storetest.SQLite(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	r := &receiver{got: map[string][]string{}, answer: fine}
	for _, owner := range []string{"one", "two"} {
		run(t, db, r, owner, func(o *dispatch.Options) { o.Lease, o.Idle = lease, time.Minute })
	}
	for n := range 4 {
		emit(t, db, 1, n+1) // the others are there
		until(t, "the event", func() bool { return len(r.of("s")) > n })
		over := time.Now().Add(lease + lease/10)
		until(t, "the lease to be over", func() bool { return time.Now().After(over) })
	}
	inOrder(t, r.of("s"))
	if got := len(r.of("s")); got != 4 {
		t.Errorf("got %d deliveries of 4 events", got)
	}
}
