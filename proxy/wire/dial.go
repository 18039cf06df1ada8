package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"sluice/internal/addresses"
)

// dialer makes connections to Base, ready for the first request: resolved, permitted, bound, through the proxy, under TLS.
type dialer struct {
	address string // of the vendor, host:port
	proxy   *url.URL
	timeout time.Duration
	tls     *tls.Config // nil = plain
	allow   []netip.Prefix
	trusted bool // the proxy was named in the configuration, so its address is meant
}

func newDialer(o Options) (*dialer, error) {
	protocols := []string{"http/1.1"}
	if o.Engine == NetHTTP {
		protocols = []string{"h2", "http/1.1"}
	}
	config, err := newTLS(o, protocols...)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyOf(o)
	if err != nil {
		return nil, err
	}
	return &dialer{
		address: withPort(o.Base),
		proxy:   proxy,
		timeout: o.ConnectTimeout,
		tls:     config,
		allow:   o.AllowNetworks,
		trusted: o.Proxy != "environment",
	}, nil
}

func proxyOf(o Options) (*url.URL, error) {
	var proxy *url.URL
	var err error
	switch o.Proxy {
	case "":
		return nil, nil
	case "environment":
		proxy, err = http.ProxyFromEnvironment(&http.Request{URL: o.Base})
	default:
		proxy, err = url.Parse(o.Proxy)
	}
	if err != nil {
		return nil, errors.New("proxy: not a URL") // the parser's text would quote a password
	}
	if proxy != nil && (proxy.Scheme != "http" || proxy.Hostname() == "") {
		return nil, fmt.Errorf("proxy %s: want http://host:port", proxy.Redacted())
	}
	return proxy, nil
}

func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// relays reports whether requests go to a proxy in absolute form rather than through a tunnel: plain http through a proxy.
func (d *dialer) relays() bool { return d.proxy != nil && d.tls == nil }

// dial connects from the local address from (invalid = the system's choice) within ctx and the connect timeout.
func (d *dialer) dial(ctx context.Context, from netip.Addr) (net.Conn, error) {
	ctx, cancel := within(ctx, d.timeout)
	defer cancel()
	conn, err := d.reach(ctx, from)
	if err != nil {
		return nil, err
	}
	if d.tls == nil {
		return conn, nil
	}
	if d.proxy != nil {
		if err := tunnel(ctx, conn, d.address, d.proxy); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return handshake(ctx, conn, d.tls)
}

// reach makes the TCP connection, to the vendor or to the proxy before it.
func (d *dialer) reach(ctx context.Context, from netip.Addr) (net.Conn, error) {
	address := d.address
	nd := net.Dialer{Control: addresses.Guard(d.allow)}
	if d.proxy != nil {
		if a, err := netip.ParseAddr(hostOf(d.address)); err == nil {
			if err := addresses.Permit(a, d.allow); err != nil {
				return nil, err
			}
		}
		if d.trusted {
			nd.Control = nil
		}
		address = withPort(d.proxy)
	}
	network := "tcp"
	if from.IsValid() {
		nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		network = "tcp6"
		if from.Is4() {
			network = "tcp4"
		}
	}
	return nd.DialContext(ctx, network, address)
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

// within bounds ctx by d. A context may carry a deadline without a Done channel (the front's, which costs nothing until it is
// needed); the context package would trust it to fire, so its deadline is taken over instead.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	end := time.Now().Add(d)
	if hard, ok := ctx.Deadline(); ok && hard.Before(end) {
		end = hard
	}
	if ctx.Done() == nil {
		ctx = context.Background()
	}
	return context.WithDeadline(ctx, end)
}

// tunnel asks the proxy at the other end of conn for a way to address (RFC 9110 section 9.3.6).
func tunnel(ctx context.Context, conn net.Conn, address string, proxy *url.URL) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	ask := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if auth := proxyAuth(proxy); auth != "" {
		ask += "Proxy-Authorization: " + auth + "\r\n"
	}
	if _, err := conn.Write([]byte(ask + "\r\n")); err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	// One byte at a time: what follows the head belongs to the TLS session.
	head := bufio.NewReaderSize(oneByte{conn}, 16)
	resp, err := http.ReadResponse(head, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // Close would read on, past the head
	if err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answered %d to CONNECT", resp.StatusCode)
	}
	return nil
}

type oneByte struct{ net.Conn }

func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:min(1, len(p))]) }

func proxyAuth(proxy *url.URL) string {
	if proxy == nil || proxy.User == nil {
		return ""
	}
	password, _ := proxy.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
}
