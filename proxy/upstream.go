package proxy

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/pace"
	"sluice/proxy/wire"
)

// Options are what Upstreams needs from its house. The zero value of each field is a sensible default.
type Options struct {
	Log     *slog.Logger
	Metrics *Metrics
	Memory  *PaceMemory                                             // what was known of limits before the start; nil: nothing is kept
	Ring    *Ring                                                   // the last round trips; nil: none are kept
	Tracer  Tracer                                                  // nil: no spans
	Now     func() time.Time                                        // what answers' relative times count from; nil: time.Now
	Wire    func(*connectors.Connection) (http.RoundTripper, error) // nil: the real one
	Leases  Leases                                                  // how limits are shared with other processes; zero: they are not
	Written func(connection string, changed []connectors.Write)     // hears of calls that change accounts, and must not block; nil: nobody does
}

// Upstreams is one chain of stages per connection. The front, the aggregator and `sluice try` share it, so that all traffic to a vendor
// spends one budget. It is safe for concurrent use.
type Upstreams struct {
	opts  Options
	apply sync.Mutex // one configuration at a time
	then  []func()   // what a stage wants done once its configuration is in force
	live  atomic.Pointer[generation]
	kept  kept
	node  *pace.Node // this process among those that share limits; nil: it is by itself
}

// generation is what one configuration made.
type generation struct {
	set        *connectors.Set
	byName     map[string]*upstream
	byHost     map[string]*upstream
	byListener map[string]*upstream
}

// upstream is one connection's chain.
type upstream struct {
	connection *connectors.Connection
	chain      http.RoundTripper
}

// NewUpstreams returns Upstreams without any connection; Apply gives it some.
func NewUpstreams(opts Options) *Upstreams {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	u := &Upstreams{opts: opts, node: newNode(opts)}
	u.live.Store(&generation{set: &connectors.Set{}})
	return u
}

// Apply builds the chains of set and swaps them in. On an error nothing has changed. Requests under way finish on the chain they
// started on; pace, breakers, tokens and connections carry over where their settings are the same.
func (u *Upstreams) Apply(set *connectors.Set) error {
	u.apply.Lock()
	defer u.apply.Unlock()
	u.kept.begin()
	u.then = nil
	next := &generation{
		set: set, byName: make(map[string]*upstream, len(set.Connections)),
		byHost: map[string]*upstream{}, byListener: map[string]*upstream{},
	}
	for name, conn := range set.Connections {
		chain, err := u.build(set, conn)
		if err != nil {
			return fmt.Errorf("connection %s: %w", name, err)
		}
		up := &upstream{connection: conn, chain: chain}
		next.byName[name] = up
		if conn.Host != "" {
			next.byHost[conn.Host] = up
		}
		if conn.Listener != "" {
			next.byListener[conn.Listener] = up
		}
	}
	u.live.Store(next)
	for _, f := range u.then {
		f()
	}
	u.opts.Metrics.buckets.retain(next.byName)
	u.kept.sweep()
	return nil
}

// Close gives places that are leased from a store back to it and ends all that Upstreams do by themselves for its sake. It comes after
// the last request; without a store it does nothing.
func (u *Upstreams) Close() {
	if u.node != nil {
		u.node.Close()
	}
}

// afterwards has f done once the configuration that is being built is in force, and never if it is refused.
func (u *Upstreams) afterwards(f func()) { u.then = append(u.then, f) }

// Set is the configuration in force.
func (u *Upstreams) Set() *connectors.Set { return u.live.Load().set }

// build makes the chain of one connection: this list is the order of the house.
func (u *Upstreams) build(set *connectors.Set, conn *connectors.Connection) (http.RoundTripper, error) {
	wire, err := u.wire(conn)
	if err != nil {
		return nil, err
	}
	wire = tap(wire)
	pace := u.pace(conn)
	auth, err := u.auth(conn, Chain(wire, pace))
	if err != nil {
		return nil, err
	}
	return Chain(wire,
		u.observe(conn),
		u.written(conn),
		u.cache(set, conn),
		u.transform(conn),
		u.signIn(conn),
		u.retry(conn),
		u.breaker(conn),
		pace,
		auth,
	), nil
}

