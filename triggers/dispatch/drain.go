package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluice/triggers"
)

const (
	defaultConcurrency = 8
	window             = 256                    // invocations in hand
	mostInHand         = 4 * window             // where most of them wait for a few subjects
	mostBytes          = 8 << 20                // of payloads in hand, and one at the least
	goFirst            = 5 * time.Millisecond   // is what those that work have, before one that fails
	lately             = time.Second            // since a failure
	lookAgain          = 50 * time.Millisecond  // for more, where the last look gave nothing to send
	mostUnsettled      = 100                    // before they are kept, and in one transaction
	unsettledFor       = 10 * time.Millisecond  // at the most, while others are under way
	failedFor          = 100 * time.Millisecond // where all of them are sent again: none of them, and nothing behind them, is due before that
	heartbeats         = 4                      // in a lease
	landWithin         = 15 * time.Second       // what is under way gets to end when the node stops
)

// drain delivers to one subscription under a claim. All but the sending is done by one goroutine, so nothing here is locked.
type drain struct {
	d     *Dispatcher
	claim triggers.Claim
	slots int
	batch triggers.Batcher // nil: one delivery a call
	probe bool             // the circuit is open, and one delivery is tried
	pace  *pace

	queued map[string][]triggers.Invocation // by subject, in order
	ready  []string                         // subjects of which one may be sent, in the order in which they came
	inHand map[int64]int64                  // bytes of what was fetched and is not settled
	bytes  int64                            // of all in hand
	busy   map[string]bool                  // subjects of which one is under way
	stuck  stuck
	behind map[string]bool // subjects of which something was fetched that waits for what is in hand

	landed    chan []landing
	flying    int // calls under way, each of one delivery or, to a receiver that takes several at once, of more
	unsettled []landing
	since     time.Time // when the first of them landed
	pressing  time.Time // when the first of them landed that is not sent again
	settling  []landing // that are being kept, while others are sent
	settled   chan settlement
	began     time.Time // when that began
	held      time.Time // when the lease was made longer last
	told      time.Time // when the store was told last how the receiver does
	hungry    bool      // there may be more in the store
	rung      time.Time // since when something has happened there; zero: it was read since
	failed    time.Time // when a delivery has failed last
	changed   bool      // the subscription has, so that it is to be claimed anew
	looked    time.Time // when others than those in hand were looked for
	turns     int       // without anything to send, one after the other
}

// drain claims a subscription and delivers to it until nothing is due, another has it or ctx ends. When it changes it is claimed anew.
func (d *Dispatcher) drain(ctx context.Context, id string, ring <-chan struct{}) error {
	for {
		began := time.Now()
		claim, err := d.o.Store.ClaimSubscription(ctx, id, d.o.Owner, d.o.Lease)
		if err != nil {
			return err
		}
		err = d.drainOf(claim, began).run(ctx, ring)
		if !errors.Is(err, triggers.ErrLost) || ctx.Err() != nil {
			return err
		}
	}
}

// drainOf makes a drain that has done nothing yet.
func (d *Dispatcher) drainOf(claim triggers.Claim, began time.Time) *drain {
	n := &drain{
		d: d, claim: claim, slots: claim.Subscription.Sluice.Concurrency, queued: map[string][]triggers.Invocation{}, inHand: map[int64]int64{},
		busy: map[string]bool{}, stuck: stuck{}, behind: map[string]bool{}, held: began, told: began, hungry: true, pace: d.paceOf(claim),
	}
	if n.slots <= 0 {
		n.slots = defaultConcurrency
	}
	if d.o.Batch != nil {
		n.batch = d.o.Batch(&n.claim.Subscription)
	}
	if paused := claim.Subscription.Sluice.Paused; paused != nil && paused.By == byCircuit {
		n.probe, n.slots = true, 1
	}
	n.landed, n.settled = make(chan []landing, n.slots), make(chan settlement, 1)
	return n
}

// run works until there is a reason to leave, and leaves.
func (n *drain) run(ctx context.Context, ring <-chan struct{}) error {
	err := n.findStuck(ctx)
	if err == nil {
		err = n.work(ctx, ring)
	}
	n.land(ctx)
	return n.leave(context.WithoutCancel(ctx), err)
}

// findStuck reads which subjects have failed before this claim.
func (n *drain) findStuck(ctx context.Context) error {
	all, err := n.d.o.Store.StuckSubjects(ctx, n.claim)
	for subject, heads := range all {
		if n.ordered(subject) {
			n.stuck[keyOf(subject)] = heads
		}
	}
	return err
}

