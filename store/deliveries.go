package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// hasDue tells of a subscription s whether it has something to deliver at a time, which stands for %[1]s: what is on its way to one that is
// enabled and not paused, and tests to any.
const hasDue = `(s.enabled = 1 AND s.paused <= %[1]s AND EXISTS (SELECT 1 FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.due <= %[1]s)
	OR EXISTS (SELECT 1 FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.due <= %[1]s AND i.test = 1))`

// Due lists the subscriptions that have something to deliver.
func (db *DB) Due(ctx context.Context) (due []triggers.Due, err error) {
	err = db.read("look for deliveries", func(t tx) error {
		query := fmt.Sprintf("SELECT s.id, CASE WHEN s.lease_until > %[1]s THEN s.owner ELSE '' END FROM subscriptions s WHERE "+hasDue, db.instant())
		return t.each(ctx, query, nil, func(scan scan) error {
			var d triggers.Due
			err := scan(&d.Subscription, &d.Owner)
			due = append(due, d)
			return err
		})
	})
	return due, err
}

// Ahead is how far the database's clock, by which things are due, is ahead of this process's.
func (db *DB) Ahead(ctx context.Context) (ahead time.Duration, err error) {
	err = db.read("ask for the time", func(t tx) error {
		asked := time.Now()
		now, err := db.now(ctx, t)
		ahead = now.Sub(asked.Add(time.Since(asked) / 2))
		return err
	})
	return ahead, err
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
	var version, until int64
	err = t.one(ctx, "UPDATE subscriptions SET lease_until = "+db.instant()+" + ? WHERE id = ? AND generation = ? RETURNING version, lease_until",
		[]any{c.Lease.Microseconds(), c.Subscription.ID, c.Generation}, &version, &until)
	if errors.Is(err, aggregation.ErrNone) {
		err = triggers.ErrLost
	}
	return fromMicros(until).Add(-c.Lease), version != c.Version, err
}

// HoldSubscription makes a claim's lease longer, and keeps how the receiver does. ErrLost: another has it, or the subscription has changed, so that it
// is to be claimed anew.
func (db *DB) HoldSubscription(ctx context.Context, c triggers.Claim) error {
	health, err := json.Marshal(versioned{c.Version, c.Health})
	if err != nil {
		return err
	}
	return db.write(ctx, "hold subscription "+c.Subscription.ID, func(t tx) error {
		n, err := t.exec(ctx, "UPDATE subscriptions SET lease_until = "+db.instant()+" + ?, health = ? WHERE id = ? AND generation = ? AND version = ?",
			c.Lease.Microseconds(), clean(string(health)), c.Subscription.ID, c.Generation, c.Version)
		if err == nil && n == 0 {
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
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return triggers.Health{}, err
	}
	if kept.Version != version {
		return triggers.Health{Worked: kept.Worked}, nil
	}
	return kept.Health, nil
}
