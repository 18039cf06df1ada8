package send

import (
	"errors"
	"net/netip"
	"testing"

	"sluice/internal/addresses"
)

func TestHostsThatArePermitted(t *testing.T) {
	t.Parallel()
	g := guard{allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for host, refused := range map[string]bool{
		"8.8.8.8": false, "2606:4700::1111": false, "10.1.0.7": false, "receiver.example": false, "localhost.example": false, "10.0.0.7": true,
		"::ffff:192.168.0.1": true, "localhost": true, "LocalHost.": true, "a.localhost": true, "fe80::1%eth0": true,
	} {
		if err := g.permit(host); errors.Is(err, addresses.ErrRefused) != refused || !refused && err != nil {
			t.Errorf("%s: got %v, want it refused: %t", host, err, refused)
		}
	}
}

// A name may lead anywhere when it is dialled, so the socket itself is guarded.
func TestSocketIsGuarded(t *testing.T) {
	t.Parallel()
	if _, err := (guard{}).dial(t.Context(), "tcp", "localhost:1", nil); !errors.Is(err, addresses.ErrRefused) {
		t.Errorf("got %v, want it refused", err)
	}
}
