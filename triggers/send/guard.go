package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/addresses"
)

// Bounds of what comes before a request.
const (
	connectTimeout   = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	resolveTimeout   = 5 * time.Second
)

// guard opens sockets for subscriptions. A name is resolved first, and what it leads to is looked at when the socket is opened: a name that
// answers with a public address when it is checked and with a private one when it is used does not pass.
type guard struct {
	allow  []netip.Prefix
	lookup func(ctx context.Context, host string) ([]netip.Addr, error) // nil = the system's
}

func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: addresses.Guard(g.allow)}
}

// transport speaks HTTP to one receiver. It asks no proxy: the environment of this process is not the subscriber's to use.
func (g guard) transport(config *tls.Config, connections int) *http.Transport {
	return &http.Transport{
		DialContext:            g.dialer().DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		MaxConnsPerHost:        connections,
		MaxIdleConnsPerHost:    connections,
		MaxIdleConns:           connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // a small answer must not become a large one
	}
}

// checkURL says in clear text what is wrong with raw, down to the addresses that its host has now.
func (g guard) checkURL(ctx context.Context, raw string, schemes ...string) error {
	u, err := parse(raw, schemes...)
	if err != nil {
		return err
	}
	return g.checkHost(ctx, u.Hostname())
}

// parse reads a URL with a host. Its errors quote nothing but the scheme, because a URL may hold a password.
func parse(raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Errorf("not a URL with a host; write %s://host/path", schemes[0])
	case !slices.Contains(schemes, u.Scheme):
		return nil, fmt.Errorf("the URL's scheme is %q; write %s", u.Scheme, strings.Join(schemes, " or "))
	case u.User != nil:
		return nil, errors.New("the URL holds a user or password; they have members of their own, which are kept secret")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("the URL's port is not between 1 and 65535")
		}
	}
	return u, nil
}

// checkHost says which addresses of host would be refused, if any.
func (g guard) checkHost(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	all, err := g.resolve(ctx, host)
	if err != nil {
		return unanswered(ctx, host, err)
	}
	for _, a := range all {
		if err := addresses.Permit(a, g.allow); err != nil {
			return refusal(host, err)
		}
	}
	return nil
}

func (g guard) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if g.lookup != nil {
		return g.lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// refusal is what the subscriber reads when an address is closed to it.
func refusal(host string, err error) error {
	return fmt.Errorf("%s is no address that events are sent to: %w; use a public address, or let the operator list the network under allow_networks", host, err)
}

// dial opens a socket for a broker's protocol, under TLS where config is not nil.
func (g guard) dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	conn, err := g.dialer().DialContext(ctx, network, address)
	if err != nil || config == nil {
		return conn, err
	}
	config = config.Clone()
	if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
		conn.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}
