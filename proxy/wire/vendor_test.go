package wire_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/fault"
	"sluice/proxy/wire"
)

// vendor is a TCP server that records the exact bytes it is sent and answers with exact bytes.
type vendor struct {
	listener net.Listener
	conns    atomic.Int32
	mu       sync.Mutex
	heads    []string
	bodies   []string
}

// peer is one connection to the vendor.
type peer struct {
	net.Conn
	v  *vendor
	br *bufio.Reader
}

// serve starts a vendor that runs talk for each connection and closes it afterwards.
func serve(t testing.TB, talk func(p *peer)) *vendor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &vendor{listener: l}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			v.conns.Add(1)
			running.Go(func() {
				defer c.Close()
				talk(&peer{Conn: c, v: v, br: bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() { l.Close() })
	return v
}

// answers is a talk that gives the same answer to every request of a connection.
func answers(answer string) func(*peer) {
	return func(p *peer) {
		for p.request() == nil {
			io.WriteString(p, answer)
		}
	}
}

// request reads one request and records it.
func (p *peer) request() error {
	head, err := p.head()
	if err != nil {
		return err
	}
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), p.br)))
	if err != nil {
		p.record(head, "")
		return nil //nolint:nilerr // a method or target net/http would not read: no body is expected then
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	p.record(head, string(body))
	return nil
}

func (p *peer) head() (string, error) {
	var head strings.Builder
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return "", err
		}
		head.WriteString(line)
		if line == "\r\n" {
			return head.String(), nil
		}
	}
}

func (p *peer) record(head, body string) {
	p.v.mu.Lock()
	defer p.v.mu.Unlock()
	p.v.heads = append(p.v.heads, head)
	p.v.bodies = append(p.v.bodies, body)
}

// last is the head and body of the latest request.
func (v *vendor) last(t testing.TB) (head, body string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.heads) == 0 {
		t.Fatal("the vendor was sent nothing")
	}
	return v.heads[len(v.heads)-1], v.bodies[len(v.bodies)-1]
}

func (v *vendor) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.heads)
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// connect is a Wire to v with engine; change may alter its options.
func connect(t testing.TB, v *vendor, engine string, change ...func(*wire.Options)) *wire.Wire {
	t.Helper()
	o := wire.Options{
		Engine:        engine,
		Base:          &url.URL{Scheme: "http", Host: v.listener.Addr().String()},
		AllowNetworks: loopback,
	}
	for _, c := range change {
		c(&o)
	}
	w, err := wire.New(o)
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	t.Cleanup(w.Close)
	return w
}

// both runs test over either engine.
func both(t *testing.T, test func(t *testing.T, engine string)) {
	t.Helper()
	for _, engine := range []string{wire.FastHTTP, wire.NetHTTP} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// ask makes a request of the chain: raw is the exact path, with the query after a question mark.
func ask(t testing.TB, method, raw string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://elsewhere.invalid/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.RawPath, req.URL.RawQuery, req.URL.ForceQuery = strings.Clone(raw), "", false
	if path, query, ok := strings.Cut(raw, "?"); ok {
		req.URL.RawPath, req.URL.RawQuery, req.URL.ForceQuery = path, query, query == ""
	}
	return req
}

// drain reads a body whole and closes it.
func drain(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatalf("close body: %v", err)
	}
	return string(b)
}

// wantFault fails the test unless err is a fault of the wire with status and code.
func wantFault(t testing.TB, err error, status int, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("error = %v, want a fault %d %s", err, status, code)
	}
	if f.Status != status || f.Code != code || f.Stage != "wire" {
		t.Errorf("fault = %d %s of %s, want %d %s of wire (%v)", f.Status, f.Code, f.Stage, status, code, err)
	}
	if strings.Contains(f.Message, "127.0.0.1") {
		t.Errorf("message %q tells an address", f.Message)
	}
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
