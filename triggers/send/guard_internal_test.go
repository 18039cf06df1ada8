package send

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sluice/internal/addresses"
)

func TestEveryResolvedAddressIsLookedAt(t *testing.T) {
	t.Parallel()
	names := map[string][]string{
		"public.example": {"8.8.8.8", "2606:4700::1111"},
		"mixed.example":  {"8.8.8.8", "10.0.0.7"},
		"mapped.example": {"::ffff:192.168.0.1"},
		"inside.example": {"10.1.0.7"},
	}
	g := guard{allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	g.lookup = func(_ context.Context, host string) (all []netip.Addr, err error) {
		for _, a := range names[host] {
			all = append(all, netip.MustParseAddr(a))
		}
		if all == nil {
			err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return all, err
	}
	for url, want := range map[string]string{
		"https://public.example/hook": "",
		"http://inside.example:8080/": "",
		"https://mixed.example/":      "10.0.0.7 lies in 10.0.0.0/8",
		"https://mapped.example/":     "::ffff:192.168.0.1 lies in 192.168.0.0/16",
		"https://nowhere.example/":    "the name nowhere.example does not exist",
	} {
		err := g.checkURL(t.Context(), url, "https", "http")
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}

// A name may lead elsewhere when it is dialled than when it was checked, so the socket itself is guarded.
func TestSocketIsGuarded(t *testing.T) {
	t.Parallel()
	g := guard{lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}}
	if err := g.checkURL(t.Context(), "http://localhost:1/", "http"); err != nil {
		t.Fatalf("got %v, want the check to be deceived", err)
	}
	if _, err := g.dial(t.Context(), "tcp", "localhost:1", nil); !errors.Is(err, addresses.ErrRefused) {
		t.Errorf("got %v, want it refused", err)
	}
}
