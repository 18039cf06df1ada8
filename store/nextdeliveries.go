package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/triggers"
)

// NextDeliveries are the first invocations of a claim that are due, and whether there are more: those that failed and are due again, in their
// order, and then those that are new. While there are more of both, each has half of what limit lets there be. Of a subscription that is not to
// be delivered to there are its tests. Those of the subjects but are left out. ErrLost: the claim is not good any more.
func (db *DB) NextDeliveries(ctx context.Context, c triggers.Claim, but []string, limit triggers.Limit) (next []triggers.Invocation, more bool, err error) {
	err = db.read("read deliveries", func(t tx) error {
		now := db.instant()
		d := deliveries{t: t, which: fmt.Sprintf(isDue, now), first: firstDue, args: []any{c.Subscription.ID}}
		tests, err := db.testsAlone(ctx, t, c)
		if err != nil {
			return err
		}
		if tests {
			d.which, d.first = d.which+testsAlone, firstTests
		}
		if len(but) > 0 {
			d.which += " AND i.subject NOT IN (" + marks(len(but)) + ")"
			for _, subject := range but {
				d.args = append(d.args, subject)
			}
		}
		if next, more, err = d.all(ctx, limit); err != nil {
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
	first string // of those
	args  []any
}

// testsAlone tells whether a claim's subscription is to get nothing but tests.
func (db *DB) testsAlone(ctx context.Context, t tx, c triggers.Claim) (bool, error) {
	until := pausedUntil(c.Subscription.Sluice.Paused)
	if !c.Subscription.Enabled || until == 0 {
		return !c.Subscription.Enabled, nil
	}
	now, err := db.now(ctx, t)
	return until > micros(now), err
}

// What is due of a subscription at a time, which stands for %[1]s, and its order.
const (
	isDue    = "i.subscription = ? AND i.state = 'waiting' AND i.due <= %[1]s"
	firstDue = " ORDER BY i.due, i.seq LIMIT ?"

	testsAlone = " AND i.test = 1"
	// The same order, but one that the index of all that waits does not have: by that a paused subscription's whole backlog is read for a few tests.
	firstTests = " ORDER BY i.due, i.seq + 0 LIMIT ?"
)

// all reads what is due, where that is not more than the limit: mostly it is very little.
func (d deliveries) all(ctx context.Context, limit triggers.Limit) (next []triggers.Invocation, more bool, err error) {
	next, more, err = d.some(ctx, "", limit)
	if err != nil {
		return nil, false, err
	}
	fresh := len(next) // those come first
	for fresh > 0 && !next[fresh-1].Due.IsZero() {
		fresh--
	}
	half := triggers.Limit{Rows: (limit.Rows + 1) / 2, Bytes: limit.Bytes / 2}
	if left := without(limit, next[:fresh]); more && (fresh == len(next) || left.Rows < half.Rows || left.Bytes < half.Bytes) {
		next, err = d.both(ctx, limit, half, next[:fresh])
		return next, true, err // what was freed between the two readings may be in neither
	}
	return slices.Concat(next[fresh:], next[:fresh]), more, nil
}

// both shares a limit between what failed and is due again, which gets half of it, and what is new, of which the first are known.
func (d deliveries) both(ctx context.Context, limit, half triggers.Limit, fresh []triggers.Invocation) ([]triggers.Invocation, error) {
	again, _, err := d.some(ctx, failed, half)
	if err != nil {
		return nil, err
	}
	n, left := 0, without(limit, again)
	for n < len(fresh) && left.Rows > 0 && (n == 0 || left.Bytes > 0) {
		left = without(left, fresh[n:n+1])
		n++
	}
	return append(again, fresh[:n]...), nil
}

// failed is true of what is sent again, alone.
const failed = " AND i.due > 0"

// some reads the first of those of which more is true. It tells whether there may be others.
func (d deliveries) some(ctx context.Context, and string, most triggers.Limit) (some []triggers.Invocation, more bool, err error) {
	if most.Rows <= 0 {
		return nil, true, nil
	}
	some, err = invocationsWithin(ctx, d.t, most.Bytes, wholeInvocation+d.which+and+d.first, append(slices.Clip(d.args), int64(most.Rows))...)
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
