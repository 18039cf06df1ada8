package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// A receiver that gets too much, and says for how long it wants nothing, gets nothing as long, of no subject and from no node.
func TestQuiet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s", Sluice: triggers.Extension{Concurrency: 1}})
		const quiet = time.Second
		var refused time.Time
		said, early := make(chan struct{}), 0
		r := &receiver{got: map[string][]string{}}
		r.answer = func(triggers.Delivery) (triggers.Answer, error) { // one at a time
			switch {
			case refused.IsZero():
				refused = time.Now()
				close(said)
				return triggers.Answer{Status: 429}, triggers.RetryAfter(quiet, errors.New("status 429"))
			case time.Since(refused) < quiet:
				early++
			}
			return triggers.Answer{Status: 200}, nil
		}
		emit(t, db, 20, 1)
		stop := run(t, db, r, "one")
		<-said
		stop()
		run(t, db, r, "two")
		until(t, "all", func() bool { return len(r.of("s")) == 20 })
		if early > 0 {
			t.Errorf("got %d deliveries before the receiver's time, want none", early)
		}
	})
}

// A subscription that is paused or disabled gets nothing of what was in hand when that was said, but for what was under way.
func TestAPauseIsObeyed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		for _, how := range []func(s *triggers.Subscription){
			func(s *triggers.Subscription) { s.Enabled = false },
			func(s *triggers.Subscription) { s.Sluice.Paused = &triggers.Pause{Since: time.Now(), By: "ann"} },
		} {
			id := fmt.Sprint(time.Now().UnixNano())
			subscribe(t, db, triggers.Subscription{ID: id, Sluice: triggers.Extension{Concurrency: 1}})
			r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) {
				<-time.After(2 * time.Millisecond)
				return triggers.Answer{Status: 200}, nil
			}}
			for n := range 250 { // all are in hand at once
				if err := db.Emit(t.Context(), triggers.Event{ID: fmt.Sprint(id, ".", n), Type: "t", Subject: fmt.Sprint(n), Data: []byte("{}")}); err != nil {
					t.Fatal(err)
				}
			}
			stop := run(t, db, r, "one", func(o *dispatch.Options) { o.Idle = time.Minute })
			until(t, "some", func() bool { return len(r.of(id)) > 0 })
			if _, err := db.ChangeSubscription(t.Context(), id, func(s *triggers.Subscription, _ []triggers.Subscription) error { how(s); return nil }); err != nil {
				t.Fatal(err)
			}
			before := len(r.of(id))
			until(t, "the claim to be given back, or all to be sent", func() bool {
				due, err := db.Due(t.Context())
				left, failed := db.Invocations(t.Context(), triggers.Query{Subscription: id, States: []triggers.State{triggers.Waiting}})
				return err != nil || failed != nil || len(due) == 0 && (len(left) == 0 || quietFor(r, id))
			})
			stop()
			if after := len(r.of(id)) - before; after > 120 { // as many as land while others are being kept
				t.Errorf("got %d deliveries after the subscription was to get none, want few", after)
			}
		}
	})
}

// quietFor tells whether nothing comes any more.
func quietFor(r *receiver, id string) bool {
	n := len(r.of(id))
	<-time.After(300 * time.Millisecond)
	return len(r.of(id)) == n
}

// What is parked behind one that is being sent again, and hangs, keeps no other subject from being sent again, however much it is.
func TestParkedKeepNobody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		hang := make(chan struct{})
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			switch {
			case d.Invocation.Tries == 0 && d.Event.ID == "0.0":
				return triggers.Answer{Status: 500}, errDown // again after half a second
			case d.Invocation.Tries == 0 && d.Event.Subject == "1":
				return triggers.Answer{Status: 500}, triggers.RetryAfter(time.Second, errDown)
			case d.Event.ID == "0.0":
				<-hang
			}
			return triggers.Answer{Status: 200}, nil
		}}
		emit(t, db, 1, 600)
		if err := db.Emit(t.Context(), triggers.Event{ID: "1.0", Type: "t", Subject: "1", Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		run(t, db, r, "one")
		until(t, "the other subject", func() bool { return len(r.of("s")) == 1 })
		close(hang)
		until(t, "all", func() bool { return len(r.of("s")) == 601 })
		inOrder(t, r.of("s"))
	})
}
