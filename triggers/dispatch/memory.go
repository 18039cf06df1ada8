package dispatch

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"sluice/triggers"
)

// memory is what a node knows of a subscription beyond one drain: a receiver that fails now and then fails in a row, a rate below one in a
// drain's life is a rate, and a receiver that asked for quiet has it. It begins anew when the subscription changes.
type memory struct {
	version int64
	circuit circuit
	limiter *rate.Limiter // nil: no limit
	quiet   time.Time     // before which nothing is sent, because the receiver has asked for that
}

func (d *Dispatcher) remember(c triggers.Claim) *memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.memories[c.Subscription.ID]
	if m == nil || m.version != c.Version {
		m = &memory{version: c.Version, circuit: circuit{rule: d.o.Circuit}}
		if r := c.Subscription.Sluice.RatePerSecond; r > 0 {
			m.limiter = rate.NewLimiter(rate.Limit(r), 1)
		}
		d.memories[c.Subscription.ID] = m
	}
	return m
}

// forget drops what is worth nothing, and all of what another node has now, or what is gone.
func (d *Dispatcher) forget(subscription string, lost bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.memories[subscription]; m != nil && (lost || m.circuit.failed == 0 && m.limiter == nil && m.quiet.Before(time.Now())) {
		delete(d.memories, subscription)
	}
}

// tooMuch are the statuses by which a receiver asks for quiet: two of HTTP, and none, which is a broker's. 413, with which a time may come too, is
// of one body.
var tooMuch = []int{0, http.StatusTooManyRequests, http.StatusServiceUnavailable}

// note counts a landing, and gives the receiver the quiet that it asks for.
func (m *memory) note(l landing, most time.Duration) {
	m.circuit.note(l)
	if l.after > 0 && slices.Contains(tooMuch, l.result.Attempt.Status) {
		if until := time.Now().Add(min(l.after, most)); until.After(m.quiet) {
			m.quiet = until
		}
	}
}

// allow tells whether the next delivery may go now, and counts it.
func (m *memory) allow() bool { return m.limiter == nil || m.limiter.Allow() }

// untilNext is about how long it takes until the next one may go; a receiver takes the next at once that has no place free.
func (m *memory) untilNext() time.Duration {
	wait := time.Minute
	if quiet := time.Until(m.quiet); quiet > 0 {
		wait = min(wait, quiet)
	} else if m.limiter != nil {
		between := float64(time.Second) / float64(m.limiter.Limit())
		wait = time.Duration(min(max(between, float64(time.Millisecond)), float64(wait)))
	}
	return wait
}