// wire returns the connection's way to its vendor, kept while its settings stay.
func (u *Upstreams) wire(conn *connectors.Connection) (http.RoundTripper, error) {
	if u.opts.Wire != nil {
		return u.opts.Wire(conn)
	}
	o := wire.Options{
		Engine: conn.Wire.Engine, Base: conn.Base,
		AllowNetworks: conn.Wire.AllowNetworks, Egress: conn.Wire.Egress,
		CAFile: conn.Wire.CA, CertFile: conn.Wire.Certificate, KeyFile: conn.Wire.Key, ServerName: conn.Wire.ServerName,
		Proxy: conn.Wire.Proxy, MaxConns: conn.Wire.MaxConns,
		ConnectTimeout: conn.Timeouts.Connect, FirstByteTimeout: conn.Timeouts.FirstByte, BodyIdleTimeout: conn.Timeouts.Idle,
		MaxRequestBody: conn.Bounds.RequestBody, MaxResponseBody: conn.Bounds.ResponseBody,
	}
	roots, err := digest(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("wire.ca: %w", err)
	}
	key := keptKey("wire", conn.Name, o) + roots // a renewed file under the same name is another setting
	o.EgressOf = egressOf
	return keep(&u.kept, key, func() (*wire.Wire, error) { return wire.New(o) })
}

// digest tells what a file holds apart from what it held before; "" for no file.
func digest(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	return fmt.Sprintf("|%x", sha256.Sum256(data)), err
}

// Client returns an HTTP client that reaches a connection's vendor through its chain. Request URLs are the vendor's: their scheme and
// host are ignored, their path is relative to the connection's base URL. Its calls have no consumer and the raw view.
func (u *Upstreams) Client(connection string) (*http.Client, error) {
	if _, ok := u.live.Load().byName[connection]; !ok {
		return nil, unknownConnection(connection)
	}
	return &http.Client{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			up, ok := u.live.Load().byName[connection] // a reload may have replaced it
			if !ok {
				return nil, unknownConnection(connection)
			}
			return up.roundTrip(r)
		}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// inside is who calls from within the house. It may choose its lane, by InLane.
var inside = &connectors.Consumer{Name: "sluice", ChooseLane: true, View: &connectors.View{Name: "raw", Raw: true, Token: "vendor", Errors: "json"}}

// roundTrip gives a request from within the house its Call.
func (up *upstream) roundTrip(r *http.Request) (*http.Response, error) {
	if CallOf(r.Context()) != nil {
		return up.chain.RoundTrip(r)
	}
	route := up.connection.Route(r.Method, rawPath(r))
	call := newCall(r.Context(), up.deadline(r.Context(), route))
	call.Done() // the caller's own context may end at any time
	call.ID, call.Arrived = idIn(r.Context()), time.Now()
	call.Connection, call.Consumer, call.View = up.connection, inside, inside.View
	call.Route = route
	call.Lane = call.Consumer.Lane(call.Route, r.Method, laneIn(r.Context()))
	resp, err := up.chain.RoundTrip(r.WithContext(call))
	if err != nil {
		call.end(context.Canceled)
		return nil, err
	}
	resp.Body = &endBody{ReadCloser: resp.Body, end: func() { call.end(context.Canceled) }}
	return resp, nil
}

// deadline is when a call from within the house ends at the latest; zero is never. One that chose to be bulk has none but its caller's: it
// keeps what it reads while it reads it, so that the time which a long list takes is not the vendor's. What the vendor can delay is bounded
// all the same: the connection, the answer's first byte, and each silence within its body.
func (up *upstream) deadline(ctx context.Context, route *connectors.Route) time.Time {
	deadline, ok := ctx.Deadline()
	if laneIn(ctx) == connectors.Bulk {
		return deadline
	}
	total := up.connection.Timeouts.Total
	if route != nil && route.Total > 0 {
		total = route.Total
	}
	if end := time.Now().Add(total); !ok || end.Before(deadline) {
		deadline = end
	}
	return deadline
}

// rawPath is the request's path as it goes on the wire.
func rawPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.EscapedPath()
}

func unknownConnection(name string) *fault.Error {
	return fault.New("front", http.StatusNotFound, "unknown_connection",
		"no connection is called %q; the path must start with /{connection}/ as named in sluice.yaml", strings.TrimSpace(name))
}
