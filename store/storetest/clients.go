package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/internal/client"
)

func testClients(t *testing.T, b *bench) {
	ctx := t.Context()
	first, secret := client.New("iga \x00", []string{client.SubscriptionsRead, client.InvocationsRead}, b.clock().UTC().Truncate(time.Microsecond))
	second, _ := client.New("other", nil, first.Created.Add(time.Second))
	for _, c := range []client.Client{second, first} {
		if err := b.db.CreateClient(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	first.Name = "iga \uFFFD"
	all, err := b.db.Clients(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]client.Client{first, second}, all); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	got, err := b.db.Client(ctx, first.ID)
	if err != nil || !got.Is(secret) {
		t.Errorf("got %+v, %v, want a client that knows its secret", got, err)
	}
	for _, id := range []string{"", "nobody", "\x00", "\xff"} {
		if _, err := b.db.Client(ctx, id); !errors.Is(err, aggregation.ErrNone) {
			t.Errorf("client %q: got %v, want ErrNone", id, err)
		}
	}
	if err := b.db.RevokeClient(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	got, err = b.db.Client(ctx, first.ID)
	if err != nil || got.Revoked.IsZero() || got.Is(secret) {
		t.Errorf("got %+v, %v, want it revoked", got, err)
	}
	b.pass(time.Minute)
	if err := b.db.RevokeClient(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	if again, err := b.db.Client(ctx, first.ID); err != nil || !again.Revoked.Equal(got.Revoked) {
		t.Errorf("revoked again: got %v, %v, want %v", again.Revoked, err, got.Revoked)
	}
	if err := b.db.RevokeClient(ctx, "nobody"); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("revoke nobody: got %v, want ErrNone", err)
	}
}
