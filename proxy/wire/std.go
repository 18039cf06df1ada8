package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// std is the engine over net/http's Transport. What it cannot do as the other one does: the vendor's spelling of header names is
// lost, bare line feeds and folded lines in an answer are forgiven, of Content-Length beside chunked the latter wins, and a call
// waits for a free connection as long as its context lets it.
type std struct {
	o          Options
	relays     bool
	proxy      string
	transports map[netip.Addr]http.RoundTripper
}

func newStd(o Options, d *dialer) *std {
	s := &std{o: o, relays: d.relays(), transports: make(map[netip.Addr]http.RoundTripper)}
	if s.relays {
		s.proxy = proxyAuth(d.proxy)
	}
	for _, from := range sources(o) {
		if o.Transport != nil {
			s.transports[from] = o.Transport
			continue
		}
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := d.dial(ctx, from)
			if err != nil {
				return nil, unsent{err}
			}
			return conn, nil
		}
		t := &http.Transport{
			DialContext:            dial,
			DialTLSContext:         dial, // the dialer has made the TLS session already
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxConnsPerHost:        o.MaxConns,
			MaxIdleConnsPerHost:    o.MaxConns,
			IdleConnTimeout:        o.IdleTimeout,
			ResponseHeaderTimeout:  o.FirstByteTimeout,
			MaxResponseHeaderBytes: int64(o.MaxHeader),
		}
		s.transports[from] = t
	}
	return s
}

func (s *std) closeIdle() {
	for _, t := range s.transports {
		if c, ok := t.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
}

func (s *std) call(req *http.Request, target []byte, from netip.Addr) (*http.Response, error) {
	ctx, cancel := s.context(req.Context())
	c := &stdCall{ctx: req.Context(), cancel: cancel, idle: s.o.BodyIdleTimeout}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { c.begun.Store(true) },
		ConnectStart: func(_, _ string) { c.begun.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { c.begun.Store(true) },
		WroteHeaders: func() { c.wrote.Store(true) },
	})
	c.begun.Store(s.o.Transport != nil) // a stand-in traces nothing
	out, err := s.outgoing(ctx, req, target)
	if err != nil {
		cancel()
		return nil, err
	}
	if out.Body != nil {
		c.upload = &uploadBody{ReadCloser: out.Body, left: s.o.MaxRequestBody}
		out.Body = c.upload
	}
	resp, err := s.transports[from].RoundTrip(out)
	if err != nil {
		cancel()
		return nil, c.blame(waiting, err)
	}
	return s.incoming(req, resp, c)
}

// context adds a timer where req's context has a deadline but none of its own: net/http obeys Done only.
func (s *std) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok && ctx.Done() == nil {
		return context.WithDeadline(context.WithoutCancel(ctx), d)
	}
	return context.WithCancel(ctx)
}

