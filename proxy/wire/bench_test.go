package wire_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"sluice/proxy/wire"
)

// BenchmarkRoundTrip is a GET of 2 KB of JSON. "bare" is a hand-written request over one socket: the mock vendor's and the
// kernel's share, which the other two contain.
func BenchmarkRoundTrip(b *testing.B) {
	answer := ok(`{"items":"` + strings.Repeat("x", 2036) + `"}`)
	v := serve(b, func(p *peer) {
		var room [4096]byte
		for {
			if _, err := p.Read(room[:]); err != nil { // one request per read: it fits
				return
			}
			io.WriteString(p, answer)
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, err := net.Dial("tcp", v.listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		head := []byte("GET /api/users?page=1 HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nAuthorization: Bearer abc\r\n\r\n")
		room := make([]byte, len(answer))
		for b.Loop() {
			if _, err := c.Write(head); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(c, room); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, engine := range []string{wire.FastHTTP, wire.NetHTTP} {
		b.Run(engine, func(b *testing.B) {
			w := connect(b, v, engine)
			req := ask(b, "GET", "/api/users?page=1", nil)
			req.Header.Set("Accept", "application/json")
			req.Header.Set("Authorization", "Bearer abc")
			b.ReportAllocs()
			for b.Loop() {
				resp, err := w.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := resp.Body.(io.WriterTo).WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
