package dispatch

import (
	"context"
	"time"

	"sluice/triggers"
)

// askWithin is how long the store may take for one question. Whoever has not answered by then may never do, on a connection that is dead and does not
// say so, and nothing else would be delivered meanwhile.
const askWithin = 15 * time.Second

// within is a store that is asked nothing for longer than that. What a node keeps before it stops has its own time, and Expire goes on for as long as
// there is something to do.
type within struct{ Store }

func (w within) Due(ctx context.Context) ([]triggers.Due, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.Due(ctx)
}

func (w within) Ahead(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.Ahead(ctx)
}

func (w within) ClaimSubscription(ctx context.Context, id, owner string, lease time.Duration) (triggers.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.ClaimSubscription(ctx, id, owner, lease)
}

func (w within) HoldSubscription(ctx context.Context, c triggers.Claim) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.HoldSubscription(ctx, c)
}

func (w within) Unchanged(ctx context.Context, c triggers.Claim) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.Unchanged(ctx, c)
}

func (w within) NextDeliveries(ctx context.Context, c triggers.Claim, but []string, limit triggers.Limit) ([]triggers.Invocation, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.NextDeliveries(ctx, c, but, limit)
}

func (w within) StuckSubjects(ctx context.Context, c triggers.Claim) (map[string][]triggers.Stuck, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.StuckSubjects(ctx, c)
}

func (w within) Park(ctx context.Context, c triggers.Claim, subject string, behind triggers.Stuck, until time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	return w.Store.Park(ctx, c, subject, behind, until)
}
