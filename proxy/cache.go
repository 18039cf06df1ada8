package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// cache answers GETs of routes with a cache rule from memory. It is private per consumer unless the rule says shared, and an answer never
// goes to anybody whose credentials differ from those that fetched it (see cacheKey). Concurrent misses make one call. An answer past its time but within the
// rule's stale is given out while one call in the background fetches a new one. A write drops what is kept of its path.
//
// HEAD goes to the vendor: what a transform makes of it can differ from a GET's header, and it is rare.
func (u *Upstreams) cache(set *connectors.Set, conn *connectors.Connection) Stage {
	kept, _ := keep(&u.kept, keptKey("cache", conn.Name, set.Revision), func() (*answers, error) { return newAnswers(cacheBytes), nil })
	prefix := appendPart(appendPart(nil, conn.Name), set.Revision)
	return func(next http.RoundTripper) http.RoundTripper {
		return &cacher{next: next, conn: conn, prefix: prefix, kept: kept, metrics: u.opts.Metrics, log: u.opts.Log}
	}
}

type cacher struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	prefix  []byte
	kept    *answers
	metrics *Metrics
	log     *slog.Logger
}

// RoundTrip implements http.RoundTripper.
func (c *cacher) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.Method {
	case http.MethodGet:
		call := CallOf(r.Context())
		if call.Route.Cache != nil {
			return c.read(call, call.Route.Cache, r)
		}
	case http.MethodHead, http.MethodOptions, http.MethodTrace:
	default:
		return c.write(r)
	}
	return c.next.RoundTrip(r)
}

// write passes a write on. Unless the vendor says that it did nothing, what is kept of the path is no longer true.
func (c *cacher) write(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if !c.kept.used.Load() {
		return resp, err
	}
	if err != nil || resp.StatusCode < http.StatusBadRequest || resp.StatusCode >= http.StatusInternalServerError {
		c.kept.purge(purgePath(rawPath(r)))
	}
	return resp, err
}

// read answers a GET from memory if it can.
func (c *cacher) read(call *Call, rule *connectors.Cache, r *http.Request) (*http.Response, error) {
	w := wishOf(r)
	if w.pass {
		c.metrics.CacheHit(c.conn.Name, "bypass")
		call.Note("cache", "not asked: the request forbids it, or is for a part or a condition")
		return c.next.RoundTrip(r)
	}
	c.kept.used.Store(true)
	key := c.cacheKey(call, rule, r)
	if got := c.kept.get(key, r.Header); got != nil {
		fresh, stale := w.takes(rule, time.Since(got.at))
		if fresh {
			return c.give(call, r, got, "hit"), nil
		}
		if stale {
			if time.Since(got.at) >= time.Duration(got.refreshFrom.Load()) {
				c.refresh(call, rule, r, key, got)
			}
			return c.give(call, r, got, "stale"), nil
		}
	}
	if w.onlyIfCached {
		call.Answered = "cache"
		return nil, fault.New("cache", http.StatusGatewayTimeout, "not_cached",
			"the request wants an answer from memory only, and there is none; leave only-if-cached out to have the vendor asked")
	}
	if w.anew {
		resp, _, err := c.fetch(call, rule, r, key)
		return c.missed(call, resp), err
	}
	return c.collapse(call, rule, r, key, w)
}

// collapse lets one of several callers fetch what all of them want. When the answer turns out to be for its caller alone, the others
// each fetch their own; when that caller goes away, the next one leads.
func (c *cacher) collapse(call *Call, rule *connectors.Cache, r *http.Request, key string, w wish) (*http.Response, error) {
	for {
		f, leads := c.kept.join(key, purgePath(rawPath(r)))
		if leads {
			return c.lead(call, rule, r, key, w, f)
		}
		call.Note("cache", "waiting for the same answer that another caller is fetching")
		if err := f.wait(r.Context()); err != nil {
			return nil, outOfTime("cache", "another caller's identical request", err)
		}
		if got := f.gives(key, r.Header); got != nil {
			return c.give(call, r, got, "hit"), nil
		}
		if !f.open {
			resp, _, err := c.fetch(call, rule, r, key)
			return c.missed(call, resp), err
		}
	}
}

// lead fetches for all who wait in f.
func (c *cacher) lead(call *Call, rule *connectors.Cache, r *http.Request, key string, w wish, f *flight) (*http.Response, error) {
	defer c.kept.land(key, f)
	f.open = true
	if got := c.kept.get(key, r.Header); got != nil { // another flight landed between the look and the join
		if fresh, _ := w.takes(rule, time.Since(got.at)); fresh {
			return c.give(call, r, got, "hit"), nil
		}
	}
	resp, brought, err := c.fetch(call, rule, r, key)
	f.brought = brought
	f.open = err != nil && call.Err() != nil
	return c.missed(call, resp), err
}

const (
	refreshTime  = time.Minute     // bounds a refresh in the background where the configuration names no total
	refreshPause = 5 * time.Second // after a refresh that failed: the old answer will do, and the vendor has trouble enough
)

