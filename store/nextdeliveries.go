package store

import (
	"context"
	"errors"
	"slices"

	"sluice/triggers"
)

// NextDeliveries are the first invocations of a claim that are due, and whether there are more: those that failed and are due again, in their
// order, and then those that are new. While there are more of both, each has half of what limit lets there be. Of a subscription that is not to
// be delivered to there are its tests. Those of the subjects but are left out. ErrLost: the claim is not good any more.
func (db *DB) NextDeliveries(ctx context.Context, c triggers.Claim, but []string, limit triggers.Limit) (next []triggers.Invocation, more bool, err error) {
	err = db.read("read deliveries", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		d := deliveries{t: t, which: "i.subscription = ? AND i.state = 'waiting' AND i.due <= ?", args: []any{c.Subscription.ID, micros(now)}}
		if !c.Subscription.Enabled || pausedUntil(c.Subscription.Sluice.Paused) > micros(now) {
			d.which += " AND i.test = 1"
		}
		if len(but) > 0 {
			d.which += " AND i.subject NOT IN (" + marks(len(but)) + ")"
			for _, subject := range but {
				d.args = append(d.args, subject)
			}
		}
		if next, more, err = d.both(ctx, limit); err != nil {
			return err
		}
		db.giveSecrets(next)
		return unchanged(ctx, t, c) // last: what was read came before any change
	})
	return next, more, err
}

// deliveries reads what is due of a claim.
type deliveries struct {
	t     tx
	which string
	args  []any
}

// both reads those that are due again and those that are new.
func (d deliveries) both(ctx context.Context, limit triggers.Limit) (next []triggers.Invocation, more bool, err error) {
	half := triggers.Limit{Rows: (limit.Rows + 1) / 2, Bytes: limit.Bytes / 2}
	next, more, err = d.part(ctx, ">", half)
	if err != nil {
		return nil, false, err
	}
	fresh, moreFresh, err := d.part(ctx, "=", without(limit, next))
	if err == nil && more && !moreFresh {
		next, more, err = d.part(ctx, ">", without(limit, fresh))
	}
	return append(next, fresh...), more || moreFresh, err
}

// part reads some that are due at once, "=", or that failed, ">". It tells whether there may be more.
func (d deliveries) part(ctx context.Context, of string, most triggers.Limit) (some []triggers.Invocation, more bool, err error) {
	if most.Rows <= 0 {
		return nil, true, nil
	}
	some, err = invocationsWithin(ctx, d.t, most.Bytes, wholeInvocation+d.which+" AND i.due "+of+" 0 ORDER BY i.due, i.seq LIMIT ?", append(slices.Clip(d.args), int64(most.Rows))...)
	left := without(most, some)
	return some, left.Rows <= 0 || left.Bytes <= 0, err
}

// without is what a limit leaves beside some.
func without(limit triggers.Limit, some []triggers.Invocation) triggers.Limit {
	limit.Rows -= len(some)
	for i := range some {
		limit.Bytes -= some[i].Size()
	}
	return limit
}

// StuckSubjects are the invocations of a claim that have failed and are to be sent again, by their subjects, in order.
func (db *DB) StuckSubjects(ctx context.Context, c triggers.Claim) (stuck map[string][]triggers.Stuck, err error) {
	stuck = map[string][]triggers.Stuck{}
	err = db.read("read stuck subjects", func(t tx) error {
		return t.each(ctx, "SELECT subject, seq, due FROM invocations WHERE subscription = ? AND state = 'waiting' AND tries > 0 ORDER BY subject, seq",
			[]any{c.Subscription.ID}, func(scan scan) error {
				var subject string
				var due int64
				var s triggers.Stuck
				err := scan(&subject, &s.Seq, &due)
				s.Due = fromMicros(due)
				stuck[subject] = append(stuck[subject], s)
				return err
			})
	})
	return stuck, err
}

// Queries of invocations i with their events e; bare ones are without what is long: payload, content and output.
const (
	wholeInvocation = "SELECT i.data, i.content, i.output, e.data, " + shortColumns
	bareInvocation  = "SELECT NULL, NULL, NULL, NULL, " + shortColumns
	shortColumns    = `i.seq, i.id, i.subscription, i.trigger_id, i.subject, i.test, i.state, i.attempts, i.tries, i.due, i.created, i.completed, i.deadline, i.reason, i.fault,
	COALESCE(e.id, ''), COALESCE(e.tenant, ''), COALESCE(e.source, ''), COALESCE(e.time, i.created) FROM invocations i LEFT JOIN events e ON e.seq = i.event WHERE `
)

// errEnough ends a reading that has as much as it may.
var errEnough = errors.New("enough")

// invocationsWithin reads invocations until they have so many bytes, and one at the least.
func invocationsWithin(ctx context.Context, t tx, bytes int64, query string, args ...any) (all []triggers.Invocation, err error) {
	err = t.each(ctx, query, args, func(scan scan) error {
		if bytes <= 0 && len(all) > 0 {
			return errEnough
		}
		var i triggers.Invocation
		var test, attempts, tries, due, created, completed, deadline, at int64
		var state string
		var own, content, output, data []byte
		if err := scan(&own, &content, &output, &data, &i.Seq, &i.ID, &i.Subscription, &i.Trigger, &i.Event.Subject, &test, &state, &attempts, &tries, &due, &created,
			&completed, &deadline, &i.Reason, &i.Fault, &i.Event.ID, &i.Event.Tenant, &i.Event.Source, &at); err != nil {
			return err
		}
		i.Test, i.State, i.Attempts, i.Tries = test == 1, triggers.State(state), int(attempts), int(tries)
		i.Due, i.Created, i.Completed, i.Deadline = fromMicros(due), fromMicros(created), fromMicros(completed), fromMicros(deadline)
		i.Content, i.Output = content, output
		i.Event.Type, i.Event.Time, i.Event.Data = i.Trigger, fromMicros(at), data
		if own != nil {
			i.Event.Data = own
		}
		bytes -= i.Size()
		all = append(all, i)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return all, err
}
