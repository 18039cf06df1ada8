package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"sluice/proxy/wire"
)

// received is h as a server that was told not to normalise names reads it.
func received(t testing.TB, lines string) *fasthttp.RequestHeader {
	t.Helper()
	h := &fasthttp.RequestHeader{}
	h.DisableNormalizing()
	if err := h.Read(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"))); err != nil {
		t.Fatalf("read request: %v", err)
	}
	return h
}

// taken is what FromRequest makes of a head that is well-formed.
func taken(t testing.TB, h *fasthttp.RequestHeader) http.Header {
	t.Helper()
	header, err := wire.FromRequest(h)
	if err != nil {
		t.Fatalf("FromRequest: %v", err)
	}
	return header
}

// TestFromRequestRefuses: what fasthttp reads leniently is not handed on as fasthttp read it.
func TestFromRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, lines := range []string{"X-A: b\nContent-Length: 101\r\n", "X-A: one\r\n two\r\n"} {
		if got, err := wire.FromRequest(received(t, lines)); err == nil {
			t.Errorf("FromRequest(%q) = %q, want an error", lines, got)
		}
	}
}

func TestFromRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, lines string
		want        http.Header
	}{
		{"repeated in order", "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n", http.Header{"X-A": {"1", "3"}, "X-B": {"2"}}},
		{"spelled otherwise", "x-api-key: k\r\nSOAPAction: s\r\n", http.Header{
			"X-Api-Key": {"k"}, "Soapaction": {"s"}, wire.Spelling: {"x-api-key", "SOAPAction"}}},
		{"cookies apart", "Cookie: a=1; b\r\nCookie: c=\"3\"\r\n", http.Header{"Cookie": {"a=1; b", `c="3"`}}},
		{"empty value", "X-A:\r\nAccept: \r\n", http.Header{"X-A": {""}, "Accept": {""}}},
		{"framing and hops", "Content-Length: 0\r\nExpect: 100-continue\r\nKeep-Alive: 1\r\nTE: trailers\r\n" +
			"Proxy-Authorization: x\r\nUpgrade: h2c\r\nConnection: X-Gone, keep-alive\r\nX-Gone: 1\r\nX-Kept: 2\r\n",
			http.Header{"X-Kept": {"2"}}},
		{"none", "", http.Header{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := received(t, tt.lines)
			got := taken(t, h)
			h.Reset()
			received(t, strings.Repeat("Y: zzzzzzzz\r\n", 20)).CopyTo(h)
			if !maps.EqualFunc(got, tt.want, slices.Equal) {
				t.Errorf("FromRequest() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestToResponse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header http.Header
		want   []string // the lines after the status line, sorted
	}{
		{"no content type stays none", http.Header{"X-A": {"1"}}, []string{"Content-Length: 2", "X-A: 1"}},
		{"cookies each", http.Header{"Set-Cookie": {"a=1; Path=/", "a=2", "b="}, "Content-Type": {"text/x"}},
			[]string{"Content-Length: 2", "Content-Type: text/x", "Set-Cookie: a=1; Path=/", "Set-Cookie: a=2", "Set-Cookie: b="}},
		{"spelled otherwise", http.Header{"X-Rate": {"1", "2"}, wire.Spelling: {"x-rate"}}, []string{"Content-Length: 2", "x-rate: 1", "x-rate: 2"}},
		{"date and server are the vendor's", http.Header{"Date": {"Mon, 01 Jan 2024 00:00:00 GMT"}, "Server": {"IIS"}},
			[]string{"Content-Length: 2", "Date: Mon, 01 Jan 2024 00:00:00 GMT", "Server: IIS"}},
		{"encodings joined", http.Header{"Content-Encoding": {"gzip", "br"}}, []string{"Content-Encoding: gzip, br", "Content-Length: 2"}},
		{"framing stays behind", http.Header{"Content-Length": {"9"}, "Transfer-Encoding": {"chunked"}, "Connection": {"close"}, "Trailer": {"X"}},
			[]string{"Content-Length: 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			written := respond(t, func(ctx *fasthttp.RequestCtx) {
				ctx.SetStatusCode(207)
				wire.ToResponse(tt.header, &ctx.Response.Header)
				ctx.SetBodyString("ok")
			})
			status, rest, _ := strings.Cut(written, "\r\n")
			if want := "HTTP/1.1 207 Multi-Status"; status != want {
				t.Errorf("status line = %q, want %q", status, want)
			}
			head, _, _ := strings.Cut(rest, "\r\n\r\n")
			got := strings.Split(head, "\r\n")
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("lines = %q, want %q", got, tt.want)
			}
		})
	}
}

