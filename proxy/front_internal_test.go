package proxy

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
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
