package client_test

import (
	"testing"
	"time"

	"sluice/internal/client"
)

func TestClientKnowsItsSecret(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	c, secret := client.New("iga", []string{client.All}, now)
	other, another := client.New("iga", nil, now)
	if c.ID == other.ID || secret == another || len(c.ID) != 32 || len(secret) != 64 {
		t.Errorf("got ids %q and %q, secrets of %d", c.ID, other.ID, len(secret))
	}
	if !c.Is(secret) || c.Is(another) || c.Is("") {
		t.Errorf("its own secret: %v, another's: %v, none: %v", c.Is(secret), c.Is(another), c.Is(""))
	}
	c.Revoked = now
	if c.Is(secret) {
		t.Error("a revoked client is let in")
	}
}

func TestMay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have []string
		want bool
	}{
		{[]string{client.All}, true},
		{[]string{client.Default}, false},
		{nil, false},
		{[]string{client.InvocationsRead, client.SubscriptionsWrite}, true},
		{[]string{client.InvocationsRead}, false},
	} {
		if got := client.May(c.have, client.SubscriptionsRead, client.SubscriptionsWrite); got != c.want {
			t.Errorf("%v: got %v, want %v", c.have, got, c.want)
		}
	}
}