// outgoing is req as net/http must see it for the exact bytes of target to go out.
func (s *std) outgoing(ctx context.Context, req *http.Request, target []byte) (*http.Request, error) {
	u := &url.URL{Scheme: s.o.Base.Scheme, Host: s.o.Base.Host}
	path, query, asked := strings.Cut(string(target), "?")
	u.RawQuery, u.ForceQuery = query, asked
	switch {
	case s.o.Transport != nil: // a recorder matches by a URL it can read, and sends nothing
		plain, err := url.PathUnescape(path)
		if err != nil {
			plain = path
		}
		u.Path, u.RawPath = plain, path
	case s.relays:
		u.Opaque = "//" + s.o.Base.Host + path // net/http puts the scheme before it
	case strings.HasPrefix(path, "//"):
		// An Opaque that begins so would be taken for an authority; such a path passes only as Path and RawPath.
		plain, err := url.PathUnescape(path)
		if u.Path, u.RawPath = plain, path; err != nil || u.EscapedPath() != path {
			return nil, refuse("it begins with two slashes and holds a byte that the nethttp engine cannot send there")
		}
	default:
		u.Opaque = path
	}
	out := &http.Request{
		Method: req.Method, URL: u, Host: s.o.Base.Host, Header: s.headers(req.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if !bodyless(req) {
		out.Body, out.ContentLength = req.Body, req.ContentLength
		if out.ContentLength == 0 {
			out.ContentLength = -1
		}
	}
	return out.WithContext(ctx), nil
}

// headers keys by the caller's spelling: net/http writes keys as they are.
func (s *std) headers(in http.Header) http.Header {
	out := make(http.Header, len(in)+1)
	for name, values := range in {
		if writable(name) && name != "Host" && name != "Expect" {
			out[spelling(in[Spelling], name)] = values
		}
	}
	if out["User-Agent"] == nil {
		out["User-Agent"] = nil // present and empty: net/http adds none of its own
	}
	if s.proxy != "" {
		out["Proxy-Authorization"] = []string{s.proxy}
	}
	return out
}

func (s *std) incoming(req *http.Request, resp *http.Response, c *stdCall) (*http.Response, error) {
	fail := func(err error) (*http.Response, error) {
		c.cancel()
		resp.Body.Close()
		return nil, c.blame(reading, err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return fail(malformed("101 where nobody asked for an upgrade"))
	}
	if resp.ContentLength > s.o.MaxResponseBody && req.Method != http.MethodHead {
		return fail(errAnswerTooLarge)
	}
	for name := range resp.Header {
		if hopByHop(name) || name == "Content-Length" {
			delete(resp.Header, name)
		}
	}
	resp.Request, resp.Trailer, resp.TransferEncoding = req, nil, nil
	body := &stdBody{ReadCloser: resp.Body, call: c, left: s.o.MaxResponseBody}
	if n := resp.ContentLength; n <= 0 || n > small || req.Method == http.MethodHead {
		if resp.Body = body; n == 0 || req.Method == http.MethodHead {
			body.Close()
			resp.Body = http.NoBody
		}
		return resp, nil
	}
	w := newWhole(int(resp.ContentLength))
	if _, err := io.ReadFull(body, w.Bytes()); err != nil {
		w.Close()
		body.Close()
		return nil, blame(c.ctx, reading, cut(err))
	}
	body.Close()
	resp.Body = w
	return resp, nil
}

// stdCall is what net/http does not tell about one call.
type stdCall struct {
	ctx    context.Context
	cancel context.CancelFunc
	idle   time.Duration
	begun  atomic.Bool // it has a connection, or one is being made for it; until then it waits for one of ours
	wrote  atomic.Bool
	upload *uploadBody
}

func (c *stdCall) blame(at phase, err error) error {
	if c.upload != nil {
		if cause := c.upload.failure(); cause != nil {
			return blame(c.ctx, sending, cause)
		}
	}
	if !c.begun.Load() && timedOut(err) {
		return blame(c.ctx, dialing, errors.Join(errBusy, err))
	}
	if _, ok := errors.AsType[unsent](err); ok || !c.wrote.Load() && at == waiting && c.ctx.Err() == nil && isTLS(err) {
		return blame(c.ctx, dialing, err)
	}
	return blame(c.ctx, at, sortOut(err))
}

// sortOut finds the malformed answers among net/http's errors, of which most have no type.
func sortOut(err error) error {
	if timedOut(err) || errors.Is(err, context.Canceled) || isTLS(err) {
		return err
	}
	for _, sign := range signs {
		if strings.Contains(err.Error(), sign) {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
	}
	return err
}

// signs are words of net/http (Go 1.26) for an answer that is not valid HTTP.
var signs = []string{"malformed", "Content-Length", "transfer encoding", "exceeded", "chunk", "invalid", "http2:", "unexpected EOF"}

// uploadBody bounds a request body and remembers why it broke.
type uploadBody struct {
	io.ReadCloser
	left int64
	mu   sync.Mutex
	err  error
}

func (u *uploadBody) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.left -= int64(n); u.left < 0 {
		u.err = errRequestTooLarge
		return 0, u.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = fmt.Errorf("%w: %w", errRequestBody, err)
		return n, u.err
	}
	return n, err
}

func (u *uploadBody) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}
