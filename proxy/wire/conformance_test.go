package wire_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/proxy/wire"
)

func TestTargetGoesOutByteForByte(t *testing.T) {
	t.Parallel()
	targets := []string{
		"/", "/a%2Fb//c", "/a|b", "/%7euser/%e4", "/a?", "/a?x=1&y=%2f|+", "/a/../b", "/a;b=c", "/x:y@z", "/café", "//c/d", "/a?b?c",
	}
	both(t, func(t *testing.T, engine string) {
		v := serve(t, answers(ok("{}")))
		w := connect(t, v, engine)
		for _, target := range targets {
			resp, err := w.RoundTrip(ask(t, "GET", target, nil))
			if err != nil {
				t.Errorf("RoundTrip(%s) = %v", target, err)
				continue
			}
			drain(t, resp)
			head, _ := v.last(t)
			if got, want := strings.SplitN(head, "\r\n", 2)[0], "GET "+target+" HTTP/1.1"; got != want {
				t.Errorf("request line = %q, want %q", got, want)
			}
		}
		if got := v.conns.Load(); got != 1 {
			t.Errorf("connections = %d, want 1: small answers give theirs back", got)
		}
	})
}

func TestRequestHeadIsWhatTheCallerSaid(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		v := serve(t, answers(ok("{}")))
		w := connect(t, v, engine)
		req := ask(t, "GET", "/a", nil)
		req.Header = http.Header{
			"X-Api-Key":         {"k"},
			"X-Many":            {"1", "2", ""},
			"Cookie":            {"a=1; b=2", "c=3"},
			"Connection":        {"close"},
			"Proxy-Connection":  {"keep-alive"},
			"Transfer-Encoding": {"chunked"},
			"Content-Length":    {"7"},
			"Expect":            {"100-continue"},
			"Host":              {"evil.example"},
			wire.Spelling:       {"x-api-KEY"},
		}
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatalf("RoundTrip() = %v", err)
		}
		drain(t, resp)
		head, _ := v.last(t)
		got := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")[1:]
		slices.Sort(got)
		want := []string{
			"Cookie: a=1; b=2", "Cookie: c=3", "Host: " + v.listener.Addr().String(),
			"X-Many: ", "X-Many: 1", "X-Many: 2", "x-api-KEY: k",
		}
		if !slices.Equal(got, want) {
			t.Errorf("header lines = %q, want %q", got, want)
		}
	})
}

func TestRequestBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 20_000)
	tests := []struct {
		name   string
		method string
		length int64 // as announced; -1 = not
		line   string
		body   string
	}{
		{"known", "POST", 7, "Content-Length: 7", `{"a":1}`},
		{"long", "PUT", int64(len(long)), "Content-Length: 320000", long},
		{"unknown", "POST", -1, "Transfer-Encoding: chunked", long},
		{"none", "POST", 0, "Content-Length: 0", ""},
	}
	both(t, func(t *testing.T, engine string) {
		v := serve(t, answers(ok("{}")))
		w := connect(t, v, engine)
		for _, tt := range tests {
			var body io.Reader
			if tt.length != 0 {
				body = io.MultiReader(strings.NewReader(tt.body)) // hides the length
			}
			req := ask(t, tt.method, "/a", body)
			req.ContentLength = tt.length
			resp, err := w.RoundTrip(req)
			if err != nil {
				t.Fatalf("%s: RoundTrip() = %v", tt.name, err)
			}
			drain(t, resp)
			head, got := v.last(t)
			if !strings.Contains(head, "\r\n"+tt.line+"\r\n") {
				t.Errorf("%s: head = %q, want it to say %q", tt.name, head, tt.line)
			}
			if got != tt.body {
				t.Errorf("%s: body of %d bytes, want %d", tt.name, len(got), len(tt.body))
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 200_000)
	tests := []struct {
		name, method, answer string
		status               int
		body                 string
		length               int64
		reuse                bool
	}{
		{"small", "GET", ok("hello"), 200, "hello", 5, true},
		{"big", "GET", ok(big), 200, big, 200_000, true},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n", 200, "abcde", -1, true},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 200, "", 99, true},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0, true},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", 304, "", 0, true},
		{"empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", 0, true},
		{"interim", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("late"), 200, "late", 4, true},
		{"redirect", "GET", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, "", 0, true},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", 2, false},
		{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nall there is", 200, "all there is", -1, false},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", 2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				v := serve(t, func(p *peer) {
					for p.request() == nil {
						io.WriteString(p, tt.answer)
						if !tt.reuse {
							return
						}
					}
				})
				w := connect(t, v, engine)
				for range 2 {
					resp, err := w.RoundTrip(ask(t, tt.method, "/a", nil))
					if err != nil {
						t.Fatalf("RoundTrip() = %v", err)
					}
					if got := drain(t, resp); got != tt.body {
						t.Errorf("body of %d bytes, want %d", len(got), len(tt.body))
					}
					if resp.StatusCode != tt.status || resp.ContentLength != tt.length {
						t.Errorf("status %d, length %d, want %d, %d", resp.StatusCode, resp.ContentLength, tt.status, tt.length)
					}
					if resp.Header.Get("Content-Length") != "" || resp.Header.Get("Connection") != "" {
						t.Errorf("header = %v, want no framing in it", resp.Header)
					}
				}
				want := int32(1)
				if !tt.reuse {
					want = 2
				}
				if got := v.conns.Load(); got != want {
					t.Errorf("connections = %d, want %d", got, want)
				}
			})
		})
	}
}

func TestMalformedAnswers(t *testing.T) {
	t.Parallel()
	each := []string{wire.FastHTTP, wire.NetHTTP}
	fast := each[:1] // net/http forgives these, as its engine says
	tests := []struct {
		name, answer string
		engines      []string
	}{
		{"no http", "SSH-2.0-OpenSSH_9.6\r\n\r\n", each},
		{"bad status", "HTTP/1.1 2xx OK\r\n\r\n", each},
		{"conflicting lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", each},
		{"length no number", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", each},
		{"other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", each},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", each},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", each},
		{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", each},
		{"huge head", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 70<<10) + "\r\nContent-Length: 0\r\n\r\n", each},
		{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", fast},
		{"folded", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", fast},
		{"bare line feed", "HTTP/1.1 200 OK\nContent-Length: 0\n\r\n\r\n", fast},
		{"space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", fast},
		{"unasked upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", each},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, engine := range tt.engines {
				v := serve(t, func(p *peer) {
					if p.request() == nil {
						io.WriteString(p, tt.answer)
					}
				})
				w := connect(t, v, engine)
				for range 2 {
					resp, err := w.RoundTrip(ask(t, "GET", "/a", nil))
					if err == nil {
						_, err = io.ReadAll(resp.Body)
						resp.Body.Close()
					}
					wantFault(t, err, 502, "vendor_protocol")
					if wire.NotSent(err) {
						t.Error("NotSent() = true for a request that was answered")
					}
				}
				if got := v.conns.Load(); got != 2 {
					t.Errorf("connections = %d, want 2: a bad one is never used again", got)
				}
			}
		})
	}
}
