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
)

// guard opens sockets for subscriptions. What a name leads to is looked at when the socket is opened: one that answered with a public address
// before, and answers with a private one then, does not pass.
type guard struct {
	allow []netip.Prefix
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

// permit refuses a host that is written as an address where no receiver may be, or as a name of this machine. Other names are looked up when
// they are dialled, and what they lead to is looked at then.
func (g guard) permit(host string) error {
	a, err := netip.ParseAddr(host)
	if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		a, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	switch {
	case err != nil && isNumber(host):
		return fmt.Errorf("%s is an address that is not written in full; write four numbers from 0 to 255 with dots between them, as in 192.0.2.1", host)
	case err != nil:
		return nil //nolint:nilerr // it is a name
	}
	if err := addresses.Permit(a, g.allow); err != nil {
		return refusal(host, err)
	}
	return nil
}

// isNumber tells a host that others read as an address, as browsers do by its last label, and Go as a name.
func isNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
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
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secure(ctx, conn, host, config)
}

// secure begins TLS with host over conn, which it closes where that fails.
func secure(ctx context.Context, conn net.Conn, host string, config *tls.Config) (net.Conn, error) {
	config = config.Clone()
	config.ServerName = host
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}
