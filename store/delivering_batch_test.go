package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// cloud takes several deliveries in a call. It refuses those that it is told to.
type cloud struct {
	mu      sync.Mutex
	got     []string
	calls   int
	largest int
	doubled bool // two of a subject in one call
	refuse  func(event string) error
}

// Send implements triggers.Sender.
func (c *cloud) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	return triggers.Answer{Status: 200}, c.SendAll(ctx, []triggers.Delivery{d})[0]
}

// Most implements triggers.Batcher.
func (c *cloud) Most() int { return 10 }

// SendAll implements triggers.Batcher.
func (c *cloud) SendAll(_ context.Context, all []triggers.Delivery) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errs := make([]error, len(all))
	c.calls++
	c.largest = max(c.largest, len(all))
	subjects := map[string]bool{}
	for i, d := range all {
		c.doubled = c.doubled || subjects[d.Event.Subject]
		subjects[d.Event.Subject] = true
		if errs[i] = c.refuse(d.Event.ID); errs[i] == nil {
			c.got = append(c.got, d.Event.ID)
		}
	}
	return errs
}

// A receiver that takes several events in a call gets them so, never two of a subject, and each has an outcome of its own.
func TestDeliversInBatches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		failed := map[string]bool{}
		c := &cloud{refuse: func(event string) error {
			switch {
			case event == "3.1":
				return triggers.Permanent(errors.New("too large"))
			case strings.HasSuffix(event, ".2") && !failed[event]:
				failed[event] = true
				return errDown
			}
			return nil
		}}
		emit(t, db, 40, 4)
		ctx, cancel := context.WithCancel(t.Context())
		d := dispatch.New(dispatch.Options{
			Store: db, Sender: c, Owner: "one", Batch: func(*triggers.Subscription) triggers.Batcher { return c },
			Kind:     func(string) triggers.Kind { return triggers.FireAndForget },
			Check:    func(string, json.RawMessage) error { return nil },
			Callback: func(id string) string { return id },
			Chance:   func() float64 { return 0 },
		})
		var done sync.WaitGroup
		done.Go(func() { d.Run(ctx) })
		until(t, "all but the dead one", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.got) >= 159
		})
		cancel()
		done.Wait()
		if c.largest < 2 || c.largest > 10 || c.doubled || c.calls > 120 {
			t.Errorf("got %d calls, the largest with %d, two of a subject in one %v; want few, of 2 to 10, and never", c.calls, c.largest, c.doubled)
		}
		next := map[string]string{"0": "1", "1": "2", "2": "3"}
		last := map[string]string{}
		for _, id := range c.got {
			subject, number, _ := strings.Cut(id, ".")
			was, begun := last[subject]
			if want := next[was]; begun && number != want && id != "3.2" || !begun && number != "0" {
				t.Errorf("subject %s: got event %s after %q", subject, number, was)
			}
			last[subject] = number
		}
		dead, err := db.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Dead}})
		if err != nil || len(dead) != 1 || dead[0].Event.ID != "3.1" || dead[0].Reason != "too large" {
			t.Errorf("dead: got %+v, %v, want event 3.1 alone", dead, err)
		}
		left, err := db.Tallies(t.Context())
		if err != nil || left["s"].Waiting != 0 || left["s"].Dead != 1 {
			t.Errorf("left: got %+v, %v, want nothing that waits and one that is dead", left, err)
		}
	})
}