// respond runs one request through a fasthttp server as the front sets it up and returns the bytes it writes.
func respond(t testing.TB, handle fasthttp.RequestHandler) string {
	t.Helper()
	s := &fasthttp.Server{Handler: handle, NoDefaultServerHeader: true, NoDefaultDate: true, NoDefaultContentType: true}
	ln := fasthttputil.NewInmemoryListener()
	defer ln.Close()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	c, err := ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	resp := make([]byte, 0, 1024)
	for !bytes.HasSuffix(resp, []byte("\r\n\r\nok")) {
		var b [256]byte
		n, err := c.Read(b[:])
		if resp = append(resp, b[:n]...); err != nil {
			t.Fatalf("read %q: %v", resp, err)
		}
	}
	return string(resp)
}

//nolint:paralleltest // AllocsPerRun counts the whole process: it must run alone
func TestHeaderCopiesAreCheap(t *testing.T) {
	h := received(t, tenLines)
	if got := testing.AllocsPerRun(200, func() { _, _ = wire.FromRequest(h) }); got > 6 {
		t.Errorf("FromRequest of ten headers = %v allocations, want 6 or fewer", got)
	}
	header := taken(t, h)
	var out fasthttp.RequestHeader
	if got := testing.AllocsPerRun(200, func() { out.Reset(); wire.ToRequest(header, &out) }); got > 1 {
		t.Errorf("ToRequest of ten headers = %v allocations, want at most 1", got)
	}
}

const tenLines = "User-Agent: x/1\r\nAccept: application/json\r\nAuthorization: Bearer abc\r\nX-Request-ID: 1234\r\n" +
	"Content-Type: application/json\r\nX-Forwarded-For: 1.2.3.4\r\nCache-Control: no-cache\r\nCookie: a=1\r\nX-Tenant: t\r\n"

func BenchmarkFromRequest(b *testing.B) {
	h := received(b, tenLines)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = wire.FromRequest(h)
	}
}

func BenchmarkToResponse(b *testing.B) {
	header := taken(b, received(b, tenLines))
	var h fasthttp.ResponseHeader
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		wire.ToResponse(header, &h)
	}
}

// FuzzHeaderRoundTrip: what a request's headers say survives the way into the chain and out to the vendor.
func FuzzHeaderRoundTrip(f *testing.F) {
	f.Add("X-A", "1", "x-a", "2")
	f.Add("Cookie", "a=1; b", "Cookie", "c")
	f.Add("Content-Type", "", "content-TYPE", "x")
	f.Add("Connection", "X-B", "X-B", "1")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		lines := k1 + ": " + v1 + "\r\n" + k2 + ": " + v2 + "\r\n"
		in := &fasthttp.RequestHeader{}
		in.DisableNormalizing()
		if in.Read(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n"+lines+"\r\n"))) != nil {
			return
		}
		header, err := wire.FromRequest(in)
		if err != nil {
			return
		}
		var out fasthttp.RequestHeader
		wire.ToRequest(header, &out)
		out.SetRequestURI("/")
		out.Add("Host", "a")
		var sent bytes.Buffer
		w := bufio.NewWriter(&sent)
		if err := errors.Join(out.Write(w), w.Flush()); err != nil {
			t.Fatalf("write %q: %v", lines, err)
		}
		again := &fasthttp.RequestHeader{}
		again.DisableNormalizing()
		if err := again.Read(bufio.NewReader(&sent)); err != nil {
			t.Fatalf("what went out cannot be read: %v", err)
		}
		got := taken(t, again)
		slices.Sort(header[wire.Spelling])
		slices.Sort(got[wire.Spelling])
		if !maps.EqualFunc(got, header, slices.Equal) {
			t.Errorf("came back as %q, want %q", got, header)
		}
	})
}
