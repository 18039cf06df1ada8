package dispatch

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"sluice/triggers"
)

const (
	defaultConcurrency = 8
	window             = 256                    // invocations in hand
	mostInHand         = 4 * window             // where most of them wait for a few subjects
	lookAgain          = 50 * time.Millisecond  // for more, where the last look gave nothing to send
	mostUnsettled      = 100                    // before they are kept, and in one transaction
	unsettledFor       = 10 * time.Millisecond  // at the most, while others are under way
	failedFor          = 100 * time.Millisecond // where all of them are sent again: none of them, and nothing behind them, is due before that
	landWithin         = 15 * time.Second       // what is under way gets to end when the node stops
)

// drain delivers to one subscription under a claim. All but the sending is done by one goroutine, so nothing here is locked.
type drain struct {
	d       *Dispatcher
	claim   triggers.Claim
	slots   int
	batch   triggers.Batcher // nil: one delivery a call
	limiter *rate.Limiter    // nil: no limit
	probe   bool             // the circuit is open, and one delivery is tried
	circuit *circuit

	queued map[string][]triggers.Invocation // by subject, in order
	ready  []string                         // subjects of which one may be sent, in the order in which they came
	inHand map[int64]bool                   // that were fetched and are not settled; false: it has landed
	busy   map[string]bool                  // subjects of which one is under way
	stuck  map[string]triggers.Stuck

	landed    chan []landing
	flying    int // calls under way, each of one delivery or, to a receiver that takes several at once, of more
	unsettled []landing
	since     time.Time // when the first of them landed
	pressing  time.Time // when the first of them landed that is not sent again
	settling  []landing // that are being kept, while others are sent
	settled   chan error
	began     time.Time // when that began
	held      time.Time // when the lease was made longer last
	hungry    bool      // there may be more in the store
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
		d.forget(id)
		if !errors.Is(err, triggers.ErrLost) || ctx.Err() != nil {
			return err
		}
	}
}

// drainOf makes a drain that has done nothing yet.
func (d *Dispatcher) drainOf(claim triggers.Claim, began time.Time) *drain {
	m := d.remember(claim)
	n := &drain{
		d: d, claim: claim, slots: claim.Subscription.Sluice.Concurrency, queued: map[string][]triggers.Invocation{}, inHand: map[int64]bool{},
		busy: map[string]bool{}, stuck: map[string]triggers.Stuck{}, held: began, hungry: true, circuit: &m.circuit, limiter: m.limiter,
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
	n.circuit.begin()
	n.landed, n.settled = make(chan []landing, n.slots), make(chan error, 1)
	return n
}

// run works until there is a reason to leave, and leaves.
func (n *drain) run(ctx context.Context, ring <-chan struct{}) error {
	err := n.findStuck(ctx)
	if err == nil {
		err = n.work(ctx, ring)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), landWithin)
	defer cancel()
	n.land(last)
	return n.leave(last, err)
}

// findStuck reads which subjects have failed before this claim.
func (n *drain) findStuck(ctx context.Context) error {
	n.stuck = map[string]triggers.Stuck{}
	all, err := n.d.o.Store.StuckSubjects(ctx, n.claim)
	for subject, head := range all {
		if n.ordered(subject) {
			n.stuck[keyOf(subject)] = head
		}
	}
	return err
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
		n.settleSome(ctx)
		if n.circuit.open() || n.probe && n.circuit.sent > 0 {
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
		n.hungry = idle(ctx, ring, n.d.o.Idle)
		return n.hungry
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

// fetch reads what is due while there is room for it. Where all that is in hand waits for a few subjects, it is what is due of others.
func (n *drain) fetch(ctx context.Context) error {
	room := len(n.inHand) <= window/2
	switch {
	case n.probe && len(n.inHand) > 0, room && !n.hungry, !room && !n.starved():
		return nil
	}
	limit, but := window+len(n.inHand), []string(nil)
	if !room {
		limit, but, n.looked = window, n.crowded(), time.Now()
	}
	next, err := n.d.o.Store.NextDeliveries(ctx, n.claim, but, limit)
	if err != nil {
		return err
	}
	if room {
		n.hungry = len(next) == limit
	}
	return n.take(ctx, next)
}

// starved tells whether places are free although much is in hand, and whether it is time to look for others.
func (n *drain) starved() bool {
	return n.flying < n.slots && len(n.ready) == 0 && len(n.inHand) < mostInHand && time.Since(n.looked) >= lookAgain
}

// crowded are the subjects of which something is in hand that is not sent yet, or under way.
func (n *drain) crowded() (subjects []string) {
	for _, of := range []iter.Seq[string]{maps.Keys(n.queued), maps.Keys(n.busy)} {
		for key := range of {
			if subject, ordered := strings.CutPrefix(key, "="); ordered {
				subjects = append(subjects, subject)
			}
		}
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// take queues what was fetched, or parks it behind what it follows.
func (n *drain) take(ctx context.Context, next []triggers.Invocation) error {
	parked := map[string]bool{}
	for _, i := range next {
		if _, have := n.inHand[i.Seq]; have {
			continue
		}
		subject := n.subject(i)
		if parked[subject] {
			continue
		}
		if head, stuck := n.stuck[subject]; stuck && i.Seq > head.Seq {
			// It is behind one that failed. As long as that is in hand it is let alone: settling that says when this is due. Else it came later, and
			// gets the head's time.
			if _, inHand := n.inHand[head.Seq]; inHand {
				continue
			}
			waits, err := n.d.o.Store.Park(ctx, n.claim, i.Event.Subject, head)
			if err != nil {
				return err
			}
			if !waits { // it was completed meanwhile
				delete(n.stuck, subject)
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
	if !n.ordered(i.Event.Subject) {
		return "#" + strconv.FormatInt(i.Seq, 10)
	}
	return keyOf(i.Event.Subject)
}

// ordered tells whether events of a subject go one after the other.
func (n *drain) ordered(subject string) bool {
	return subject != "" && n.claim.Subscription.Sluice.Ordering != triggers.OrderingNone
}

func keyOf(subject string) string { return "=" + subject }

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
	for len(some) < most && len(n.ready) > 0 && (n.limiter == nil || n.limiter.Allow()) {
		subject := n.ready[0]
		n.ready = n.ready[1:]
		some = append(some, departure{subject, n.queued[subject][0]})
		if n.queued[subject] = n.queued[subject][1:]; len(n.queued[subject]) == 0 {
			delete(n.queued, subject)
		}
		n.busy[subject] = true
	}
	return some
}

// await waits for something to do: a landing, something due, a settling that begins or ends, or a heartbeat.
func (n *drain) await(ctx context.Context, ring <-chan struct{}) error {
	most := n.d.o.Lease / 3
	if len(n.unsettled) > 0 && len(n.settling) == 0 {
		most = max(0, n.patience())
	}
	if n.limiter != nil && len(n.ready) > 0 && n.flying < n.slots {
		most = min(most, untilNext(n.limiter))
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case some := <-n.landed:
		n.took(some)
	case err := <-n.settled:
		if err := n.kept(err); err != nil {
			return err
		}
	case <-ring:
		n.hungry = true
		if err := n.d.o.Store.Unchanged(ctx, n.claim); err != nil {
			return err
		}
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
