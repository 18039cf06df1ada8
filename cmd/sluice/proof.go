package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/internal/strict"
	"sluice/proxy"
)

// prove runs the tests block of every connector: each request goes through the stages that serve would send it through, to a wire that
// answers what is written down. Nothing is dialled. What did not come out as expected is a fault at the expectation.
func prove(ctx context.Context, set *connectors.Set) (faults strict.Faults, ran testCount) {
	for _, name := range slices.Sorted(maps.Keys(set.Connectors)) {
		c := set.Connectors[name]
		for i := range c.Tests {
			p := proof{set: set, connector: c, test: &c.Tests[i]}
			p.run(ctx)
			if len(p.faults) == 0 {
				ran.Passed++
				continue
			}
			ran.Failed++
			faults = append(faults, p.faults...)
		}
	}
	var sorted strict.Faults
	errors.As(faults.Err(), &sorted)
	return sorted, ran
}

// proof is one test under way.
type proof struct {
	set       *connectors.Set
	connector *connectors.Connector
	test      *connectors.Test
	sent      *message // what the vendor got; nil when nothing was sent
	faults    strict.Faults
}

// message is a request or an answer as it came out.
type message struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
}

// run sends the request and compares. The clock by which answers are read stands at the test's now.
func (p *proof) run(ctx context.Context) {
	t := p.test
	now := t.Now
	if now.IsZero() {
		now = time.Now()
	}
	upstreams := proxy.NewUpstreams(proxy.Options{
		Wire: func(*connectors.Connection) (http.RoundTripper, error) { return p, nil },
		Now:  func() time.Time { return now },
	})
	conn := p.connection()
	if err := upstreams.Apply(&connectors.Set{Connections: map[string]*connectors.Connection{conn.Name: conn}, Views: p.set.Views}); err != nil {
		p.fault("name", "cannot be run: %v", err)
		return
	}
	request, err := recorded(t.Request).request()
	if err != nil {
		p.fault("request.path", "cannot be sent: %v", err)
		return
	}
	resp, trace, err := upstreams.Try(ctx, conn.Name, p.set.Views[t.View], request)
	if err != nil {
		p.fault("expect", "Sluice refused the call itself: %s", trace.Why(err))
		return
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		p.fault("expect", "the answer broke off: %v", err)
		return
	}
	p.compareUnread(trace)
	p.compareSent()
	p.compareAnswer(&message{status: resp.StatusCode, header: resp.Header, body: body})
}

// connection is an account at the vendor for one test: its connector's own settings, one try, no breaker, the caller's credential.
func (p *proof) connection() *connectors.Connection {
	base := p.connector.Base
	if base == nil {
		base = &url.URL{Scheme: "https", Host: "vendor.invalid"}
	}
	return &connectors.Connection{
		Name: p.connector.Name, Connector: p.connector, Base: base, Bounds: p.set.Bounds, Timeouts: p.connector.Timeouts,
		Breaker: connectors.Breaker{Off: true}, Retry: connectors.Retry{Attempts: 1},
	}
}

// RoundTrip is the vendor: it notes what it gets and answers what is written down.
func (p *proof) RoundTrip(r *http.Request) (*http.Response, error) {
	p.sent = &message{method: r.Method, path: r.URL.EscapedPath(), header: r.Header.Clone()}
	if r.URL.RawPath != "" {
		p.sent.path = r.URL.RawPath
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		p.sent.path += "?" + r.URL.RawQuery
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read what was sent: %w", err)
		}
		p.sent.body = body
	}
	answer := recorded(p.test.Answer)
	resp := &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Request: r, Body: io.NopCloser(bytes.NewReader(answer.body)), ContentLength: int64(len(answer.body)),
	}
	if r.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, nil
}

// recorded turns what a test has written down into what goes over the wire. A body that is written as JSON has its content type.
func recorded(e connectors.Exchange) *message {
	m := &message{method: e.Method, path: e.Path, status: e.Status, header: make(http.Header, len(e.Headers)+1), body: []byte(e.Body)}
	for name, values := range e.Headers {
		m.header[name] = slices.Clone(values)
	}
	if e.JSON == nil {
		return m
	}
	m.body, _ = json.Marshal(e.JSON) // plain YAML data always marshals
	if len(m.header["Content-Type"]) == 0 {
		m.header.Set("Content-Type", "application/json")
	}
	return m
}

// request is the caller's request: path and query as they are written, byte for byte.
func (m *message) request() (*http.Request, error) {
	raw, query, hasQuery := strings.Cut(m.path, "?")
	plain, err := url.PathUnescape(raw)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: m.method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: m.header,
		URL: &url.URL{Path: plain, RawPath: raw, RawQuery: query, ForceQuery: hasQuery && query == ""},
	}
	if len(m.body) > 0 {
		r.ContentLength = int64(len(m.body))
		r.Body = io.NopCloser(bytes.NewReader(m.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.body)), nil }
	}
	return r, nil
}
