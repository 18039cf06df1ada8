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

// Circuit says what opens a circuit: so many attempts one after the other, over so long, and none that worked. Zero values take the default in
// brackets.
type Circuit struct {
	Failures   int           // [10]
	After      time.Duration // [30 s]
	FirstProbe time.Duration // how long it is open before one delivery is tried, twice as long each time [1 min]
	MostProbe  time.Duration // [15 min]
}

func (c *Circuit) fill() {
	c.Failures = cmp.Or(c.Failures, 10)
	c.After = cmp.Or(c.After, 30*time.Second)
	c.FirstProbe = cmp.Or(c.FirstProbe, time.Minute)
	c.MostProbe = cmp.Or(c.MostProbe, 15*time.Minute)
}

// circuit counts what did not work since something did.
type circuit struct {
	rule   Circuit
	since  time.Time // when the first of them failed
	failed int       // in a row
	sent   int       // in this drain
	last   string    // why
}

// begin begins a drain.
func (c *circuit) begin() { c.sent = 0 }

// note counts a landing. An answer that is final says nothing against the receiver; that it was the last attempt in time says nothing for it.
func (c *circuit) note(l landing) {
	c.sent++
	if !l.failed {
		c.failed = 0
		return
	}
	if c.failed == 0 {
		c.since = time.Now()
	}
	c.failed++
	c.last = l.result.Reason
}

// open tells whether it is time to leave the receiver alone.
func (c *circuit) open() bool {
	return c.failed >= c.rule.Failures && time.Since(c.since) >= c.rule.After
}

// turn pauses a subscription whose receiver does not work, and resumes one that works again. An operator is told by an event.
func (n *drain) turn(ctx context.Context) error {
	now := n.d.now()
	paused := n.claim.Subscription.Sluice.Paused
	switch {
	case n.probe && n.circuit.sent > 0 && n.circuit.failed == 0:
		return n.pause(ctx, nil, triggers.SubscriptionResumed)
	case n.probe && n.circuit.sent > 0:
		// as long again as it is paused by now
		wait := min(max(n.circuit.rule.FirstProbe, 2*paused.Until.Sub(paused.Since)), n.circuit.rule.MostProbe)
		return n.pause(ctx, &triggers.Pause{Since: paused.Since, Until: now.Add(wait), Reason: n.circuit.last, By: byCircuit}, "")
	case !n.probe && n.circuit.open():
		return n.pause(ctx, &triggers.Pause{
			Since: now, Until: now.Add(n.circuit.rule.FirstProbe), By: byCircuit,
			Reason: fmt.Sprintf("%d attempts in a row have failed, the last: %s", n.circuit.failed, n.circuit.last),
		}, triggers.SubscriptionPaused)
	}
	return nil
}

// pause changes the subscription's pause, and with it tells an event of a kind, "" being none. That of an operator is let alone.
func (n *drain) pause(ctx context.Context, pause *triggers.Pause, kind string) error {
	s := &n.claim.Subscription
	changed := false
	err := n.d.o.Store.PauseSubscription(ctx, n.claim, func(now *triggers.Pause) (*triggers.Pause, []triggers.Event, error) {
		if changed = now == nil || now.By == byCircuit; !changed {
			return now, nil, nil
		}
		if kind == "" {
			return pause, nil, nil
		}
		event, err := turned(s, pause, kind, n.d.now().Truncate(time.Microsecond))
		return pause, []triggers.Event{event}, err
	})
	if err == nil && changed && kind != "" {
		n.d.o.Log.Warn("a subscription's circuit", "subscription", s.ID, "name", s.Name, "event", kind, "reason", n.circuit.last)
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
