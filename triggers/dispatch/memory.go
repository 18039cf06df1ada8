package dispatch

import (
	"time"

	"golang.org/x/time/rate"

	"sluice/triggers"
)

// memory is what a node knows of a subscription beyond one drain: a receiver that fails now and then fails in a row, and a rate below one in a
// drain's life is a rate. It begins anew when the subscription changes.
type memory struct {
	version int64
	circuit circuit
	limiter *rate.Limiter // nil: no limit
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

// forget drops what is worth nothing.
func (d *Dispatcher) forget(subscription string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.memories[subscription]; m != nil && m.circuit.failed == 0 && m.limiter == nil {
		delete(d.memories, subscription)
	}
}

// untilNext is about how long it takes until a limit lets the next one go.
func untilNext(l *rate.Limiter) time.Duration {
	between := float64(time.Second) / float64(l.Limit())
	return time.Duration(min(max(between, float64(time.Millisecond)), float64(time.Minute)))
}
