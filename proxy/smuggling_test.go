package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// ambiguous are requests that two HTTP parsers could read differently. None may reach a vendor.
var ambiguous = []struct{ name, request string }{
	{"length and chunked", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunked and length", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
	{"two lengths", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"},
	{"the same length twice", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"},
	{"a list of lengths", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd"},
	{"signed length", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd"},
	{"negative length", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nabcd"},
	{"hexadecimal length", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd"},
	{"empty length", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"},
	{"chunked twice", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"another coding", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"identity", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"},
	{"odd chunked", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{"chunked with a tab", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"},
	{"chunked in HTTP/1.0", "POST /tdx/a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"space before the colon", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd"},
	{"folded line", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: one\r\n two\r\n\r\n"},
	{"folded first line", "GET /tdx/a HTTP/1.1\r\n X-A: one\r\nHost: x\r\n\r\n"},
	{"no colon", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"},
	{"empty name", "GET /tdx/a HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n"},
	{"NUL in a value", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n"},
	{"bare CR in a value", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n"},
	{"bare LF after a header", "GET /tdx/a HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n"},
	{"bare LF after the last header", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: b\n\r\n"},
	{"bare LF as the empty line", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\n"},
	{"bare LF everywhere", "GET /tdx/a HTTP/1.1\nHost: x\nX-A: b\n\n"},
	{"a length hidden behind a bare LF", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: b\nContent-Length: 101\r\n\r\n"},
	{"two hosts", "GET /tdx/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"},
	{"authority form", "CONNECT vendor.example:443 HTTP/1.1\r\nHost: vendor.example:443\r\n\r\n"},
	{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"space in the target", "GET /tdx/a b HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"bad chunk size", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n"},
	{"chunk longer than it says", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"},
	{"negative chunk", "POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n"},
}

//nolint:tparallel // each subtest counts what reaches the one vendor
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	t.Parallel()
	var smuggled atomic.Int64
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil { // a body that broke off half-way was no request
			smuggled.Add(1)
		}
		w.WriteHeader(http.StatusOK)
	}))
	h := open(t, load(t, atVendor(vendor, ""), nil))
	for _, tt := range ambiguous {
		t.Run(tt.name, func(t *testing.T) {
			before := smuggled.Load()
			conn, err := net.DialTimeout("tcp4", strings.TrimPrefix(h.url, "http://"), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			// What follows would be a request of its own to a parser that was led astray.
			if _, err := fmt.Fprint(conn, tt.request+"GET /tdx/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("answer %d %s, want 400", resp.StatusCode, body)
			}
			if second, err := http.ReadResponse(r, nil); err == nil {
				_ = second.Body.Close()
				t.Errorf("a second answer came: %d; the connection must be closed", second.StatusCode)
			}
			if got := smuggled.Load() - before; got != 0 {
				t.Errorf("%d requests reached the vendor, want 0", got)
			}
		})
	}
}

// TestNoRequestLeadsElsewhere is the SSRF table at the door: whatever a caller writes, the vendor's host and base path are where it goes.
//
//nolint:tparallel // what went elsewhere is counted after the last subtest
func TestNoRequestLeadsElsewhere(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	otherHost := strings.TrimPrefix(other, "http://")
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/TDWebApi/") || strings.Contains(r.URL.Path, "..") {
			elsewhere.Add(1)
		}
		w.Header().Set("Location", other+"/stolen")
		w.WriteHeader(http.StatusFound)
	}))
	h := open(t, load(t, atVendor(vendor, ""), nil))
	tests := []struct {
		name, target, header string
		want                 int
	}{
		{"absolute form", "http://" + otherHost + "/tdx/a", "", 302},
		{"host header", "/tdx/a", "X-Forwarded-Host: " + otherHost + "\r\n", 302},
		{"forwarded", "/tdx/a", "Forwarded: host=" + otherHost + "\r\n", 302},
		{"original url", "/tdx/a", "X-Original-URL: http://" + otherHost + "/\r\nX-Rewrite-URL: /etc\r\n", 302},
		{"authority in the path", "/tdx//" + otherHost + "/a", "", 302},
		{"userinfo in the path", "/tdx/@" + otherHost + "/", "", 302},
		{"url in the path", "/tdx/http://" + otherHost + "/", "", 302},
		{"dots", "/tdx/../../SBTDWebApi/api", "", 400},
		{"encoded dots", "/tdx/%2e%2e/SBTDWebApi/api", "", 400},
		{"doubly encoded dots", "/tdx/%252e%252e/SBTDWebApi/api", "", 400},
		{"dots and encoded slash", "/tdx/..%2fSBTDWebApi/api", "", 400},
		{"backslashes", `/tdx/..\..\SBTDWebApi`, "", 400},
		{"encoded backslashes", "/tdx/..%5c..%5cSBTDWebApi", "", 400},
		{"dots before the connection", "/x/../tdx/a", "", 404},
		{"unknown connection", "/nobody/a", "", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.DialTimeout("tcp4", strings.TrimPrefix(h.url, "http://"), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", tt.target, tt.header); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("GET %s: answer %d, want %d", tt.target, resp.StatusCode, tt.want)
			}
		})
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("%d requests went elsewhere, want 0", got)
	}
}

func TestPrivateVendorNeedsLeave(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	vendor := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	h := open(t, load(t, strings.Replace(atVendor(vendor, ""), "    allow_networks: [127.0.0.0/8]\n", "", 1), nil))
	resp, err := client(t).Get(h.url + "/tdx/a")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), "destination_refused") {
		t.Errorf("answer %d %s, want 502 destination_refused", resp.StatusCode, body)
	}
	if strings.Contains(string(body), "127.0.0.1") {
		t.Errorf("the caller is told an address of ours: %s", body)
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("the vendor was reached %d times, want 0", got)
	}
}
