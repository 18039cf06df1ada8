package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"sluice/triggers"
)

const (
	defaultConcurrency = 8
	window             = 256                   // invocations in hand
	mostUnsettled      = 100                   // before they are kept
	unsettledFor       = 10 * time.Millisecond // at the most, while others are under way
	landWithin         = 15 * time.Second      // what is under way gets to end when the node stops
)

// drain delivers to one subscription under a claim. All but the sending is done by one goroutine, so nothing here is locked.
type drain struct {
	d       *Dispatcher
	claim   triggers.Claim
	slots   int
	limiter *rate.Limiter // nil: no limit
	probe   bool          // the circuit is open, and one delivery is tried

	queued map[string][]triggers.Invocation // by subject, in order
	ready  []string                         // subjects of which one may be sent, in the order in which they came
	inHand map[int64]bool                   // that were fetched and are not settled; false: it has landed
	busy   map[string]bool                  // subjects of which one is under way
	stuck  map[string]triggers.Stuck

	landed    chan landing
	flying    int
	unsettled []landing
	since     time.Time // when the first of them landed
	held      time.Time // when the lease was made longer last
	hungry    bool      // there may be more in the store
	circuit   circuit
}

// drain claims a subscription and delivers to it until nothing is due, the claim is lost or ctx ends.
func (d *Dispatcher) drain(ctx context.Context, id string, ring <-chan struct{}) error {
	began := time.Now()
	claim, err := d.o.Store.ClaimSubscription(ctx, id, d.o.Owner, d.o.Lease)
	if err != nil {
		return err
	}
	n := &drain{
		d: d, claim: claim, slots: claim.Subscription.Sluice.Concurrency, queued: map[string][]triggers.Invocation{}, inHand: map[int64]bool{},
		busy: map[string]bool{}, stuck: map[string]triggers.Stuck{}, held: began, hungry: true, circuit: circuit{began: began},
	}
	if n.slots <= 0 {
		n.slots = defaultConcurrency
	}
	if paused := claim.Subscription.Sluice.Paused; paused != nil && paused.By == byCircuit {
		n.probe, n.slots = true, 1
	}
	if r := claim.Subscription.Sluice.RatePerSecond; r > 0 {
		n.limiter = rate.NewLimiter(rate.Limit(r), 1)
	}
	n.landed = make(chan landing, n.slots)
	stuck, err := d.o.Store.StuckSubjects(ctx, claim)
	for subject, head := range stuck {
		n.stuck["="+subject] = head // as n.subject has it
	}
	if err == nil {
		err = n.work(ctx, ring)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), landWithin)
	defer cancel()
	n.land(last)
	return n.leave(last, err)
}

// work fetches, sends and settles.
func (n *drain) work(ctx context.Context, ring <-chan struct{}) error {
	for ctx.Err() == nil {
		if err := n.hold(ctx); err != nil {
			return err
		}
		if err := n.fetch(ctx); err != nil {
			return err
		}
		n.launch(ctx)
		if n.flying == 0 && len(n.unsettled) == 0 && len(n.ready) == 0 {
			if n.hungry {
				continue
			}
			if rung := idle(ctx, ring, n.d.o.Idle); !rung {
				return nil
			}
			n.hungry = true
			continue
		}
		n.await(ctx, ring)
		if err := n.settleSome(ctx); err != nil {
			return err
		}
		if n.circuit.open() || n.probe && n.circuit.sent > 0 {
			return nil
		}
	}
	return nil
}

