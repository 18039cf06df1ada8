package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/triggers"
)

// took notes what became of the deliveries of a call.
func (n *drain) took(some []landing) {
	n.flying--
	now := time.Now()
	if len(n.unsettled) == 0 {
		n.since, n.pressing = now, time.Time{}
	}
	for _, l := range some {
		if n.pressing.IsZero() && l.result.State != triggers.Waiting {
			n.pressing = now
		}
		n.tookOne(l)
	}
}

func (n *drain) tookOne(l landing) {
	n.unsettled = append(n.unsettled, l)
	n.pace.note(l, n.d.o.Circuit.MostProbe)
	delete(n.busy, l.subject)
	if l.result.State == triggers.Waiting {
		n.failed = time.Now()
		n.stuck.put(l.subject, triggers.Stuck{Seq: l.result.Seq, Due: l.result.Due})
		n.drop(l.subject)
		return
	}
	if len(n.queued[l.subject]) > 0 {
		n.ready = append(n.ready, l.subject)
	}
}

// settleSome begins to keep what has landed when it is worth a transaction. One is under way at a time, so that results are kept in the order in
// which they came.
func (n *drain) settleSome(ctx context.Context) {
	if len(n.settling) == 0 && len(n.unsettled) > 0 && (len(n.unsettled) >= mostUnsettled || n.patience() <= 0) {
		n.settle(ctx)
	}
}

// patience is how long what has landed may wait to be kept. A receiver that fails is not to cost others a transaction for each failure.
func (n *drain) patience() time.Duration {
	switch {
	case n.pressing.IsZero():
		return failedFor - time.Since(n.since)
	case n.flying == 0:
		return 0
	}
	return unsettledFor - time.Since(n.pressing)
}

// hold makes the lease longer when nothing else has for a while, and keeps how the receiver does, which settlings do not. It comes before each sending:
// whoever was idle or was stopped may have lost the subscription to another, who is at the same deliveries.
func (n *drain) hold(ctx context.Context) error {
	if n.untilHold() > 0 {
		return nil
	}
	n.held = time.Now()
	n.told, n.pace.circuit.unkept = n.held, false
	return n.d.o.Store.HoldSubscription(ctx, n.current())
}

// untilHold is how long it takes until the lease is to be made longer, or how the receiver does to be kept.
func (n *drain) untilHold() time.Duration {
	since := n.held
	if n.pace.circuit.unkept && n.told.Before(since) {
		since = n.told
	}
	return n.d.o.Lease/heartbeats - time.Since(since)
}

// current is the claim, with how the receiver does by now. The claim itself is read by a settling that may be under way.
func (n *drain) current() triggers.Claim {
	c := n.claim
	c.Health = n.pace.health(n.d.now())
	return c
}

func (n *drain) settle(ctx context.Context) {
	most := min(len(n.unsettled), mostUnsettled) // as many as the last time, mostly, which a database has a plan for
	n.settling, n.unsettled, n.began = slices.Clone(n.unsettled[:most]), slices.Delete(n.unsettled, 0, most), time.Now()
	results := make([]triggers.Result, len(n.settling))
	for i, l := range n.settling {
		results[i] = l.result
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), landWithin) // what a node does before it stops is kept
		defer cancel()
		changed, err := n.d.o.Store.Settle(ctx, n.claim, results)
		n.settled <- settlement{changed, err}
	}()
}

// settlement is how a settling has ended.
type settlement struct {
	changed bool // the subscription has
	err     error
}

// kept notes how a settling has ended. What was not kept stays before what has landed since: of a subject nothing is kept before what it follows.
func (n *drain) kept(s settlement) error {
	was := n.settling
	n.settling = nil
	if s.err != nil {
		n.unsettled = slices.Concat(was, n.unsettled)
		return fmt.Errorf("settle: %w", s.err)
	}
	n.held, n.changed = n.began, n.changed || s.changed
	for _, l := range was {
		n.letGo(l.result.Seq)
		if l.result.State != triggers.Waiting && n.stuck.remove(l.subject, l.result.Seq) {
			n.hungry = true // what was parked behind it is due
		}
		if n.d.o.Seen != nil {
			n.d.o.Seen(Sent{&n.claim.Subscription, l.result.Attempt.Outcome, l.result.Attempt.Took, l.since})
		}
	}
	return nil
}

// land waits for what is under way.
func (n *drain) land(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), landWithin)
	defer cancel()
	for n.flying > 0 {
		select {
		case some := <-n.landed:
			n.took(some)
		case <-ctx.Done():
			return
		}
	}
}

// leave keeps what has landed, opens or closes the circuit, and gives the claim back.
func (n *drain) leave(ctx context.Context, why error) error {
	for len(n.settling)+len(n.unsettled) > 0 {
		if len(n.settling) == 0 {
			n.settle(ctx)
		}
		if err := n.kept(<-n.settled); err != nil {
			return err
		}
	}
	if why == nil {
		why = n.turn(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, landWithin)
	defer cancel()
	if err := n.d.o.Store.ReleaseSubscription(ctx, n.current()); why == nil {
		why = err
	}
	return why
}
