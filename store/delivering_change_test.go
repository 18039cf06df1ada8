package store_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// asking lets each event want an answer that comes later.
func asking(o *dispatch.Options) {
	o.Kind = func(string) triggers.Kind { return triggers.RequestResponse }
}

func subscribeHTTP(t *testing.T, db *store.DB, id, mode string) {
	t.Helper()
	subscribe(t, db, triggers.Subscription{ID: id, ResponseDeadline: "PT1H", HTTP: &triggers.HTTPConfig{URL: "https://old.example", DispatchMode: mode}})
}

// A receiver completes an invocation whose acknowledgement fails. What is behind it comes at once, and in order with what comes later, whether the
// completion is there before the attempt has ended or after.
func TestCompletedAlthoughItFailed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		for _, within := range []bool{true, false} {
			db := storetest.Open(t, fresh())
			subscribeHTTP(t, db, "s", triggers.DispatchAsync)
			complete := func(d triggers.Delivery) {
				err := db.Complete(t.Context(), d.Invocation.ID, d.Invocation.Secret, json.RawMessage(`{}`), "", func(triggers.Invocation) error { return nil })
				if err != nil {
					t.Error(err)
				}
			}
			first := make(chan triggers.Delivery, 1)
			r := &receiver{got: map[string][]string{}}
			r.answer = func(d triggers.Delivery) (triggers.Answer, error) {
				if d.Event.ID != "0.0" {
					return triggers.Answer{Status: 200}, nil
				}
				if within {
					complete(d)
				}
				first <- d
				return triggers.Answer{Status: 500}, triggers.RetryAfter(time.Hour, errDown)
			}
			emit(t, db, 1, 2)
			run(t, db, r, "one", asking)
			d := <-first
			if !within {
				until(t, "the failure to be kept", func() bool {
					i, err := db.Invocation(t.Context(), d.Invocation.ID)
					return err != nil || i.Tries == 1
				})
				complete(d)
			}
			emit(t, db, 1, 3)
			until(t, "the others", func() bool { return len(r.of("s")) == 2 })
			if got := fmt.Sprint(r.of("s")); got != "[0.1 0.2]" {
				t.Errorf("completed within the attempt %v: got %s, want 0.1 and then 0.2", within, got)
			}
		}
	})
}

// As soon as a change is kept nothing goes to the old receiver, and what was under way to it is not sent again.
func TestAChangeIsObeyed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribeHTTP(t, db, "s", triggers.DispatchSync)
		var mu sync.Mutex
		at := map[string][]string{}
		hold := make(chan struct{})
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			mu.Lock()
			at[d.Event.ID] = append(at[d.Event.ID], d.Subscription.HTTP.URL)
			mu.Unlock()
			if d.Event.ID == "0.0" {
				<-hold
			}
			return triggers.Answer{Status: 200}, nil
		}}
		run(t, db, r, "one", func(o *dispatch.Options) { o.Idle = time.Minute })
		emit(t, db, 2, 1)
		until(t, "the one that is not held", func() bool { return len(r.of("s")) == 1 })
		if _, err := db.ChangeSubscription(t.Context(), "s", func(s *triggers.Subscription, _ []triggers.Subscription) error {
			s.HTTP.URL = "https://new.example"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		emit(t, db, 2, 2) // the first of each are there
		close(hold)
		until(t, "all", func() bool { return len(r.of("s")) == 4 })
		until(t, "all to be kept", func() bool {
			left, err := db.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Waiting}})
			return err != nil || len(left) == 0
		})
		mu.Lock()
		defer mu.Unlock()
		for id, want := range map[string]string{"0.0": "[https://old.example]", "1.0": "[https://old.example]", "0.1": "[https://new.example]", "1.1": "[https://new.example]"} {
			if got := fmt.Sprint(at[id]); got != want {
				t.Errorf("event %s: got it sent to %s, want %s", id, got, want)
			}
		}
	})
}

// A subject of which more waits than is in hand at once, and whose receiver is slow, keeps no other.
func TestACrowdedSubjectKeepsNobody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		hold := make(chan struct{})
		r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
			if d.Event.Subject == "0" {
				<-hold
			}
			return triggers.Answer{Status: 200}, nil
		}}
		emit(t, db, 1, 600)
		run(t, db, r, "one")
		for n := range 3 {
			if err := db.Emit(t.Context(), triggers.Event{ID: fmt.Sprintf("1.%d", n), Type: "t", Subject: "1", Data: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			until(t, "the other subject", func() bool { return len(r.of("s")) == n+1 })
		}
		close(hold)
		until(t, "all", func() bool { return len(r.of("s")) == 603 })
		inOrder(t, r.of("s"))
	})
}

// A receiver that fails now and then, each time after its subscription was let go, fails in a row, whichever node delivers: an operator is told.
func TestCircuitOutlivesDrains(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) {
		return triggers.Answer{Status: 500}, triggers.RetryAfter(time.Hour, errDown)
	}}
	for _, owner := range []string{"one", "two", "three"} {
		run(t, db, r, owner, func(o *dispatch.Options) {
			o.Idle, o.Circuit = time.Millisecond, dispatch.Circuit{Failures: 5, After: time.Millisecond}
		})
	}
	for n := range 5 {
		if err := db.Emit(t.Context(), triggers.Event{ID: fmt.Sprint(n), Type: "t", Subject: fmt.Sprint(n), Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		until(t, "the attempt, and the subscription to be let go", func() bool {
			all, err := db.Invocations(t.Context(), triggers.Query{})
			due, failed := db.Due(t.Context())
			paused, lost := db.Subscriptions(t.Context())
			return err != nil || failed != nil || lost != nil || paused[0].Sluice.Paused != nil || len(all) == n+1 && all[n].Tries == 1 && len(due) == 0
		})
	}
	until(t, "the circuit to open", func() bool {
		all, err := db.Subscriptions(t.Context())
		return err != nil || all[0].Sluice.Paused != nil
	})
}

// What does not work until its time is over is dead, and does not say that the receiver works.
func TestADeathIsNoRecovery(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	subscribe(t, db, triggers.Subscription{ID: "s", Sluice: triggers.Extension{RetryFor: "PT2S"}})
	r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) { return triggers.Answer{Status: 500}, errDown }}
	run(t, db, r, "one", func(o *dispatch.Options) {
		o.Circuit = dispatch.Circuit{Failures: 3, After: time.Millisecond, FirstProbe: 3 * time.Second, MostProbe: 3 * time.Second}
	})
	emit(t, db, 3, 1)
	until(t, "a probe that ends in death", func() bool {
		dead, err := db.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Dead}})
		return err != nil || len(dead) > 0
	})
	until(t, "what comes of it", func() bool {
		all, err := db.Subscriptions(t.Context())
		return err != nil || all[0].Sluice.Paused == nil || all[0].Sluice.Paused.Until.Sub(all[0].Sluice.Paused.Since) > 4*time.Second
	})
	events, err := db.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Type == triggers.SubscriptionResumed {
			t.Errorf("got the event %s although nothing has worked", e.Type)
		}
	}
}
