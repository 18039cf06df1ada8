package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// hasDue tells of a subscription s whether it has something to deliver at a time: what is on its way to one that is enabled and not paused, and
// tests to any.
const hasDue = `(s.enabled = 1 AND s.paused <= ? AND EXISTS (SELECT 1 FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.due <= ?)
	OR EXISTS (SELECT 1 FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.due <= ? AND i.test = 1))`

// Due lists the subscriptions that have something to deliver, and tells how far the database's clock is ahead of this process's.
func (db *DB) Due(ctx context.Context) (due []triggers.Due, ahead time.Duration, err error) {
	err = db.read("look for deliveries", func(t tx) error {
		asked := time.Now()
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		ahead = now.Sub(asked.Add(time.Since(asked) / 2))
		at := micros(now)
		return t.each(ctx, "SELECT s.id, CASE WHEN s.lease_until > ? THEN s.owner ELSE '' END FROM subscriptions s WHERE "+hasDue, []any{at, at, at, at}, func(scan scan) error {
			var d triggers.Due
			err := scan(&d.Subscription, &d.Owner)
			due = append(due, d)
			return err
		})
	})
	return due, ahead, err
}

// ClaimSubscription takes a subscription that nobody has, or that its owner has lost sight of. ErrLost: another has it.
func (db *DB) ClaimSubscription(ctx context.Context, id, owner string, lease time.Duration) (c triggers.Claim, err error) {
	err = db.write(ctx, "claim subscription "+id, func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		var health string
		err = t.one(ctx, `UPDATE subscriptions SET owner = ?, lease_until = ?, generation = generation + 1 WHERE id = ? AND (owner = '' OR owner = ? OR lease_until <= ?)
			RETURNING generation, version, health`, []any{owner, micros(now.Add(lease)), id, owner, micros(now)}, &c.Generation, &c.Version, &health)
		if errors.Is(err, aggregation.ErrNone) {
			return triggers.ErrLost
		}
		if err != nil {
			return err
		}
		c.Lease = lease
		if c.Health, err = healthOf(health, c.Version); err != nil {
			return err
		}
		c.Subscription, err = db.subscription(ctx, t, id, "")
		return err
	})
	return c, err
}

// holdSubscription makes a claim's lease longer. ErrLost: another has it. It may have changed: what was sent before is kept all the same.
func (db *DB) holdSubscription(ctx context.Context, t tx, c triggers.Claim) (now time.Time, changed bool, err error) {
	if now, err = db.now(ctx, t); err != nil {
		return now, false, err
	}
	var version int64
	err = t.one(ctx, "UPDATE subscriptions SET lease_until = ? WHERE id = ? AND generation = ? RETURNING version",
		[]any{micros(now.Add(c.Lease)), c.Subscription.ID, c.Generation}, &version)
	if errors.Is(err, aggregation.ErrNone) {
		err = triggers.ErrLost
	}
	return now, version != c.Version, err
}

// HoldSubscription makes a claim's lease longer. ErrLost: another has it, or the subscription has changed, so that it is to be claimed anew.
func (db *DB) HoldSubscription(ctx context.Context, c triggers.Claim) error {
	return db.write(ctx, "hold subscription "+c.Subscription.ID, func(t tx) error {
		_, changed, err := db.holdSubscription(ctx, t, c)
		if err == nil && changed {
			err = triggers.ErrLost
		}
		return err
	})
}

// Unchanged tells whether a claim is good. ErrLost: another has it, or the subscription has changed.
func (db *DB) Unchanged(ctx context.Context, c triggers.Claim) error {
	return db.read("look at subscription "+c.Subscription.ID, func(t tx) error { return unchanged(ctx, t, c) })
}

func unchanged(ctx context.Context, t tx, c triggers.Claim) error {
	var one int64
	err := t.one(ctx, "SELECT 1 FROM subscriptions WHERE id = ? AND generation = ? AND version = ?", []any{c.Subscription.ID, c.Generation, c.Version}, &one)
	if errors.Is(err, aggregation.ErrNone) {
		return triggers.ErrLost
	}
	return err
}

// ReleaseSubscription gives a claim back, with how the receiver does by now. It is no error that another has it.
func (db *DB) ReleaseSubscription(ctx context.Context, c triggers.Claim) error {
	health, err := json.Marshal(versioned{c.Version, c.Health})
	if err != nil {
		return err
	}
	return db.write(ctx, "release subscription "+c.Subscription.ID, func(t tx) error {
		_, err := t.exec(ctx, "UPDATE subscriptions SET owner = '', lease_until = 0, health = ? WHERE id = ? AND generation = ?",
			clean(string(health)), c.Subscription.ID, c.Generation)
		return err
	})
}

// versioned is the health of a subscription's receiver, as the subscription was.
type versioned struct {
	Version int64 `json:"version"`
	triggers.Health
}

func healthOf(text string, version int64) (triggers.Health, error) {
	if text == "" {
		return triggers.Health{}, nil
	}
	var kept versioned
	if err := json.Unmarshal([]byte(text), &kept); err != nil || kept.Version != version {
		return triggers.Health{}, err
	}
	return kept.Health, nil
}

