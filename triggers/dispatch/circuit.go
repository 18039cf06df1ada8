package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluice/triggers"
)

// byCircuit is what a pause says that the circuit has made.
const byCircuit = "circuit"

// Circuit says what opens a circuit: so many attempts one after the other, over so long, and none that worked. What is older than the last that worked
// says little of the receiver when it fails again, and so does one subject alone: those open it after a longer time. Zero values take the default
// in brackets.
type Circuit struct {
	Failures   int           // [10]
	After      time.Duration // [30 s]
	Alone      time.Duration // where it is one subject, or what had failed before [1 h]
	FirstProbe time.Duration // how long it is open before one delivery is tried, and twice as long after each that is new and fails [1 min]
	MostProbe  time.Duration // [15 min]
}

func (c *Circuit) fill() {
	c.Failures = cmp.Or(c.Failures, 10)
	c.After = cmp.Or(c.After, 30*time.Second)
	c.Alone = cmp.Or(c.Alone, time.Hour)
	c.FirstProbe = cmp.Or(c.FirstProbe, time.Minute)
	c.MostProbe = cmp.Or(c.MostProbe, 15*time.Minute)
}

// circuit counts what did not work since something did.
type circuit struct {
	rule   Circuit
	since  time.Time // when the first of those failed that are counted in failed
	failed int       // in a row, but those of what is older than worked
	only   string    // of which they are, where all are of one subject
	worked time.Time // when one did last, by the store's clock
	first  time.Time // when the first of all failed
	all    int       // in a row
	stuck  bool      // the last one had failed before
	probes int       // of something new that failed, in a row
	sent   int       // in this drain
	unkept bool      // something was counted since all of this was kept
	last   string    // why
}

// note counts a landing. An answer that is final says nothing against the receiver; that it was the last attempt in time says nothing for it, and
// what was not sent says nothing at all.
func (c *circuit) note(l landing) {
	if l.unsent {
		return
	}
	c.sent, c.unkept = c.sent+1, true
	switch {
	case !l.failed:
		c.failed, c.all, c.only, c.probes, c.worked = 0, 0, "", 0, l.at
		return
	case c.all == 0:
		c.first = time.Now()
	}
	c.all++
	c.last, c.stuck = l.result.Reason, l.again
	switch {
	case l.again && l.created.Before(c.worked):
		return
	case c.failed == 0:
		c.since, c.only = time.Now(), l.subject
	case c.only != l.subject:
		c.only = ""
	}
	c.failed++
}

// open tells whether it is time to leave the receiver alone.
func (c *circuit) open() bool {
	return c.failed >= c.rule.Failures && c.only == "" && time.Since(c.since) >= c.rule.After || c.all >= c.rule.Failures && time.Since(c.first) >= c.rule.Alone
}

// untilProbe counts a probe that failed, and is how long it is open after it. One of what had failed before says nothing new, and is not to keep what
// comes from being tried.
func (c *circuit) untilProbe() time.Duration {
	if c.stuck {
		return c.rule.FirstProbe
	}
	c.probes++
	return min(c.rule.FirstProbe<<min(c.probes, 10), c.rule.MostProbe)
}

// turn pauses a subscription whose receiver does not work, and resumes one that works again. An operator is told by an event.
func (n *drain) turn(ctx context.Context) error {
	c, now := &n.pace.circuit, n.d.now()
	paused := n.claim.Subscription.Sluice.Paused
	switch {
	case n.probe && c.sent > 0 && c.all == 0:
		return n.pause(ctx, nil, triggers.SubscriptionResumed, now)
	case n.probe && c.sent > 0 && now.Before(paused.Until): // a test, which is sent whatever the circuit is
	case n.probe && c.sent > 0:
		return n.pause(ctx, &triggers.Pause{Since: paused.Since, Until: now.Add(c.untilProbe()), Reason: c.last, By: byCircuit}, "", now)
	case !n.probe && c.open():
		return n.pause(ctx, &triggers.Pause{
			Since: now, Until: now.Add(c.rule.FirstProbe), By: byCircuit,
			Reason: fmt.Sprintf("%d attempts in a row have failed, the last: %s", c.all, c.last),
		}, triggers.SubscriptionPaused, now)
	}
	return nil
}

// pause changes the subscription's pause, and with it tells an event of a kind, "" being none. That of an operator is let alone.
func (n *drain) pause(ctx context.Context, pause *triggers.Pause, kind string, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, landWithin)
	defer cancel()
	var events []triggers.Event
	s := &n.claim.Subscription
	if kind != "" {
		event, err := turned(s, pause, kind, now.Truncate(time.Microsecond))
		if err != nil {
			return err
		}
		events = append(events, event)
	}
	changed := false
	err := n.d.o.Store.PauseSubscription(ctx, n.claim, func(now *triggers.Pause) *triggers.Pause {
		if changed = now == nil || now.By == byCircuit; changed {
			return pause
		}
		return now
	}, events...)
	if err == nil && changed {
		n.claim.Version++ // which the change has made, and whose health goes on
	}
	if err == nil && changed && kind != "" {
		n.d.o.Log.Warn("a subscription's circuit", "subscription", s.ID, "name", s.Name, "event", kind, "reason", n.pace.circuit.last)
	}
	return err
}

// turned is the event that tells of a circuit.
func turned(s *triggers.Subscription, pause *triggers.Pause, kind string, now time.Time) (triggers.Event, error) {
	data, err := json.Marshal(map[string]any{
		"subscription": map[string]string{"id": s.ID, "name": s.Name}, "trigger": map[string]string{"id": s.TriggerID, "name": s.TriggerName}, "pause": pause,
	})
	return triggers.Event{
		ID: fmt.Sprintf("%.20s-%d", s.ID, now.UnixMicro()), Type: kind, Source: "sluice", Subject: s.ID, Time: now, Data: data,
	}, err
}
