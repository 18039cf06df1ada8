package send

import (
	"errors"
	"net/netip"
	"strings"
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

// What is no address as Go reads it, and one to others, is neither an address nor a name here.
func TestHostsThatAreNumbers(t *testing.T) {
	t.Parallel()
	for host, refused := range map[string]bool{
		"127.1": true, "2130706433": true, "0x7f000001": true, "0X7F.1": true, "0177.0.0.1": true, "1.2.3": true, "127.0.0.1.": true, "256.1.1.1": true,
		"a.1": true, "0x": true, "8.8.8.8.8": true, "1": true,
		"8.8.8.8": false, "1.example": false, "0xreceiver": false, "a.0xg": false, "a1": false, "1-2": false, "2130706433.example.": false,
	} {
		if err := (guard{}).permit(host); (err != nil) != refused || refused && !strings.Contains(err.Error(), "not written in full") {
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