// Park lets the invocations of a subject behind one wait as long as that does. Where that does not wait any more, because it was completed or its
// record is gone, they are due, and it says so.
func (db *DB) Park(ctx context.Context, c triggers.Claim, subject string, behind triggers.Stuck) (waits bool, err error) {
	err = db.write(ctx, "park deliveries", func(t tx) error {
		if _, _, err := db.holdSubscription(ctx, t, c); err != nil {
			return err
		}
		var due int64
		err := t.one(ctx, "SELECT due FROM invocations WHERE seq = ? AND state = 'waiting'", []any{behind.Seq}, &due)
		if waits = err == nil; waits {
			return park(ctx, t, c.Subscription.ID, subject, behind.Seq, due)
		}
		if errors.Is(err, aggregation.ErrNone) {
			_, err = unpark(ctx, t, c.Subscription.ID, subject)
		}
		return err
	})
	return waits, err
}

func park(ctx context.Context, t tx, subscription, subject string, behind, due int64) error {
	_, err := t.exec(ctx, "UPDATE invocations SET due = ? WHERE subscription = ? AND subject = ? AND state = 'waiting' AND seq > ? AND due < ?",
		due, subscription, subject, behind, due)
	return err
}

// unpark makes what was parked due as what was never sent is, so that numbers alone decide between it and what comes later. What is behind another
// that failed, as one may be that was replayed, stays parked behind that.
func unpark(ctx context.Context, t tx, subscription, subject string) (unparked int64, err error) {
	return t.exec(ctx, `UPDATE invocations SET due = ? WHERE subscription = ? AND subject = ? AND state = 'waiting' AND tries = 0 AND due > ? AND seq < COALESCE(
		(SELECT MIN(h.seq) FROM invocations h WHERE h.subscription = ? AND h.subject = ? AND h.state = 'waiting' AND h.tries > 0), ?)`,
		atOnce, subscription, subject, atOnce, subscription, subject, int64(math.MaxInt64))
}

// Settle keeps what became of some deliveries. Where deliveries of a subject go one after the other, those behind one that is sent again wait
// as long, and are due when that is over. What was settled or deleted meanwhile by another is left alone. It tells whether the subscription has
// changed, so that it is to be claimed anew.
func (db *DB) Settle(ctx context.Context, c triggers.Claim, results []triggers.Result) (changed bool, err error) {
	err = db.write(ctx, fmt.Sprintf("settle %d deliveries", len(results)), func(t tx) error {
		var now time.Time
		now, changed, err = db.holdSubscription(ctx, t, c)
		if err != nil {
			return err
		}
		var done []any
		for _, r := range results {
			if r.State == triggers.Done && r.Output == nil && r.Attempt.Number <= 1 {
				done = append(done, r.Seq)
				continue
			}
			if err := settleOne(ctx, t, c, now, r); err != nil {
				return err
			}
		}
		if len(done) > 0 {
			// COALESCE keeps PostgreSQL from reading all that waits by its index, which it takes for few where much has come since it counted.
			_, err := t.exec(ctx, "UPDATE invocations SET state = 'done', attempts = attempts + 1, tries = tries + 1, completed = ?, reason = '' WHERE COALESCE(state, '') = 'waiting' AND seq IN ("+
				marks(len(done))+")", append([]any{micros(now)}, done...)...)
			if err != nil {
				return err
			}
		}
		return insert(ctx, t, "INSERT INTO attempts (invocation, n, time, took, status, answer, outcome, reason)", " ON CONFLICT DO NOTHING", results,
			func(r triggers.Result) []any {
				a := r.Attempt
				return []any{r.Seq, int64(a.Number), micros(a.Time), a.Took.Microseconds(), int64(a.Status), clean(string(a.Answer)), a.Outcome, clean(a.Reason)}
			})
	})
	db.untold.note(time.Now(), err)
	return changed, err
}

func settleOne(ctx context.Context, t tx, c triggers.Claim, now time.Time, r triggers.Result) error {
	completed := int64(0)
	if r.State == triggers.Done || r.State == triggers.Dead {
		completed = micros(now)
	}
	var subject string
	err := t.one(ctx, `UPDATE invocations SET state = ?, attempts = attempts + 1, tries = tries + 1, due = ?, completed = ?, deadline = ?, reason = ?, output = ?
		WHERE seq = ? AND state = 'waiting' RETURNING subject`,
		[]any{string(r.State), micros(r.Due), completed, micros(r.Deadline), clean(r.Reason), textOrNull(r.Output), r.Seq}, &subject)
	waits := r.State == triggers.Waiting
	if errors.Is(err, aggregation.ErrNone) { // it was completed meanwhile, and has had this attempt all the same; or it is gone
		waits = false
		err = t.one(ctx, "UPDATE invocations SET attempts = CASE WHEN attempts < ? THEN ? ELSE attempts END WHERE seq = ? RETURNING subject",
			[]any{int64(r.Attempt.Number), int64(r.Attempt.Number), r.Seq}, &subject)
		if errors.Is(err, aggregation.ErrNone) {
			return nil
		}
	}
	switch {
	case err != nil, subject == "", c.Subscription.Sluice.Ordering == triggers.OrderingNone: // it keeps nobody
		return err
	case waits:
		return park(ctx, t, c.Subscription.ID, subject, r.Seq, micros(r.Due))
	case r.Attempt.Number <= 1: // nothing is parked behind it
		return nil
	}
	_, err = unpark(ctx, t, c.Subscription.ID, subject)
	return err
}
