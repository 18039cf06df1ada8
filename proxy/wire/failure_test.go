package wire_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/proxy/wire"
)

// hush is a talk that reads a request and says no more until the caller hangs up.
func hush(before string) func(*peer) {
	return func(p *peer) {
		if p.request() == nil {
			io.WriteString(p, before)
			_, _ = p.br.ReadByte()
		}
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	short := 50 * time.Millisecond
	head := "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name   string
		before string
		change func(*wire.Options)
	}{
		{"first byte", "", func(o *wire.Options) { o.FirstByteTimeout = short }},
		{"small body", head + "Content-Length: 5\r\n\r\nab", func(o *wire.Options) { o.BodyIdleTimeout = short }},
		{"large body", head + "Content-Length: 500000\r\n\r\nab", func(o *wire.Options) { o.BodyIdleTimeout = short }},
		{"chunked body", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", func(o *wire.Options) { o.BodyIdleTimeout = short }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				w := connect(t, serve(t, hush(tt.before)), engine, tt.change)
				err := whole(w.RoundTrip(ask(t, "GET", "/", nil)))
				wantFault(t, err, 504, "vendor_timeout")
				if wire.NotSent(err) {
					t.Error("NotSent() = true after the request was sent")
				}
			})
		})
	}
}

// whole reads an answer to its end and returns the first error on the way.
func whole(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// lazy is a context like the front's: a deadline, and no Done channel until somebody needs one.
type lazy struct {
	context.Context
	deadline time.Time
}

func (l lazy) Deadline() (time.Time, bool) { return l.deadline, true }
func (l lazy) Done() <-chan struct{}       { return nil }
func (l lazy) Err() error                  { return nil }

// until is a context that ends after d, with a timer of its own if armed.
func until(t *testing.T, kind string, d time.Duration) context.Context {
	t.Helper()
	if kind == "lazy" {
		return lazy{context.Background(), time.Now().Add(d)}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		w := connect(t, serve(t, hush("")), engine)
		for _, kind := range []string{"armed", "lazy"} {
			err := whole(w.RoundTrip(ask(t, "GET", "/", nil).WithContext(until(t, kind, 50*time.Millisecond))))
			wantFault(t, err, 504, "vendor_timeout")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: error = %v, want context.DeadlineExceeded in it", kind, err)
			}
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"waiting": "", "reading": "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nab"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				gone := make(chan struct{})
				w := connect(t, serve(t, func(p *peer) {
					if p.request() == nil {
						io.WriteString(p, before)
						cancel()
						_, _ = p.br.ReadByte()
						close(gone)
					}
				}), engine)
				if err := whole(w.RoundTrip(ask(t, "GET", "/", nil).WithContext(ctx))); !errors.Is(err, context.Canceled) {
					t.Errorf("error = %v, want context.Canceled", err)
				}
				<-gone // the vendor sees the caller go
				err := whole(w.RoundTrip(ask(t, "GET", "/", nil).WithContext(ctx)))
				if !errors.Is(err, context.Canceled) || !wire.NotSent(err) {
					t.Errorf("error = %v, NotSent %t, want context.Canceled and nothing sent", err, wire.NotSent(err))
				}
			})
		})
	}
}

