package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/connectors"
)

// stageRig is what a stage is tested on: a connection whose settings a test may change before it builds stages, and a caller.
type stageRig struct {
	conn     *connectors.Connection
	route    *connectors.Route
	consumer *connectors.Consumer
	view     *connectors.View
	set      *connectors.Set
	ups      *Upstreams
	log      *lockedBuffer
}

func newStageRig(t testing.TB) *stageRig {
	t.Helper()
	base, err := url.Parse("https://vendor.example/api")
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	return &stageRig{
		conn: &connectors.Connection{
			Name: "tdx", Connector: &connectors.Connector{Name: "teamdynamix"}, Base: base,
			Breaker:  connectors.Breaker{Failures: 3, Ratio: 0.5, Minimum: 10, Window: time.Minute, Open: 30 * time.Second, Probes: 2},
			Retry:    connectors.Retry{Attempts: 3, Base: 200 * time.Millisecond, Max: 5 * time.Second},
			Timeouts: connectors.Timeouts{Total: time.Minute},
			Bounds:   connectors.Bounds{BufferBody: 1 << 20, MaxHold: 25 * time.Second, Queue: 100, BulkFloor: 0.1},
		},
		route:    &connectors.Route{Name: "GET /people/{uid}", Method: "GET", Template: "/people/{uid}", Group: "people", Safe: true},
		consumer: &connectors.Consumer{Name: "iga"},
		view:     &connectors.View{Name: "sailpoint"},
		set:      &connectors.Set{Revision: "r1"},
		ups:      NewUpstreams(Options{Log: slog.New(slog.NewTextHandler(log, nil))}),
		log:      log,
	}
}

// call is a call on the rig's route, as the front would make it.
func (s *stageRig) call(ctx context.Context) *Call {
	c := newCall(ctx, time.Now().Add(s.conn.Timeouts.Total))
	c.ID, c.Connection, c.Route, c.Consumer, c.View = "id-1", s.conn, s.route, s.consumer, s.view
	c.Caller, c.Arrived = Address{Scheme: "http://", Host: "localhost:8080", Prefix: "/tdx"}, time.Now()
	return c
}

// request is a request on a call of its own; headers come as name, value, name, value.
func (s *stageRig) request(t testing.TB, method, target string, body io.Reader, headers ...string) (*http.Request, *Call) {
	t.Helper()
	call := s.call(t.Context())
	r, err := http.NewRequestWithContext(call, method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r, call
}

// counted sums a metric's samples whose labels include all of want.
func (s *stageRig) counted(t testing.TB, name string, want map[string]string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.ups.opts.Metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	sample:
		for _, m := range f.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			for k, v := range want {
				if have[k] != v {
					continue sample
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// vendorSays is an answer of the vendor; headers come as name, value, name, value.
func vendorSays(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// watchedBody tells how much of it was read and whether it was closed.
type watchedBody struct {
	io.Reader
	mu     sync.Mutex
	read   int64
	closed int
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read += int64(n)
	return n, err
}

func (b *watchedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed++
	return nil
}

func (b *watchedBody) state() (read int64, closed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read, b.closed
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// readAll reads an answer's body and closes it.
func readAll(t testing.TB, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatalf("close the answer: %v", err)
	}
	return string(data)
}
