package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// receiver notes what it gets, and answers as it is told.
type receiver struct {
	mu     sync.Mutex
	got    map[string][]string // by subscription, names of events in the order in which they worked
	tries  int
	answer func(d triggers.Delivery) (triggers.Answer, error)
}

// Send implements triggers.Sender.
func (r *receiver) Send(_ context.Context, d triggers.Delivery) (triggers.Answer, error) {
	r.mu.Lock()
	answer := r.answer
	r.tries++
	r.mu.Unlock()
	a, err := answer(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.got[d.Subscription.ID] = append(r.got[d.Subscription.ID], d.Event.ID)
	}
	return a, err
}

func (r *receiver) of(subscription string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got[subscription]...)
}

var errDown = errors.New("status 500")

func fine(triggers.Delivery) (triggers.Answer, error) { return triggers.Answer{Status: 200}, nil }

// run delivers from a database until the test ends.
func run(t testing.TB, db *store.DB, r *receiver, owner string, tune ...func(*dispatch.Options)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := dispatch.Options{
		Store: db, Sender: r, Owner: owner,
		Kind:     func(string) triggers.Kind { return triggers.FireAndForget },
		Check:    func(string, json.RawMessage) error { return nil },
		Callback: func(id string) string { return "https://sluice.example/beta/trigger-invocations/" + id + "/complete" },
		Chance:   func() float64 { return 0 },
	}
	for _, change := range tune {
		change(&o)
	}
	d := dispatch.New(o)
	var done sync.WaitGroup
	done.Go(func() { d.Run(ctx) })
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return stop
}

func subscribe(t *testing.T, db *store.DB, s triggers.Subscription) {
	t.Helper()
	s.Name, s.TriggerID, s.Type, s.Enabled = s.ID, "t", triggers.TypeHTTP, true
	if err := db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func emit(t *testing.T, db *store.DB, subjects, each int) {
	t.Helper()
	for n := range each {
		var events []triggers.Event
		for s := range subjects {
			events = append(events, triggers.Event{ID: fmt.Sprintf("%d.%d", s, n), Type: "t", Subject: fmt.Sprint(s), Data: []byte(`{"n":1}`)})
		}
		if err := db.Emit(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
	}
}

// until waits for a state, at most a minute.
func until(t testing.TB, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

func inOrder(t *testing.T, got []string) {
	t.Helper()
	last := map[string]int{}
	for _, id := range got {
		subject, number, _ := strings.Cut(id, ".")
		var n int
		_, _ = fmt.Sscan(number, &n)
		if n != last[subject] {
			t.Fatalf("subject %s: got event %d, want %d next", subject, n, last[subject])
		}
		last[subject]++
	}
}

// Events of a subject come in their order and each once, although one in ten attempts fails, and two nodes deliver.
func TestOrderOfSubjects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		var rng sync.Mutex
		random := rand.New(rand.NewPCG(1, 2))
		r := &receiver{got: map[string][]string{}, answer: func(triggers.Delivery) (triggers.Answer, error) {
			rng.Lock()
			defer rng.Unlock()
			if random.IntN(10) == 0 {
				return triggers.Answer{Status: 500}, errDown
			}
			return triggers.Answer{Status: 200}, nil
		}}
		run(t, db, r, "one")
		run(t, db, r, "two")
		emit(t, db, 20, 10)
		until(t, "all events", func() bool { return len(r.of("s")) >= 200 })
		inOrder(t, r.of("s"))
		left, err := db.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Waiting}})
		until(t, "all to be kept", func() bool {
			left, err = db.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Waiting}})
			return err != nil || len(left) == 0
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A subject that does not get through, and a receiver that hangs, keep nobody else.
func TestStuckSubjectKeepsNobody(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	subscribe(t, db, triggers.Subscription{ID: "hangs"})
	release := make(chan struct{})
	r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
		switch {
		case d.Subscription.ID == "hangs":
			<-release
		case d.Event.Subject == "3":
			return triggers.Answer{Status: 500}, errDown
		}
		return triggers.Answer{Status: 200}, nil
	}}
	run(t, db, r, "one")
	emit(t, db, 10, 5)
	until(t, "all but one subject", func() bool { return len(r.of("s")) == 45 })
	inOrder(t, r.of("s"))
	close(release)
	until(t, "the one that hung", func() bool { return len(r.of("hangs")) == 50 })
}

// What a final answer ends is dead at once and keeps nothing behind it; a replay sends it again under its id.
func TestDeadAndReplayed(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	r := &receiver{got: map[string][]string{}, answer: func(d triggers.Delivery) (triggers.Answer, error) {
		if d.Event.ID == "0.0" {
			return triggers.Answer{Status: 410, Body: []byte("gone")}, triggers.Permanent(errors.New("status 410"))
		}
		return triggers.Answer{Status: 200}, nil
	}}
	run(t, db, r, "one")
	emit(t, db, 1, 3)
	until(t, "the others", func() bool { return len(r.of("s")) == 2 })
	dead := triggers.Query{States: []triggers.State{triggers.Dead}}
	var all []triggers.Invocation
	until(t, "the dead one", func() bool {
		var err error
		all, err = db.Invocations(t.Context(), dead)
		return err != nil || len(all) == 1
	})
	r.mu.Lock()
	r.answer = fine
	r.mu.Unlock()
	if n, err := db.Replay(t.Context(), dead); n != 1 || err != nil {
		t.Fatalf("replay: got %d, %v, want 1", n, err)
	}
	until(t, "the replayed one", func() bool { return len(r.of("s")) == 3 })
	until(t, "it to be kept", func() bool {
		i, err := db.Invocation(t.Context(), all[0].ID)
		return err != nil || i.State == triggers.Done
	})
	attempts, err := db.Attempts(t.Context(), all[0].Seq)
	if err != nil || len(attempts) != 2 || attempts[0].Status != 410 || string(attempts[0].Answer) != "gone" || attempts[1].Outcome != "delivered" {
		t.Errorf("attempts: got %+v, %v, want 410 and then 200", attempts, err)
	}
}
