package store_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// labels are a sealer that hides little: the newest of its keys, whose is sealed, and the text in base64.
type labels []string

func (l labels) Seal(plain []byte, of string) (string, error) {
	return l[0] + " " + of + " " + base64.StdEncoding.EncodeToString(plain), nil
}

func (l labels) Open(sealed, of string) ([]byte, error) {
	key, rest, _ := strings.Cut(sealed, " ")
	whose, text, _ := strings.Cut(rest, " ")
	for _, one := range l {
		if one == key && whose == of {
			return base64.StdEncoding.DecodeString(text)
		}
	}
	return nil, errors.New("it was sealed with another key")
}

func (l labels) newest(sealed string) bool { return strings.HasPrefix(sealed, l[0]+" ") }

func TestReseal(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		at := fresh()
		with := func(l labels) *store.DB {
			options := at
			options.Sealer = l
			return storetest.Open(t, options)
		}
		old, token := with(labels{"old"}), "planted"
		ctx, none := t.Context(), func([]triggers.Subscription) error { return nil }
		for _, s := range []triggers.Subscription{
			{ID: "a", HTTP: &triggers.HTTPConfig{Bearer: &triggers.BearerToken{Token: &token}}}, {ID: "b"},
			{ID: "c", HTTP: &triggers.HTTPConfig{Basic: &triggers.BasicConfig{Password: &token}}},
		} {
			if err := old.CreateSubscription(ctx, s, none); err != nil {
				t.Fatal(err)
			}
		}
		if names, err := with(labels{"new"}).Unopened(ctx); len(names) != 2 || err != nil {
			t.Errorf("without the old key: got %q that cannot be opened, %v, want 2", names, err)
		}
		if _, err := with(labels{"new"}).ChangeSubscription(ctx, "a", func(*triggers.Subscription, []triggers.Subscription) error { return nil }); !errors.Is(err, triggers.ErrKey) {
			t.Errorf("a change without the old key: got %v, want %v", err, triggers.ErrKey)
		}
		if names, err := old.Unopened(ctx); len(names) != 0 || err != nil {
			t.Errorf("with the key: got %q that cannot be opened, %v, want none", names, err)
		}
		if _, err := with(labels{"new"}).Reseal(ctx, labels{"new"}.newest); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("without the old key: got %v, want an error without the secret", err)
		}
		both := labels{"new", "old"}
		for _, want := range []store.Resealed{{Rows: 2, Sealed: 2}, {Rows: 2}} {
			if done, err := with(both).Reseal(ctx, both.newest); err != nil || done != want {
				t.Errorf("got %+v, %v, want %+v", done, err, want)
			}
		}
		s, err := with(labels{"new"}).Subscription(ctx, "a")
		if err != nil || *s.HTTP.Bearer.Token != token {
			t.Errorf("with the new key alone: got %+v, %v", s.HTTP, err)
		}
		if _, err := with(labels{"old"}).Subscription(ctx, "a"); err == nil {
			t.Error("the old key still opens it")
		}
		if _, err := storetest.Open(t, at).Reseal(ctx, both.newest); !errors.Is(err, store.ErrUnsealed) {
			t.Errorf("without a sealer: got %v, want ErrUnsealed", err)
		}
	})
}

// While secrets are sealed again nobody pauses their subscription, who would seal them too.
func TestPauseWaitsForReseal(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		both, token, ctx := labels{"new", "old"}, "planted", t.Context()
		options := fresh()
		options.Sealer = labels{"old"}
		subscribe(t, storetest.Open(t, options), triggers.Subscription{ID: "s", HTTP: &triggers.HTTPConfig{Bearer: &triggers.BearerToken{Token: &token}}})
		options.Sealer = both
		db := storetest.Open(t, options)
		c, err := db.ClaimSubscription(ctx, "s", "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pause := func(ctx context.Context) error {
			return db.PauseSubscription(ctx, c, func(*triggers.Pause) *triggers.Pause { return &triggers.Pause{By: "circuit"} })
		}
		done, err := db.Reseal(ctx, func(sealed string) bool {
			soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if err := pause(soon); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("pause meanwhile: got %v, want it to wait", err)
			}
			return both.newest(sealed)
		})
		if want := (store.Resealed{Rows: 1, Sealed: 1}); err != nil || done != want {
			t.Errorf("got %+v, %v, want %+v", done, err, want)
		}
		if err := pause(ctx); err != nil {
			t.Errorf("pause afterwards: got %v, want none", err)
		}
	})
}
