package proxy

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// observe counts, logs and traces every request of a connection once, when its answer has been read to the end: a metric set, one wide
// log line, a place in the ring, a span.
func (u *Upstreams) observe(conn *connectors.Connection) Stage {
	return func(next http.RoundTripper) http.RoundTripper {
		lines := &lines{log: u.opts.Log.With("connection", conn.Name), made: map[lineKey]*slog.Logger{}}
		return &observer{next: next, conn: conn, log: u.opts.Log, lines: lines, metrics: u.opts.Metrics, ring: u.opts.Ring, tracer: u.opts.Tracer}
	}
}

type observer struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	log     *slog.Logger
	lines   *lines
	metrics *Metrics
	ring    *Ring
	tracer  Tracer
}

// Tracer makes spans. Start is called when a request arrives; its end is called once with what became of it.
type Tracer interface {
	Start(r *http.Request, c *Call) (out *http.Request, end func(status int, err error))
}

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	o.metrics.inFlight.Inc()
	answered := false
	defer func() {
		if !answered { // a panic below, which the front reports
			o.metrics.inFlight.Dec()
		}
	}()
	var endSpan func(int, error)
	sent := r
	if o.tracer != nil {
		sent, endSpan = o.tracer.Start(r, call)
	}
	resp, err := o.next.RoundTrip(sent)
	answered = true
	f := &finish{observer: o, call: call, request: r, endSpan: endSpan}
	if err != nil {
		f.err = err
		f.status = statusOf(err)
		if call.Answered == "" {
			call.Answered = fault.Of(err).Stage
		}
		f.done(0)
		return nil, err
	}
	if call.Answered == "" {
		call.Answered = "wire"
	}
	f.status, f.header, f.body = resp.StatusCode, resp.Header, resp.Body
	resp.Body = f
	return resp, nil
}

// statusHungUp is what the log and the metrics say of a caller who left before the answer; it never goes on a wire.
const statusHungUp = 499

func statusOf(err error) int {
	if isHangUp(err) {
		return statusHungUp
	}
	return fault.Of(err).Status
}

// finish is an answer's body that reports the call when it is closed.
type finish struct {
	observer *observer
	call     *Call
	request  *http.Request
	endSpan  func(int, error)
	status   int
	header   http.Header
	body     io.ReadCloser
	bytes    int64
	err      error
	closed   bool
}

// Read implements io.Reader.
func (f *finish) Read(p []byte) (int, error) {
	n, err := f.body.Read(p)
	f.bytes += int64(n)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// WriteTo implements io.WriterTo, so that a body in memory goes out without a copy.
func (f *finish) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, f.body)
	f.bytes += n
	if err != nil {
		f.err = err
	}
	return n, err
}

// Close implements io.Closer; the first one reports the call.
func (f *finish) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	err := f.body.Close()
	f.done(f.bytes)
	return err
}

// done reports the call.
func (f *finish) done(bytes int64) {
	o, c := f.observer, f.call
	took := time.Since(c.Arrived)
	o.metrics.inFlight.Dec()
	o.metrics.done(c, o.metrics.route(c.Connection.Name, c.Route.Name), f.status, took)
	if f.endSpan != nil {
		f.endSpan(f.status, f.err)
	}
	if o.ring != nil {
		o.ring.add(f.roundTrip(took, bytes))
	}
	f.line(took, bytes)
}

func (f *finish) roundTrip(took time.Duration, bytes int64) RoundTrip {
	c := f.call
	t := RoundTrip{
		ID: c.ID, Time: c.Arrived, Connection: c.Connection.Name, Consumer: c.Consumer.Name, View: c.View.Name,
		Method: f.request.Method, Path: target(f.request), Route: c.Route.Name, Status: f.status, Answered: c.Answered, Cached: c.Cached,
		Attempts: c.Attempts, HeldMs: millis(c.Held), DurationMs: millis(took), Bytes: bytes,
		RequestHeader: f.request.Header, ResponseHeader: f.header,
	}
	if c.Remote.IsValid() {
		t.Remote = c.Remote.String()
	}
	if f.err != nil {
		t.Error = f.err.Error()
	}
	return t
}

// line writes the one log line of a request. It names the route and never the path or query, which may hold personal data.
func (f *finish) line(took time.Duration, bytes int64) {
	level := slog.LevelInfo
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	o, c := f.observer, f.call
	if !o.log.Enabled(context.Background(), level) {
		return
	}
	var room [8]slog.Attr
	attrs := append(room[:0], slog.String("id", c.ID), slog.Int("status", f.status), slog.String("answered", c.Answered),
		slog.Float64("ms", millis(took)), slog.Int64("bytes", bytes)) // five fit in a record as it is
	if c.Held > 0 {
		attrs = append(attrs, slog.Float64("held_ms", millis(c.Held)))
	}
	if c.Cached != "" {
		attrs = append(attrs, slog.String("cached", c.Cached))
	}
	if c.Attempts > 1 {
		attrs = append(attrs, slog.Int("attempts", c.Attempts))
	}
	if c.Unread > 0 {
		attrs = append(attrs, slog.Int("unread", c.Unread))
	}
	if c.Egress.IsValid() {
		attrs = append(attrs, slog.String("egress", c.Egress.String()))
	}
	if f.err != nil {
		attrs = append(attrs, slog.String("error", f.err.Error()))
	}
	o.lines.of(lineKey{c.Consumer, c.View, c.Route, f.request.Method}).LogAttrs(context.Background(), level, "request", attrs...)
}

// lines are loggers that have written out already what the lines of like requests share.
type lines struct {
	log  *slog.Logger
	mu   sync.RWMutex
	made map[lineKey]*slog.Logger
}

type lineKey struct {
	consumer *connectors.Consumer
	view     *connectors.View
	route    *connectors.Route
	method   string
}

// maxLines bounds the loggers of a connection: methods are the callers' to choose.
const maxLines = 10_000

func (l *lines) of(key lineKey) *slog.Logger {
	l.mu.RLock()
	log := l.made[key]
	l.mu.RUnlock()
	if log != nil {
		return log
	}
	log = l.log.With("consumer", key.consumer.Name, "view", key.view.Name, "method", key.method, "route", key.route.Name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.made) < maxLines {
		l.made[key] = log
	}
	return log
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// target is the request line's path and query relative to the connection's base URL.
func target(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return rawPath(r)
	}
	return rawPath(r) + "?" + r.URL.RawQuery
}
