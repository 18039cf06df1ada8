package auth

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// endpoint is where a scheme signs in, and the way there. The URL may hold a credential (a tenant's id): it is never printed.
type endpoint struct {
	unprinted
	url *url.URL // on the way: its path is relative to the way's base
	way http.RoundTripper
}

// endpoint finds the way to where: a path below the connection's base URL, or a whole URL. A URL under the base is reached like every
// other call to the vendor; any other gets a way of its own.
func (k *kit) endpoint(key, where string) (*endpoint, error) {
	text, err := k.closed(key, where)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("auth.%s: is no URL", key) // url's own error would repeat it
	}
	base := k.conn.Base
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
		target.Scheme, target.Host = base.Scheme, base.Host
		return &endpoint{url: target, way: k.ways.Vendor}, nil
	}
	if err := absolute(target, base); err != nil {
		return nil, fmt.Errorf("auth.%s: %w", key, err)
	}
	prefix := strings.TrimSuffix(base.EscapedPath(), "/")
	if below, ok := strings.CutPrefix(target.EscapedPath(), prefix); ok && sameOrigin(target, base) && strings.HasPrefix(below, "/") {
		target.RawPath = below
		target.Path, _ = url.PathUnescape(below) // it is part of a URL that has been parsed
		return &endpoint{url: target, way: k.ways.Vendor}, nil
	}
	if k.ways.Outside == nil {
		return nil, fmt.Errorf("auth.%s: leads to a host other than the connection's", key)
	}
	way, err := k.ways.Outside(&url.URL{Scheme: target.Scheme, Host: target.Host})
	if err != nil {
		return nil, fmt.Errorf("auth.%s: %w", key, err)
	}
	return &endpoint{url: target, way: way}, nil
}

// absolute refuses URLs over which a credential must not go.
func absolute(target, base *url.URL) error {
	switch {
	case target.Host == "" || target.Scheme != "https" && target.Scheme != "http":
		return errors.New("must be a path that begins with / or a whole https:// URL")
	case target.User != nil || target.Fragment != "":
		return errors.New("must hold neither a user nor a fragment")
	case target.Scheme == "http" && !sameOrigin(target, base) && !isLoopback(target.Hostname()):
		return errors.New("must be https://: a credential goes there")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// maxAnswer is the longest answer to a sign-in, in bytes; a token answer has a few thousand.
const maxAnswer = 1 << 20

// arrived is an answer that has been read to its end.
type arrived struct {
	status int
	header http.Header
	body   []byte
}

// send sends r and reads the answer. One other than 2xx is an *answered.
func (e *endpoint) send(r *http.Request) (*arrived, error) {
	resp, err := e.way.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		return nil, &answered{status: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer to the sign-in: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, &answered{status: resp.StatusCode, cause: "its body is longer than 1 MiB"}
	}
	return &arrived{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// retryAfter reads the seconds of a Retry-After (RFC 9110, 10.2.3); 0 when there are none.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || seconds < 0 || seconds > 24*60*60 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// vendorTime is what the vendor's clock read when it answered; now when it did not say.
func vendorTime(h http.Header, now time.Time) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return now
	}
	return date
}
