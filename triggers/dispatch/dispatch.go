// Package dispatch takes invocations out of the store and has them sent: a subscription at a time, by one node at a time, in order of
// events for each subject. It keeps what became of each before it counts as delivered, so that a crash sends again what was under way, under
// the same id. It knows no database and no receiver: those are a Store's and a Sender's.
//
// A subscription's drain:
//
//	claim ─▶ fetch ─▶ send, several at once, one of a subject ─▶ settle ─▶ fetch …
//	            └─ nothing due for a while: release
//
// Whoever fails is sent again later, and what is behind it of its subject waits. When nothing works for a while the subscription is paused
// by its circuit, and one delivery is tried now and then.
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sluice/triggers"
)

// Store keeps subscriptions and invocations.
type Store interface {
	Due(ctx context.Context) ([]triggers.Due, error)
	Ahead(ctx context.Context) (time.Duration, error)
	ClaimSubscription(ctx context.Context, id, owner string, lease time.Duration) (triggers.Claim, error)
	HoldSubscription(ctx context.Context, c triggers.Claim) error
	ReleaseSubscription(ctx context.Context, c triggers.Claim) error
	Unchanged(ctx context.Context, c triggers.Claim) error
	NextDeliveries(ctx context.Context, c triggers.Claim, but []string, limit triggers.Limit) (next []triggers.Invocation, more bool, err error)
	StuckSubjects(ctx context.Context, c triggers.Claim) (map[string][]triggers.Stuck, error)
	Park(ctx context.Context, c triggers.Claim, subject string, behind triggers.Stuck, until time.Time) (waits bool, err error)
	Settle(ctx context.Context, c triggers.Claim, results []triggers.Result) (changed bool, err error)
	PauseSubscription(ctx context.Context, c triggers.Claim, change func(now *triggers.Pause) *triggers.Pause, tell ...triggers.Event) error
	Expire(ctx context.Context) (int64, error)
	Bell() <-chan struct{}
}

// Options say how a node delivers. Zero times take the default in brackets.
type Options struct {
	Store  Store
	Sender triggers.Sender
	// Batch is how several deliveries to a subscription go in one call; nil, or one that returns nil: they go one by one.
	Batch    func(s *triggers.Subscription) triggers.Batcher
	Kind     func(trigger string) triggers.Kind                 // of the catalogue
	Check    func(trigger string, output json.RawMessage) error // whether an output is one of the trigger's
	Callback func(invocation string) string                     // the URL at which an invocation is completed

	Owner   string        // one life of a node
	Log     *slog.Logger  // nil: none
	Lease   time.Duration // how long a silent node keeps a subscription: longer than a delivery takes and a heartbeat [20 s]
	Look    time.Duration // how often it is asked what is due, though no bell has rung: what waits until a time [250 ms]
	Idle    time.Duration // how long a subscription is kept without anything due [2 s]
	Circuit Circuit
	Chance  func() float64 // [math/rand]
	Seen    func(Sent)     // hears of each attempt that was kept; nil: nobody
}

// Sent is an attempt that was kept, for whoever counts.
type Sent struct {
	Subscription *triggers.Subscription
	Outcome      string        // of Attempt
	Took         time.Duration // of the attempt
	Since        time.Duration // from the event's keeping to the answer
}

// Dispatcher delivers until its context ends.
type Dispatcher struct {
	o     Options
	asked time.Time    // when the store was asked for its time
	ahead atomic.Int64 // its clock of ours then, in nanoseconds

	mu     sync.Mutex
	drains map[string]chan struct{} // by subscription: rung when there is something due
	done   sync.WaitGroup
}

// New returns a dispatcher that does nothing before Run.
func New(o Options) *Dispatcher {
	for _, d := range []struct {
		field     *time.Duration
		otherwise time.Duration
	}{{&o.Lease, 20 * time.Second}, {&o.Look, 250 * time.Millisecond}, {&o.Idle, 2 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.otherwise
		}
	}
	if o.Store != nil {
		o.Store = within{o.Store}
	}
	o.Circuit.fill()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
	return &Dispatcher{o: o, drains: map[string]chan struct{}{}}
}

// Run delivers until ctx ends; then what is under way is finished, settled, and all subscriptions are given back.
func (d *Dispatcher) Run(ctx context.Context) {
	defer d.done.Wait()
	d.done.Go(func() { d.expire(ctx) })
	var down bool
	for ctx.Err() == nil {
		bell := d.o.Store.Bell()
		due, err := d.due(ctx)
		if err != nil && ctx.Err() == nil {
			if !down {
				d.o.Log.Error("nothing is delivered until the database answers", "error", err)
			}
			down = true
			_ = wait(ctx, nil, time.Second)
			continue
		}
		down = false
		for _, one := range due {
			d.attend(ctx, one)
		}
		_ = wait(ctx, bell, d.o.Look)
	}
}

// due asks what is due, and now and then for the time.
func (d *Dispatcher) due(ctx context.Context) ([]triggers.Due, error) {
	if time.Since(d.asked) >= d.o.Look {
		ahead, err := d.o.Store.Ahead(ctx)
		if err != nil {
			return nil, err
		}
		d.ahead.Store(int64(ahead))
		d.asked = time.Now()
	}
	return d.o.Store.Due(ctx)
}

// now is the time by the store's clock, which decides what is due: a node whose own clock is wrong delivers as the others do.
func (d *Dispatcher) now() time.Time {
	return time.Now().Add(time.Duration(d.ahead.Load())).UTC()
}

// attend rings the drain of a subscription that has something due, or begins one.
func (d *Dispatcher) attend(ctx context.Context, due triggers.Due) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ring, ours := d.drains[due.Subscription]; ours {
		select {
		case ring <- struct{}{}:
		default: // it has not looked since the last time
		}
		return
	}
	if due.Owner != "" && due.Owner != d.o.Owner {
		return
	}
	ring := make(chan struct{}, 1)
	d.drains[due.Subscription] = ring
	d.done.Go(func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.drains, due.Subscription)
		}()
		err := d.drain(ctx, due.Subscription, ring)
		if err != nil && !errors.Is(err, triggers.ErrLost) && ctx.Err() == nil {
			d.o.Log.Warn("deliveries to a subscription stop for a second", "subscription", due.Subscription, "error", err)
			_ = wait(ctx, nil, time.Second)
		}
	})
}

// expire ends the wait for answers that did not come.
func (d *Dispatcher) expire(ctx context.Context) {
	for wait(ctx, nil, 5*time.Second) == nil {
		if _, err := d.o.Store.Expire(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Warn("invocations past their deadline stay open", "error", err)
		}
	}
}

// wait waits for a bell, at most so long. The error is that of ctx.
func wait(ctx context.Context, bell <-chan struct{}, most time.Duration) error {
	idle(ctx, bell, most)
	return ctx.Err()
}
