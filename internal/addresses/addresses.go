// Package addresses says which addresses may be dialled for somebody else. A server that connects wherever its configuration, a subscription or a
// name server tells it to can be steered into the network it stands in; so private, local and special addresses are refused when the socket is
// opened, after the name has been resolved, unless the operator allows the network.
package addresses

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// closed are the networks nobody serves the public from: private, shared, local and special ones, from the IANA special-purpose registries
// (RFC 6890 and its updates). Cloud metadata services (169.254.169.254, fd00:ec2::254) lie inside link-local and unique-local.
var closed = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT; also the metadata service of Alibaba
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"), // reserved, and the broadcast address
	netip.MustParsePrefix("::/96"),       // unspecified, loopback and the old IPv4-compatible form
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), // IETF protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"), // site-local, deprecated but still routed in places
	netip.MustParsePrefix("ff00::/8"),
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	sixTo = netip.MustParsePrefix("2002::/16")
)

// ErrRefused is in the chain of every error of this package.
var ErrRefused = errors.New("address refused")

// inner is the IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), NAT64 (RFC 6052) and 6to4 (RFC 3056) carry
// one inside, and a gateway would deliver there.
func inner(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixTo.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// Permit returns nil when a may be dialled: it is a public unicast address, or allow holds it in one of its forms.
func Permit(a netip.Addr, allow []netip.Prefix) error {
	plain := a.Unmap().WithZone("")
	carried := inner(a)
	for _, p := range allow {
		if p.Contains(plain) || p.Contains(carried) {
			return nil
		}
	}
	for _, p := range closed {
		if p.Contains(plain) || p.Contains(carried) {
			return fmt.Errorf("%w: %s lies in %s", ErrRefused, a, p)
		}
	}
	return nil
}

// Guard is a net.Dialer.Control that permits by the address about to be dialled, after resolution: a name that answers with a
// public address when asked and a private one when dialled does not pass.
func Guard(allow []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q is no address", ErrRefused, address)
		}
		return Permit(ap.Addr(), allow)
	}
}
