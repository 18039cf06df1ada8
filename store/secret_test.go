package store_test

import (
	"errors"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// A secret that was sent under a key is good as long as that key is there, and no longer.
func TestSecretsFollowTheirKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		options := fresh()
		open := func(keys ...string) *store.DB {
			with := options
			with.Keys = func() (all [][]byte) {
				for _, key := range keys {
					all = append(all, []byte(key))
				}
				return all
			}
			return storetest.Open(t, with)
		}
		before := open("old")
		subscribe(t, before, triggers.Subscription{ID: "s"})
		emit(t, before, 1, 1)
		claim, err := before.ClaimSubscription(t.Context(), "s", "one", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(db *store.DB) triggers.Invocation {
			all, _, err := db.NextDeliveries(t.Context(), claim, nil, triggers.Limit{Rows: 10, Bytes: 1 << 20})
			if err != nil || len(all) != 1 {
				t.Fatalf("got %d deliveries, %v, want one", len(all), err)
			}
			return all[0]
		}
		old, renewed, none := ask(before), ask(open("new", "old")), ask(open())
		if len(old.Secret) != 36 || renewed.Secret == old.Secret || none.Secret != "" {
			t.Errorf("got secrets %q, by the new key %q and without one %q; want two that differ, and none", old.Secret, renewed.Secret, none.Secret)
		}
		shown, err := before.Invocation(t.Context(), old.ID)
		if err != nil || shown.Secret != "" {
			t.Errorf("shown: got the secret %q, %v, want none", shown.Secret, err)
		}
		_, err = before.Settle(t.Context(), claim, []triggers.Result{{Seq: old.Seq, State: triggers.Asked, Deadline: time.Now().Add(time.Hour), Attempt: triggers.Attempt{Number: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		fine := func(triggers.Invocation) error { return nil }
		for _, c := range []struct {
			what string
			db   *store.DB
			want error
		}{
			{"without a key", open(), triggers.ErrSecret},
			{"when the old key is gone", open("new"), triggers.ErrSecret},
			{"with both keys", open("new", "old"), nil},
		} {
			if err := c.db.Complete(t.Context(), old.ID, old.Secret, []byte("{}"), "", fine); !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", c.what, err, c.want)
			}
		}
		for _, empty := range []*store.DB{open(), before} {
			if err := empty.Complete(t.Context(), old.ID, "", []byte("{}"), "", fine); !errors.Is(err, triggers.ErrSecret) {
				t.Errorf("an empty secret: got %v, want %v", err, triggers.ErrSecret)
			}
		}
	})
}
