package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// What another process writes rings the bell of whoever watches.
func TestWatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		options := fresh()
		ours, theirs := storetest.Open(t, options), storetest.Open(t, options)
		subscribe(t, theirs, triggers.Subscription{ID: "s"})
		ctx, cancel := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		begun := ours.Bell()
		watch.Go(func() {
			if err := ours.Watch(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("watch: got %v, want the end of its context", err)
			}
		})
		rung := func(bell <-chan struct{}) func() bool {
			return func() bool {
				select {
				case <-bell:
					return true
				default:
					return false
				}
			}
		}
		until(t, "a first ring, for what was written before", rung(begun))
		for _, write := range []struct {
			what string
			do   func() error
		}{
			{"an event", func() error {
				return theirs.Emit(t.Context(), triggers.Event{ID: "e", Type: "t", Subject: "x", Data: []byte("{}")})
			}},
			{"a change of a subscription", func() error {
				_, err := theirs.ChangeSubscription(t.Context(), "s", func(*triggers.Subscription, []triggers.Subscription) error { return nil })
				return err
			}},
			{"a test", func() error {
				_, _, err := theirs.Invoke(t.Context(), "t", []byte("{}"), nil, nil)
				return err
			}},
		} {
			bell := ours.Bell()
			if err := write.do(); err != nil {
				t.Fatal(err)
			}
			until(t, write.what, rung(bell))
		}
		cancel()
		watch.Wait()
	})
}