// refresh fetches a stale answer anew in the background, unless that is being done. It runs on a call of its own: the caller whose
// request set it off has his answer and may be gone.
func (c *cacher) refresh(call *Call, rule *connectors.Cache, r *http.Request, key string, old *answer) {
	f, leads := c.kept.join(key, purgePath(rawPath(r)))
	if !leads {
		return
	}
	own := newCall(c.kept.life, time.Now().Add(cmp.Or(call.Route.Total, c.conn.Timeouts.Total, refreshTime)))
	own.ID, own.Connection, own.Route, own.Consumer, own.View, own.Lane = call.ID, call.Connection, call.Route, call.Consumer, call.View, call.Lane
	own.Remote, own.Caller, own.Arrived = call.Remote, call.Caller, time.Now()
	again := r.Clone(own)
	go func() {
		defer c.kept.land(key, f)
		defer own.end(context.Canceled)
		defer func() {
			if f.got == nil {
				old.refreshFrom.Store(int64(time.Since(old.at) + refreshPause))
			}
			if what := recover(); what != nil { // nobody above would catch it, and one bad answer must not end the house
				c.log.Error("panic while refreshing a kept answer", "connection", c.conn.Name, "route", own.Route.Name,
					"panic", what, "stack", string(debug.Stack()))
			}
		}()
		resp, brought, err := c.fetch(own, rule, again, key)
		if err != nil {
			c.log.Warn("refresh of a kept answer", "connection", c.conn.Name, "route", own.Route.Name, "error", err.Error())
			return
		}
		f.brought = brought
		_ = resp.Body.Close()
	}()
}

// fetch asks the vendor, keeps the answer if it may, and says what there is for others who want the same.
func (c *cacher) fetch(call *Call, rule *connectors.Cache, r *http.Request, key string) (*http.Response, brought, error) {
	path := purgePath(rawPath(r))
	mark := c.kept.mark(path)
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, brought{}, err
	}
	at := time.Now()
	vary, ok := keeps(call, rule, resp)
	if !ok {
		if !call.Refused && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < http.StatusInternalServerError {
			c.kept.drop(key, r.Header) // the vendor says something else now; a failure says nothing
		}
		return resp, brought{}, nil
	}
	limit := c.conn.Bounds.BufferBody
	if resp.ContentLength > limit {
		return resp, brought{}, nil
	}
	data, body, err := readAtMost(resp.Body, limit)
	if errors.Is(err, errTooLong) {
		resp.Body = body
		return resp, brought{}, nil
	}
	_ = body.Close()
	if err != nil {
		return nil, brought{}, fmt.Errorf("read the answer: %w", err)
	}
	resp.Body = newBytesBody(data)
	got := &answer{status: resp.StatusCode, text: resp.Status, header: c.keptHeader(call, resp.Header), body: data, at: at, age: seconds(resp.Header.Get("Age"))}
	c.kept.put(key, path, mark, vary, r.Header, got, rule.TTL+rule.Stale)
	b := brought{got: got, vary: vary}
	if len(vary) > 0 {
		b.variant = variantKey(key, vary, r.Header)
	}
	return resp, b, nil
}

// missed marks an answer that the vendor gave.
func (c *cacher) missed(call *Call, resp *http.Response) *http.Response {
	call.Cached = "miss"
	c.metrics.CacheHit(c.conn.Name, "miss")
	if resp != nil && !call.View.Raw {
		resp.Header["X-Sluice-Cache"] = []string{"miss"}
	}
	return resp
}

// give makes an answer from memory. Its header is the caller's own; the body's bytes are shared and never change.
func (c *cacher) give(call *Call, r *http.Request, got *answer, outcome string) *http.Response {
	call.Answered, call.Cached = "cache", outcome
	c.metrics.CacheHit(c.conn.Name, outcome)
	values := make([]string, 0, len(got.header)+2)
	header := make(http.Header, len(got.header)+2)
	set := func(name string, have ...string) {
		from := len(values)
		values = append(values, have...)
		header[name] = values[from:len(values):len(values)]
	}
	for name, have := range got.header {
		set(name, have...)
	}
	if !call.View.Raw {
		set("Age", strconv.Itoa(int((got.age+time.Since(got.at))/time.Second)))
		set("X-Sluice-Cache", outcome)
	}
	if call.trace != nil { // a note's arguments cost an allocation even where nobody listens
		call.Note("cache", "answered from memory: %s", outcome)
	}
	return &http.Response{
		Status: got.text, StatusCode: got.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: newBytesBody(got.body), ContentLength: int64(len(got.body)), Request: r,
	}
}

// keptHeader is the header that goes with a kept answer: without what was true of one moment, such as the state of a limit (draft-ietf-httpapi-
// ratelimit-headers: not to be used from a cache), and without our own words on that call.
func (c *cacher) keptHeader(call *Call, h http.Header) http.Header {
	face := call.View.Face
	kept := make(http.Header, len(h))
	for name, values := range h {
		low := strings.ToLower(name)
		switch {
		case name == "Retry-After", name == "Age", name == face.LimitHeader, name == face.RemainingHeader, name == face.ResetHeader, name == face.RetryAfterHeader:
		case strings.Contains(low, "ratelimit"), strings.Contains(low, "rate-limit"), strings.HasPrefix(low, "x-upstream-"), strings.HasPrefix(low, "x-sluice-"):
		case slices.Contains(c.conn.Connector.LimitHeaders, name):
		default:
			kept[name] = slices.Clone(values)
		}
	}
	return kept
}
