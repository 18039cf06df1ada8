package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// A receiver that never answers pauses its subscription, and an event tells of it. Events go on to be kept; one is tried now and then, and when
// it works all of them come, in their order, and an event tells of that, too. An operator's pause is left alone.
func TestCircuit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) {
			return triggers.Answer{Status: 503, Body: []byte("down")}, triggers.RetryAfter(time.Second, errDown)
		}}
		run(t, db, r, "one", func(o *dispatch.Options) {
			o.Circuit = dispatch.Circuit{Failures: 5, After: time.Millisecond, FirstProbe: 300 * time.Millisecond, MostProbe: time.Second}
		})
		emit(t, db, 10, 1)
		pause := func() *triggers.Pause {
			all, err := db.Subscriptions(t.Context())
			if err != nil || len(all) != 1 {
				t.Fatalf("got %d subscriptions, %v", len(all), err)
			}
			return all[0].Sluice.Paused
		}
		until(t, "the circuit to open", func() bool { return pause() != nil })
		first := *pause()
		if first.By != "circuit" || !strings.HasSuffix(first.Reason, "the last: status 500") || !first.Until.After(first.Since) {
			t.Errorf("got the pause %+v, want one of the circuit that says why", first)
		}
		until(t, "a try that does not work", func() bool { p := pause(); return p != nil && p.Until.After(first.Until) })
		if again := *pause(); !again.Since.Equal(first.Since) {
			t.Errorf("got the pause %+v, want it to be as old as the first", again)
		}
		emit(t, db, 10, 3)
		r.mu.Lock()
		tries := r.tries
		r.answer = fine
		r.mu.Unlock()
		if tries > 10+8+5 {
			t.Errorf("got %d attempts at a receiver that does not work, want few", tries)
		}
		until(t, "all events", func() bool { return len(r.of("s")) >= 30 })
		inOrder(t, r.of("s"))
		until(t, "the circuit to close", func() bool { return pause() == nil })

		events, err := db.Events(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, e := range events {
			if e.Source != "sluice" {
				continue
			}
			var data struct{ Subscription struct{ ID string } }
			if err := json.Unmarshal(e.Data, &data); err != nil || data.Subscription.ID != "s" || e.Subject != "s" {
				t.Errorf("event %s: got %s, %v, want it to name the subscription", e.Type, e.Data, err)
			}
			told = append(told, e.Type)
		}
		if want := []string{triggers.SubscriptionPaused, triggers.SubscriptionResumed}; strings.Join(told, " ") != strings.Join(want, " ") {
			t.Errorf("got the events %v, want %v", told, want)
		}
	})
}

// Subjects that the receiver does not like fail again and again while nothing else comes. The next one that it likes is delivered all the same.
func TestStuckSubjectsOpenNoCircuit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			if d.Event.Subject != "good" {
				return triggers.Answer{Status: 500}, errDown
			}
			return triggers.Answer{Status: 200}, nil
		}}
		run(t, db, r, "one", func(o *dispatch.Options) {
			o.Idle, o.Circuit = 50*time.Millisecond, dispatch.Circuit{Failures: 12, After: time.Millisecond, FirstProbe: time.Hour}
		})
		good := func(id string) {
			if err := db.Emit(t.Context(), triggers.Event{ID: id, Type: "t", Subject: "good", Data: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		tried := func(n int) func() bool {
			return func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.tries >= n
			}
		}
		emit(t, db, 5, 1)
		until(t, "all of them to fail", tried(5))
		good("first")
		until(t, "one to be delivered", func() bool { return len(r.of("s")) == 1 })
		until(t, "them to fail three times more", tried(5+1+15))
		good("second")
		until(t, "another to be delivered", func() bool { return len(r.of("s")) == 2 })
	})
}
