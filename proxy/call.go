package proxy

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
	"sluice/transforms"
)

// Call is what is known of one request while it travels: who asks, for what, in which view, and what the stages had to say. It
// is its request's context too. Deadline costs nothing; the channel behind Done and the timer that closes it are made only when
// somebody asks, because most calls are answered by a wire that sets deadlines on its connection and never asks.
//
// The front makes a Call per request, Upstreams.Client makes one for callers inside the house. A stage reads it by CallOf and
// writes only the fields marked as a stage's word; all of them are written before the answer is handed back.
type Call struct {
	ID         string
	Connection *connectors.Connection
	Route      *connectors.Route
	Consumer   *connectors.Consumer
	View       *connectors.View
	Lane       connectors.Lane // how urgent it is while calls wait; zero: nobody has said
	Remote     netip.Addr      // the caller's address; invalid for callers inside the house
	Caller     Address         // how the caller spells the vendor's base URL
	Arrived    time.Time

	// The stages' words.
	Egress   netip.Addr          // pace: the source address whose budget this call spends
	Held     time.Duration       // pace: how long it waited for a place
	Refused  bool                // pace: the vendor's answer means "too many"; it did nothing
	Limits   []transforms.Limits // pace: what the answer said of limits
	Answered string              // who answered: cache, signin, breaker, pace, auth, wire …
	Cached   string              // cache: hit, stale, miss; "" = no rule
	Attempts int                 // retry: how often it was sent
	Unread   int                 // transform, pace: values that could not be read and were left as they were

	trace    *Trace
	again    bool        // retry: the vendor refused the try before this one
	answers  string      // the room of Sluice itself that answers; "": the vendor does
	inside   atomic.Bool // it is counted among the requests inside
	waits    func()      // told once when somebody begins to wait for this call's end
	room     [1]transforms.Limits
	parent   context.Context
	deadline time.Time

	mu    sync.Mutex
	done  chan struct{}
	err   error
	timer *time.Timer
	after []hook // what runs when the call is cancelled
	hooks [2]hook
	next  int
}

// Address is the URL by which a caller reaches a connection, in parts, because few calls need it whole.
type Address struct {
	Scheme string // http:// or https://
	Host   string
	Prefix string // /tdx, /@raw/tdx or nothing
}

// String is the address as one URL without a trailing slash.
func (a Address) String() string { return a.Scheme + a.Host + a.Prefix }

type callKey struct{}

// hook is a func that waits for a call's end.
type hook struct {
	id int
	f  func()
}

// CallOf returns the Call that ctx belongs to, nil when there is none.
func CallOf(ctx context.Context) *Call {
	if c, ok := ctx.(*Call); ok {
		return c
	}
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// newCall starts a call that ends at deadline at the latest (zero: never) and with parent.
func newCall(parent context.Context, deadline time.Time) *Call {
	return &Call{parent: parent, deadline: deadline}
}

// Note keeps a stage's word for whoever traces this call (`sluice try`). It costs nothing otherwise.
func (c *Call) Note(stage, format string, args ...any) {
	if c != nil && c.trace != nil {
		c.trace.add(stage, format, args...)
	}
}

// left counts a value that could not be read and keeps the reason for whoever traces this call.
func (c *Call) left(stage, format string, args ...any) {
	c.Unread++
	if c.trace != nil {
		c.trace.leave(stage, format, args...)
	}
}

// HeldMillis is the value of X-Sluice-Held-Ms.
func (c *Call) HeldMillis() string { return strconv.FormatInt(c.Held.Milliseconds(), 10) }

// Deadline implements context.Context.
func (c *Call) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Value implements context.Context.
func (c *Call) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c
	}
	return c.parent.Value(key)
}

// Done implements context.Context.
func (c *Call) Done() <-chan struct{} {
	c.mu.Lock()
	if c.done != nil {
		defer c.mu.Unlock()
		return c.done
	}
	c.done = make(chan struct{})
	if c.err != nil {
		close(c.done)
	} else {
		c.listen()
	}
	done, waits := c.done, c.waits
	c.mu.Unlock()
	if waits != nil {
		waits()
	}
	return done
}

// listen ends the call with its deadline and its parent. The caller holds c.mu.
func (c *Call) listen() {
	if !c.deadline.IsZero() {
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	}
	if c.parent.Done() != nil {
		stop := context.AfterFunc(c.parent, func() { c.end(context.Cause(c.parent)) })
		c.onEnd(func() { stop() })
	}
}

// Err implements context.Context.
func (c *Call) Err() error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.end(context.DeadlineExceeded)
		return context.DeadlineExceeded
	}
	if c.parent.Err() != nil {
		err := context.Cause(c.parent)
		c.end(err)
		return err
	}
	return nil
}

// AfterFunc runs f in its own goroutine once the call is cancelled, and is what context.AfterFunc and context.WithCancel use, so that
// a context derived from a call needs no goroutine. Unlike Done it starts no timer: who calls it directly watches the deadline
// itself. stop reports whether it kept f from running.
func (c *Call) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	id := c.onEnd(f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.after {
			if c.after[i].id == id {
				c.after = slices.Delete(c.after, i, i+1)
				return true
			}
		}
		return false
	}
}

// onEnd registers f under c.mu.
func (c *Call) onEnd(f func()) int {
	if c.after == nil {
		c.after = c.hooks[:0]
	}
	c.next++
	c.after = append(c.after, hook{c.next, f})
	return c.next
}

// end cancels the call with err; only the first call counts.
func (c *Call) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	after := c.after
	c.after = nil
	c.mu.Unlock()
	for _, h := range after {
		go h.f()
	}
}