// idle waits until something is due, and tells whether it is.
func idle(ctx context.Context, ring <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ring:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// fetch reads what is due while there is room for it.
func (n *drain) fetch(ctx context.Context) error {
	if !n.hungry || len(n.inHand) > window/2 || n.probe && len(n.inHand) > 0 {
		return nil
	}
	limit := window + len(n.inHand)
	next, err := n.d.o.Store.NextDeliveries(ctx, n.claim, limit)
	if err != nil {
		return err
	}
	n.hungry = len(next) == limit
	parked := map[string]bool{}
	for _, i := range next {
		if _, have := n.inHand[i.Seq]; have {
			continue
		}
		subject := n.subject(i)
		if head, stuck := n.stuck[subject]; stuck && i.Seq > head.Seq {
			// It is behind one that failed. As long as that is in hand it is let alone: settling that says when this is due. Else it came later, and
			// gets the head's time.
			if _, inHand := n.inHand[head.Seq]; inHand || parked[subject] {
				continue
			}
			if err := n.d.o.Store.Park(ctx, n.claim, i.Event.Subject, head); err != nil {
				return err
			}
			parked[subject], n.hungry = true, true
			continue
		}
		n.inHand[i.Seq] = true
		if n.queued[subject] = append(n.queued[subject], i); len(n.queued[subject]) == 1 && !n.busy[subject] {
			n.ready = append(n.ready, subject)
		}
	}
	return nil
}

// subject is within what invocations go one after the other; each is its own where their order does not matter.
func (n *drain) subject(i triggers.Invocation) string {
	if n.claim.Subscription.Sluice.Ordering == triggers.OrderingNone || i.Event.Subject == "" {
		return "#" + strconv.FormatInt(i.Seq, 10)
	}
	return "=" + i.Event.Subject
}

// drop lets what is queued of a subject go; it is fetched again when it is due.
func (n *drain) drop(subject string) {
	for _, i := range n.queued[subject] {
		delete(n.inHand, i.Seq)
	}
	delete(n.queued, subject)
	n.ready = slices.DeleteFunc(n.ready, func(s string) bool { return s == subject })
}

// launch sends while there are places.
func (n *drain) launch(ctx context.Context) {
	for n.flying < n.slots && len(n.ready) > 0 {
		if n.limiter != nil && !n.limiter.Allow() {
			return
		}
		if n.probe && n.flying+len(n.unsettled) > 0 {
			return
		}
		subject := n.ready[0]
		n.ready = n.ready[1:]
		first := n.queued[subject][0]
		if n.queued[subject] = n.queued[subject][1:]; len(n.queued[subject]) == 0 {
			delete(n.queued, subject)
		}
		n.busy[subject] = true
		n.flying++
		go func() { n.landed <- n.d.send(context.WithoutCancel(ctx), &n.claim.Subscription, first, subject) }()
	}
}

// await waits for something to do: a landing, something due, a settling or a heartbeat.
func (n *drain) await(ctx context.Context, ring <-chan struct{}) {
	most := n.d.o.Lease / 3
	if len(n.unsettled) > 0 {
		most = max(0, unsettledFor-time.Since(n.since))
	}
	if n.limiter != nil && len(n.ready) > 0 && n.flying < n.slots {
		most = min(most, max(time.Millisecond, time.Duration(float64(time.Second)/float64(n.limiter.Limit()))))
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case l := <-n.landed:
		n.took(l)
	case <-ring:
		n.hungry = true
	case <-timer.C:
	case <-ctx.Done():
	}
	for len(n.unsettled) < mostUnsettled {
		select {
		case l := <-n.landed:
			n.took(l)
		default:
			return
		}
	}
}

// took notes what became of a delivery.
func (n *drain) took(l landing) {
	n.flying--
	if len(n.unsettled) == 0 {
		n.since = time.Now()
	}
	n.unsettled = append(n.unsettled, l)
	n.inHand[l.result.Seq] = false
	n.circuit.note(l)
	delete(n.busy, l.subject)
	if l.result.State == triggers.Waiting {
		n.stuck[l.subject] = triggers.Stuck{Seq: l.result.Seq, Due: l.result.Due}
		n.drop(l.subject)
		return
	}
	if len(n.queued[l.subject]) > 0 {
		n.ready = append(n.ready, l.subject)
	}
}

// settleSome keeps what has landed when it is worth a transaction.
func (n *drain) settleSome(ctx context.Context) error {
	if len(n.unsettled) >= mostUnsettled || len(n.unsettled) > 0 && (n.flying == 0 || time.Since(n.since) >= unsettledFor) {
		return n.settle(ctx)
	}
	return nil
}

// hold makes the lease longer when nothing else has for a while. It comes before each sending: whoever was idle or was stopped may have lost the
// subscription to another, who is at the same deliveries.
func (n *drain) hold(ctx context.Context) error {
	now := time.Now()
	if now.Sub(n.held) < n.d.o.Lease/3 {
		return nil
	}
	n.held = now
	return n.d.o.Store.HoldSubscription(ctx, n.claim)
}

func (n *drain) settle(ctx context.Context) error {
	results := make([]triggers.Result, len(n.unsettled))
	for i, l := range n.unsettled {
		results[i] = l.result
	}
	began := time.Now()
	if err := n.d.o.Store.Settle(ctx, n.claim, results); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	n.held = began
	for _, l := range n.unsettled {
		delete(n.inHand, l.result.Seq)
		if l.result.State != triggers.Waiting && n.stuck[l.subject].Seq == l.result.Seq {
			delete(n.stuck, l.subject)
			n.hungry = true // what was parked behind it is due
		}
		if n.d.o.Seen != nil {
			n.d.o.Seen(Sent{n.claim.Subscription.ID, l.result.Attempt.Outcome, l.result.Attempt.Took, l.since})
		}
	}
	n.unsettled = n.unsettled[:0]
	return nil
}

// land waits for what is under way.
func (n *drain) land(ctx context.Context) {
	for n.flying > 0 {
		select {
		case l := <-n.landed:
			n.took(l)
		case <-ctx.Done():
			return
		}
	}
}

// leave keeps what has landed, opens or closes the circuit, and gives the claim back.
func (n *drain) leave(ctx context.Context, why error) error {
	if len(n.unsettled) > 0 {
		if err := n.settle(ctx); err != nil {
			return err
		}
	}
	if why == nil {
		why = n.turn(ctx)
	}
	if err := n.d.o.Store.ReleaseSubscription(ctx, n.claim); why == nil {
		why = err
	}
	return why
}
