package proxy

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/connectors"
)

// FuzzWellFormed: what the door lets in, net/http reads as the engine does, or not at all.
func FuzzWellFormed(f *testing.F) {
	for _, head := range []string{
		"GET /tdx/a HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n",
		"POST /tdx/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
		"GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: one\r\n two\r\n\r\n",
		"GET /tdx/a HTTP/1.1\nHost: x\nX-A : one\n\n",
		"POST /tdx/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add(head)
	}
	f.Fuzz(func(t *testing.T, head string) {
		var h fasthttp.RequestHeader
		h.DisableNormalizing()
		if h.Read(bufio.NewReader(strings.NewReader(head))) != nil || wellFormed(&h) != nil {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		length, chunked := int64(max(h.ContentLength(), 0)), h.ContentLength() == -1
		other := len(r.TransferEncoding) > 0
		if chunked != other || !chunked && length != max(r.ContentLength, 0) {
			t.Errorf("%q: the engine reads a body of %d (chunked: %v), net/http one of %d (chunked: %v)", head, length, chunked, r.ContentLength, other)
		}
		if r.Method != string(h.Method()) || r.RequestURI != string(h.RequestURI()) {
			t.Errorf("%q: the engine reads %s %s, net/http %s %s", head, h.Method(), h.RequestURI(), r.Method, r.RequestURI)
		}
	})
}

// FuzzLocate: what locate makes of a target is what was sent, no byte more or less.
func FuzzLocate(f *testing.F) {
	for _, target := range []string{
		"/tdx/api/people/1?a=b", "/tdx", "/tdx?", "/@raw/tdx//a%2Fb", "/@/tdx", "http://h/tdx/a", "//tdx/a", "*", "/tdx/../x", "HTTPS://h?x", "/@raw/tdx?q", "/@", "/", "/@raw",
	} {
		f.Add(target)
	}
	up := &upstream{connection: newStageRig(f).conn}
	gen := &generation{byName: map[string]*upstream{"tdx": up}}
	f.Fuzz(func(t *testing.T, target string) {
		p, err := locate(gen, "main", "x", target)
		if err != nil {
			return
		}
		got := p.prefix + p.path
		if p.hasQuery {
			got += "?" + p.query
		}
		want := originForm(target)
		if bare, _, _ := strings.Cut(want, "?"); bare == p.prefix { // a connection without any path
			want = bare + "/" + strings.TrimPrefix(want, bare)
		}
		if got != want {
			t.Errorf("locate(%q) = %q %q %q, together %q, want %q", target, p.prefix, p.path, p.query, got, want)
		}
		if p.upstream != up || !strings.HasPrefix(p.path, "/") {
			t.Errorf("locate(%q): path %q of %v", target, p.path, p.upstream)
		}
	})
}

// TestCallsLane: a call has the lane that consumer, route, method and header make, from the door on, and the vendor never reads of it.
func TestCallsLane(t *testing.T) {
	t.Parallel()
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml": {Data: []byte(`consumers: {iga: {networks: [127.0.0.0/8], lane: bulk, choose_lane: true}}
connections: {acme: {connector: acme, base_url: "https://vendor.example"}}
`)},
		"connectors/acme.yaml": {Data: []byte("name: acme\nroutes: [{match: POST /disable, lane: critical}]\n")},
	}, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatalf("got faults, want none: %v", faults)
	}
	up := &upstream{connection: set.Connections["acme"]}
	gen := &generation{set: set, byName: map[string]*upstream{"acme": up}}
	front := NewFront(t.Context(), NewUpstreams(Options{}))
	for _, tt := range []struct {
		method, path, header string
		want                 connectors.Lane
	}{
		{"GET", "/acme/users", "", connectors.Bulk},
		{"POST", "/acme/users", "", connectors.Bulk},
		{"POST", "/acme/disable", "", connectors.Critical},
		{"GET", "/acme/users", "interactive", connectors.Interactive},
		{"POST", "/acme/disable", "bulk", connectors.Bulk},
	} {
		var c fasthttp.RequestCtx
		var sent fasthttp.Request
		sent.Header.SetMethod(tt.method)
		sent.SetRequestURI(tt.path)
		sent.Header.SetHost("localhost")
		if tt.header != "" {
			sent.Header.Set("x-sluice-lane", tt.header)
		}
		c.Init(&sent, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
		call := newCall(t.Context(), time.Time{})
		_, r, err := front.request(&c, gen, "main", call)
		if err != nil || call.Lane != tt.want {
			t.Errorf("%s %s with %q: got lane %s, %v; want %s", tt.method, tt.path, tt.header, call.Lane, err, tt.want)
			continue
		}
		if got := r.Header.Values(headerLane); got != nil {
			t.Errorf("%s %s: the vendor gets %s: %q", tt.method, tt.path, headerLane, got)
		}
	}
}

func TestHostName(t *testing.T) {
	t.Parallel()
	tests := []struct{ host, want string }{
		{"tdx.example", "tdx.example"}, {"TDX.Example:8443", "tdx.example"}, {"tdx.example.", "tdx.example"},
		{"[::1]", "[::1]"}, {"[::1]:80", "[::1]"}, {"", ""},
	}
	for _, tt := range tests {
		if got := hostName(tt.host); got != tt.want {
			t.Errorf("hostName(%q) = %q, want %q", tt.host, got, tt.want)
		}
	}
}
