package dispatch

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"sluice/triggers"
)

// pace says when a receiver gets the next delivery. What of it outlives a drain goes with the claim: a receiver that fails now and then fails in a
// row, a rate below one in a drain's life is a rate, and whoever asked for quiet has it, whichever node delivers.
type pace struct {
	circuit circuit
	limiter *rate.Limiter // nil: no limit
	quiet   time.Time     // before which nothing is sent
}

// mostQuiet is longer than any quiet, and than the time between two deliveries at the least rate: what says more is of a clock that was wrong.
const mostQuiet = 20 * time.Minute

// paceOf goes on with what is known of a claim's receiver. What has happened was not later than now: where it says so, the clock was set back.
func (d *Dispatcher) paceOf(c triggers.Claim) *pace {
	h, now, there := c.Health, time.Now(), d.now()
	ago := func(t time.Time) time.Duration { return max(0, there.Sub(t)) }
	p := &pace{circuit: circuit{
		rule: d.o.Circuit, failed: h.Failed, only: h.Only, since: now.Add(-ago(h.Since)), all: h.All, first: now.Add(-ago(h.First)), worked: h.Worked, last: h.Last,
		probes: h.Probes,
	}}
	if h.Worked.After(there) {
		p.circuit.worked = there
	}
	if wait := h.Next.Sub(there); wait > 0 {
		p.quiet = now.Add(min(wait, mostQuiet))
	}
	if r := c.Subscription.Sluice.RatePerSecond; r > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(r), 1)
	}
	return p
}

// health is what of it the next claim goes on with; now is the store's time.
func (p *pace) health(now time.Time) (h triggers.Health) {
	h.Worked, h.Probes = p.circuit.worked, p.circuit.probes
	if p.circuit.all > 0 {
		h.All, h.First, h.Last = p.circuit.all, now.Add(-time.Since(p.circuit.first)), p.circuit.last
	}
	if p.circuit.failed > 0 {
		h.Failed, h.Only, h.Since = p.circuit.failed, p.circuit.only, now.Add(-time.Since(p.circuit.since))
	}
	wait := time.Until(p.quiet)
	if p.limiter != nil {
		wait = max(wait, time.Duration((1-p.limiter.Tokens())/float64(p.limiter.Limit())*float64(time.Second)))
	}
	if wait > 0 {
		h.Next = now.Add(wait)
	}
	return h
}

// tooMuch are the statuses by which a receiver asks for quiet: two of HTTP, and none, which is a broker's. 413, with which a time may come too, is
// of one body.
var tooMuch = []int{0, http.StatusTooManyRequests, http.StatusServiceUnavailable}

// note counts a landing, and gives the receiver the quiet that it asks for.
func (p *pace) note(l landing, most time.Duration) {
	p.circuit.note(l)
	if l.after > 0 && slices.Contains(tooMuch, l.result.Attempt.Status) {
		if until := time.Now().Add(min(l.after, most)); until.After(p.quiet) {
			p.quiet = until
		}
	}
}

// allow tells whether the next delivery may go now, and counts it.
func (p *pace) allow() bool { return p.limiter == nil || p.limiter.Allow() }

// untilNext is about how long it takes until the next one may go; a receiver takes the next at once that has no place free.
func (p *pace) untilNext() time.Duration {
	wait := time.Minute
	if quiet := time.Until(p.quiet); quiet > 0 {
		wait = min(wait, quiet)
	} else if p.limiter != nil {
		between := float64(time.Second) / float64(p.limiter.Limit())
		wait = time.Duration(min(max(between, float64(time.Millisecond)), float64(wait)))
	}
	return wait
}
