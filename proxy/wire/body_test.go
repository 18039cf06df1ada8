package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"sluice/proxy/wire"
)

func TestWholeBody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		w := connect(t, serve(t, answers(ok("hello"))), engine)
		resp, err := w.RoundTrip(ask(t, "GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		body, is := resp.Body.(*wire.Whole)
		if !is {
			t.Fatalf("body = %T, want *wire.Whole", resp.Body)
		}
		var one [1]byte
		if n, err := body.Read(one[:]); n != 1 || err != nil || body.Len() != 4 || string(body.Bytes()) != "ello" {
			t.Errorf("after one byte: %d %v, Len %d, Bytes %q, want 1 nil 4 ello", n, err, body.Len(), body.Bytes())
		}
		var rest bytes.Buffer
		if n, err := body.WriteTo(&rest); n != 4 || err != nil || rest.String() != "ello" {
			t.Errorf("WriteTo = %d %v %q, want 4 nil ello", n, err, rest.String())
		}
		if _, err := body.Read(one[:]); !errors.Is(err, io.EOF) {
			t.Errorf("Read at the end = %v, want EOF", err)
		}
	})
}

func TestBodyAfterClose(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100_000)
	for name, answer := range map[string]string{
		"small": ok("hello"), "large": ok(big),
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				w := connect(t, serve(t, answers(answer)), engine)
				for range 3 {
					resp, err := w.RoundTrip(ask(t, "GET", "/", nil))
					if err != nil {
						t.Fatal(err)
					}
					for range 2 {
						if err := resp.Body.Close(); err != nil {
							t.Errorf("Close() = %v", err)
						}
					}
					var p [8]byte
					if n, err := resp.Body.Read(p[:]); n != 0 || !errors.Is(err, wire.ErrClosed) {
						t.Errorf("Read after Close = %d, %v, want 0, ErrClosed", n, err)
					}
				}
			})
		})
	}
}

// TestBodiesStayApart gives each caller its own answer while others close theirs twice: memory given back too often, or kept,
// would show as somebody else's bytes.
func TestBodiesStayApart(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		w := connect(t, serve(t, func(p *peer) {
			for {
				head, err := p.head()
				if err != nil {
					return
				}
				path := strings.Fields(head)[1]
				io.WriteString(p, ok(strings.Repeat(path, 50)))
			}
		}), engine, func(o *wire.Options) { o.MaxConns = 3 })
		var callers sync.WaitGroup
		for i := range 8 {
			path := "/" + string(rune('a'+i))
			callers.Go(func() {
				for range 25 {
					resp, err := w.RoundTrip(ask(t, "GET", path, nil))
					if err != nil {
						t.Errorf("RoundTrip(%s) = %v", path, err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					if want := strings.Repeat(path, 50); string(got) != want || err != nil {
						t.Errorf("%s: body = %.20q, %v, want its own", path, got, err)
					}
					resp.Body.Close()
					resp.Body.Close()
				}
			})
		}
		callers.Wait()
	})
}
