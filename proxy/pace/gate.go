// Package pace holds callers in a queue until the vendor's limiters have room for them. Gate is a queue before one shadow.Governor, which
// decides when a call may go; the proxy's pace stage keeps a Gate per connection, limit and scope. Nothing here knows HTTP.
package pace

import (
	"context"
	"sync"
	"time"

	"sluice/proxy/pace/shadow"
)

// Refusal says why a caller gets no place: it would have waited Wait, longer than its patience, or the queue is full.
type Refusal struct {
	Wait time.Duration // predicted wait for a place
	Full bool          // the queue is at its bound
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Full {
		return "the queue for this limit is full"
	}
	return "no place within the caller's patience; the next is free in " + r.Wait.Round(time.Millisecond).String()
}

// Rule and Report are the governor's.
type (
	Rule   = shadow.Rule
	Report = shadow.Report
)

// Gate is a Governor with a queue before it: callers go in the order in which they came. It is safe for concurrent use.
type Gate struct {
	bound int // callers that may wait

	mu    sync.Mutex
	gov   *shadow.Governor
	queue []*caller // first come, first served; nil entries have left
	gone  int       // nil entries in queue
	timer *time.Timer
}

type caller struct {
	granted chan struct{} // closed under Gate.mu when the caller has its place
}

// NewGate returns a gate for rule at which at most bound callers wait.
func NewGate(rule Rule, bound int) *Gate {
	return &Gate{bound: bound, gov: shadow.New(rule)}
}

// Enter waits for a place, at most as long as patience and ctx allow, and takes it. A wait that is predicted to outlast patience is
// refused at once with a *Refusal. A ctx that ends returns its error and takes nothing. Every Enter that returns nil is
// followed by exactly one Leave, Lost or Unsent.
func (g *Gate) Enter(ctx context.Context, patience time.Duration) error {
	g.mu.Lock()
	now := time.Now()
	if len(g.queue)-g.gone == 0 && !g.gov.Next(now, shadow.Bulk).After(now) {
		g.gov.Send(now, shadow.Bulk)
		g.mu.Unlock()
		return nil
	}
	waiting := len(g.queue) - g.gone
	wait := g.gov.Wait(now, shadow.Bulk, waiting)
	if wait > patience && g.gov.Hurry(now, waiting, patience) {
		g.pump(now)
		waiting = len(g.queue) - g.gone
		wait = g.gov.Wait(now, shadow.Bulk, waiting)
		if waiting == 0 && !g.gov.Next(now, shadow.Bulk).After(now) {
			g.gov.Send(now, shadow.Bulk)
			g.mu.Unlock()
			return nil
		}
	}
	if waiting >= g.bound {
		g.mu.Unlock()
		return &Refusal{Wait: wait, Full: true}
	}
	if wait > patience {
		g.mu.Unlock()
		return &Refusal{Wait: wait}
	}
	me := &caller{granted: make(chan struct{})}
	g.queue = append(g.queue, me)
	g.arm(now)
	g.mu.Unlock()

	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-me.granted:
		return nil
	case <-ctx.Done():
		return g.withdraw(me, ctx.Err())
	case <-limit.C: // the prediction was too kind
		if g.lastChance(me) {
			return nil
		}
		return g.withdraw(me, nil)
	}
}

// lastChance says whether a caller whose patience has ended has a place all the same: just granted, or kept from him by spacing alone.
func (g *Gate) lastChance(me *caller) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); g.gov.Hurry(now, 0, 0) {
		g.pump(now)
	}
	select {
	case <-me.granted:
		return true
	default:
		return false
	}
}

// withdraw takes a caller out of the queue; one that was granted a place in the same moment gives it back. A nil err becomes the
// Refusal with what is predicted by then.
func (g *Gate) withdraw(me *caller, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if err == nil {
		err = &Refusal{Wait: g.gov.Wait(now, shadow.Bulk, 0)}
	}
	select {
	case <-me.granted:
		g.gov.Unsend(now, shadow.Sent{})
		g.pump(now)
		return err
	default:
	}
	for i, c := range g.queue {
		if c == me {
			g.queue[i] = nil
			g.gone++
			break
		}
	}
	g.compact()
	return err
}

// Leave ends a call by its answer.
func (g *Gate) Leave(r Report) { g.end(func(now time.Time) { g.gov.Answer(now, shadow.Sent{}, r) }) }

// Lost ends a call that was sent but not answered: the vendor may have counted it.
func (g *Gate) Lost() { g.end(func(now time.Time) { g.gov.Lost(now, shadow.Sent{}) }) }

// Unsent ends a call that never reached the vendor: its place is free again.
func (g *Gate) Unsent() { g.end(func(now time.Time) { g.gov.Unsend(now, shadow.Sent{}) }) }

func (g *Gate) end(tell func(now time.Time)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	tell(now)
	g.pump(now)
}

// pump grants places to those who wait and sets the timer for the next. The caller holds g.mu.
func (g *Gate) pump(now time.Time) {
	for len(g.queue) > 0 {
		head := g.queue[0]
		if head != nil {
			if g.gov.Next(now, shadow.Bulk).After(now) {
				break
			}
			g.gov.Send(now, shadow.Bulk)
			close(head.granted)
		} else {
			g.gone--
		}
		g.queue[0] = nil
		g.queue = g.queue[1:]
	}
	g.arm(now)
}

// arm sets the timer to when the governor has the next place, if anybody waits.
func (g *Gate) arm(now time.Time) {
	if len(g.queue)-g.gone == 0 {
		if g.timer != nil {
			g.timer.Stop()
		}
		return
	}
	next := g.gov.Next(now, shadow.Bulk)
	if shadow.Never(next) { // the answer that is out will pump
		return
	}
	pause := max(next.Sub(now), 0)
	if g.timer == nil {
		g.timer = time.AfterFunc(pause, g.tick)
		return
	}
	g.timer.Reset(pause)
}

func (g *Gate) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pump(time.Now())
}

// compact drops those who left once they are the greater part of the queue.
func (g *Gate) compact() {
	if g.gone*2 <= len(g.queue) {
		return
	}
	stay := make([]*caller, 0, len(g.queue)-g.gone)
	for _, c := range g.queue {
		if c != nil {
			stay = append(stay, c)
		}
	}
	g.queue, g.gone = stay, 0
}

// State is a gate at one moment, for metrics and pages.
type State struct {
	Limit   int           // calls per window; 0 = none known
	Places  int           // calls that may go at once
	Waiting int           // callers in the queue
	Wait    time.Duration // predicted for a caller who comes now
}

// State tells how the gate stands.
func (g *Gate) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	waiting := len(g.queue) - g.gone
	s := State{Limit: g.gov.Limit(), Places: g.gov.Places(now, shadow.Bulk), Waiting: waiting}
	if waiting > 0 || g.gov.Next(now, shadow.Bulk).After(now) {
		s.Wait = g.gov.Wait(now, shadow.Bulk, waiting)
	}
	return s
}