func TestNothingSent(t *testing.T) {
	t.Parallel()
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	nobody := &url.URL{Scheme: "http", Host: refusing.Addr().String()}
	_, port, _ := net.SplitHostPort(nobody.Host)
	plain := serve(t, func(p *peer) {
		_, _ = p.br.Peek(1)
		io.WriteString(p, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, p.br)
	})
	tests := []struct {
		name   string
		base   url.URL
		req    func(*http.Request)
		status int
		code   string
		closed bool // loopback is not allowed
	}{
		{"refused", *nobody, nil, 502, "vendor_unreachable", false},
		{"no such name", url.URL{Scheme: "http", Host: "nowhere.invalid"}, nil, 502, "vendor_unreachable", false},
		{"loopback by address", *nobody, nil, 502, "destination_refused", true},
		{"loopback by name", url.URL{Scheme: "http", Host: "localhost:" + port}, nil, 502, "destination_refused", true},
		{"metadata", url.URL{Scheme: "http", Host: "169.254.169.254"}, nil, 502, "destination_refused", true},
		{"mapped", url.URL{Scheme: "http", Host: "[::ffff:127.0.0.1]:" + port}, nil, 502, "destination_refused", true},
		{"no tls there", url.URL{Scheme: "https", Host: plain.listener.Addr().String()}, nil, 502, "vendor_tls", false},
		{"climbing", url.URL{Scheme: "http", Host: nobody.Host, Path: "/api"},
			func(r *http.Request) { r.URL.RawPath = "/../x" }, 400, "destination_refused", false},
		{"upgrade", *nobody, func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }, 501, "upgrade_refused", false},
		{"connect", *nobody, func(r *http.Request) { r.Method = "CONNECT" }, 501, "method_refused", false},
		{"trace", *nobody, func(r *http.Request) { r.Method = "TRACE" }, 501, "method_refused", false},
		{"trace in small letters", *nobody, func(r *http.Request) { r.Method = "trace" }, 501, "method_refused", false},
		{"track", *nobody, func(r *http.Request) { r.Method = "TRACK" }, 501, "method_refused", false},
		{"split method", *nobody, func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX:" }, 400, "method_refused", false},
		{"too long", *nobody, func(r *http.Request) { r.ContentLength = 1 << 40 }, 413, "request_too_large", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				o := wire.Options{Engine: engine, Base: &tt.base}
				if !tt.closed {
					o.AllowNetworks = loopback
				}
				w, err := wire.New(o)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				body := &closing{Reader: strings.NewReader("x")}
				req := ask(t, "POST", "/", body)
				req.ContentLength = 1
				if tt.req != nil {
					tt.req(req)
				}
				err = whole(w.RoundTrip(req))
				wantFault(t, err, tt.status, tt.code)
				if !wire.NotSent(err) {
					t.Errorf("NotSent(%v) = false, want true", err)
				}
				if !body.closed {
					t.Error("the request's body was left open")
				}
			})
		})
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestKeptConnectionThatDied(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method string
		again  bool
	}{{"GET", true}, {"HEAD", true}, {"POST", false}, {"DELETE", false}, {"PUT", false}}
	for _, tt := range tests {
		t.Run(tt.method, func(t *testing.T) {
			t.Parallel()
			// The first connection answers once and takes the second request without a word.
			v := serve(t, func(p *peer) {
				if p.v.conns.Load() > 1 {
					answers("HTTP/1.1 204 No Content\r\n\r\n")(p)
					return
				}
				if p.request() == nil {
					io.WriteString(p, "HTTP/1.1 204 No Content\r\n\r\n")
					_ = p.request()
				}
			})
			w := connect(t, v, wire.FastHTTP)
			if err := whole(w.RoundTrip(ask(t, "GET", "/1", nil))); err != nil {
				t.Fatalf("first: %v", err)
			}
			err := whole(w.RoundTrip(ask(t, tt.method, "/2", nil)))
			if tt.again {
				if err != nil || v.count() != 3 {
					t.Errorf("error = %v after %d requests, want none after 3", err, v.count())
				}
				return
			}
			wantFault(t, err, 502, "vendor_unreachable")
			if wire.NotSent(err) || v.count() != 2 {
				t.Errorf("NotSent = %t after %d requests, want false after 2", wire.NotSent(err), v.count())
			}
		})
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	limit := func(o *wire.Options) { o.MaxRequestBody, o.MaxResponseBody = 100, 100 }
	long := strings.Repeat("x", 101)
	both(t, func(t *testing.T, engine string) {
		for _, answer := range []string{ok(long), "HTTP/1.1 200 OK\r\n\r\n" + long,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + long + "\r\n0\r\n\r\n"} {
			v := serve(t, func(p *peer) {
				if p.request() == nil {
					io.WriteString(p, answer)
				}
			})
			wantFault(t, whole(connect(t, v, engine, limit).RoundTrip(ask(t, "GET", "/", nil))), 502, "answer_too_large")
		}
		v := serve(t, answers(ok("{}")))
		req := ask(t, "POST", "/", io.MultiReader(strings.NewReader(long)))
		req.ContentLength = -1
		wantFault(t, whole(connect(t, v, engine, limit).RoundTrip(req)), 413, "request_too_large")
		req = ask(t, "POST", "/", io.MultiReader(strings.NewReader("four")))
		req.ContentLength = 5
		err := whole(connect(t, v, engine).RoundTrip(req))
		if engine == wire.FastHTTP {
			wantFault(t, err, 400, "request_incomplete")
		} else if err == nil {
			t.Error("a request body shorter than announced passed")
		}
		if got := v.count(); got != 0 {
			t.Errorf("whole requests at the vendor = %d, want 0", got)
		}
	})
}