// work fetches, sends and settles.
func (n *drain) work(ctx context.Context, ring <-chan struct{}) error {
	for ctx.Err() == nil {
		if err := n.fetch(ctx); err != nil {
			return err
		}
		if err := n.hold(ctx); err != nil {
			return err
		}
		n.launch(ctx)
		if n.flying == 0 && len(n.unsettled)+len(n.settling) == 0 && len(n.ready) == 0 {
			if !n.rest(ctx, ring) {
				return nil
			}
			continue
		}
		n.turns = 0
		if err := n.await(ctx, ring); err != nil {
			return err
		}
		if n.changed {
			return triggers.ErrLost
		}
		n.settleSome(ctx)
		if !n.probe && n.pace.circuit.open() || n.probe && n.pace.circuit.sent > 0 {
			return nil
		}
	}
	return nil
}

// mostTurns is how often the store is asked for more without a break where that gives nothing to send.
const mostTurns = 3

// rest waits until there may be something to send, and tells whether there may.
func (n *drain) rest(ctx context.Context, ring <-chan struct{}) bool {
	if !n.hungry {
		if idle(ctx, ring, n.d.o.Idle) {
			n.heard()
		}
		return n.hungry
	}
	if n.aside() > 0 {
		idle(ctx, nil, n.aside())
		return true
	}
	if n.turns++; n.turns > mostTurns {
		idle(ctx, ring, lookAgain)
	}
	return true
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

// letGo forgets one that was in hand.
func (n *drain) letGo(seq int64) {
	n.bytes -= n.inHand[seq]
	delete(n.inHand, seq)
}

// launch sends while there are places.
func (n *drain) launch(ctx context.Context) {
	for n.flying < n.slots {
		some := n.board()
		if len(some) == 0 {
			return
		}
		n.flying++
		go func() { n.landed <- n.d.send(context.WithoutCancel(ctx), &n.claim.Subscription, n.batch, some) }()
	}
}

// board takes what goes in the next call: the first of one subject that is ready, or of as many as the receiver takes at once.
func (n *drain) board() (some []departure) {
	most := 1
	if n.batch != nil && !n.probe {
		most = n.batch.Most()
	}
	if n.probe && n.flying+len(n.unsettled)+len(n.settling) > 0 {
		return nil
	}
	quiet := time.Now().Before(n.pace.quiet)
	for len(some) < most && len(n.ready) > 0 {
		at, late := n.turnOf()
		if !late && (quiet || !n.pace.allow()) {
			break
		}
		subject := n.ready[at]
		first := n.queued[subject][0]
		n.ready = slices.Delete(n.ready, at, at+1)
		some = append(some, departure{subject, first})
		if n.queued[subject] = n.queued[subject][1:]; len(n.queued[subject]) == 0 {
			delete(n.queued, subject)
		}
		n.busy[subject] = true
	}
	return some
}

// turnOf is whose turn it is among those that are ready: of one that is late before all, since its receiver hears nothing of it. A probe is of what was
// never tried, if there is any: what has failed before may fail for its own sake.
func (n *drain) turnOf() (at int, late bool) {
	s, now := &n.claim.Subscription, n.d.now()
	if kind := n.d.o.Kind(s.TriggerID); kind == triggers.RequestResponse {
		at = slices.IndexFunc(n.ready, func(subject string) bool { return isLate(s, n.queued[subject][0], kind, now) })
		if at >= 0 {
			return at, true
		}
	}
	if n.probe {
		fresh := slices.IndexFunc(n.ready, func(subject string) bool { return n.queued[subject][0].Tries == 0 })
		return max(0, fresh), false
	}
	return 0, false
}

// await waits for something to do: a landing, something due, a settling that begins or ends, or a heartbeat.
func (n *drain) await(ctx context.Context, ring <-chan struct{}) error {
	most := max(0, n.untilHold())
	if len(n.unsettled) > 0 && len(n.settling) == 0 {
		most = max(0, n.patience())
	}
	if len(n.ready) > 0 && n.flying < n.slots {
		most = min(most, n.pace.untilNext())
	}
	if wait := n.aside(); wait > 0 {
		most = min(most, wait)
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case some := <-n.landed:
		n.took(some)
	case s := <-n.settled:
		if err := n.kept(s); err != nil {
			return err
		}
	case <-ring:
		n.heard()
	case <-timer.C:
	case <-ctx.Done():
	}
	for len(n.unsettled) < mostUnsettled {
		select {
		case some := <-n.landed:
			n.took(some)
		default:
			return nil
		}
	}
	return nil
}
