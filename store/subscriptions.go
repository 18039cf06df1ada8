package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"sluice/aggregation"
	"sluice/triggers"
)

// Sealer keeps secrets unreadable in the database. of is whose they are, so that a sealed text is good in its own row alone.
type Sealer interface {
	Seal(plain []byte, of string) (sealed string, err error)
	Open(sealed, of string) (plain []byte, err error)
}

// ErrUnsealed says that a subscription has secrets, and there is no key to seal them with.
var ErrUnsealed = errors.New("store: there is no key to seal secrets with")

// changes is the counter that grows when a subscription is made, deleted or changed by anybody but a circuit, so that whoever has read who is sent
// what knows when to read again.
const changes = "subscription changes"

// Subscriptions are all subscriptions, without their secrets, in the order in which they were made.
func (db *DB) Subscriptions(ctx context.Context) (all []triggers.Subscription, err error) {
	err = db.read("read subscriptions", func(t tx) error {
		all, err = subscriptions(ctx, t)
		return err
	})
	return all, err
}

func subscriptions(ctx context.Context, t tx) (all []triggers.Subscription, err error) {
	err = t.each(ctx, "SELECT doc FROM subscriptions ORDER BY created_seq, id", nil, func(scan scan) error {
		var doc string
		var s triggers.Subscription
		if err := scan(&doc); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(doc), &s)
		all = append(all, s)
		return err
	})
	return all, err
}

// Subscription is one subscription with its secrets; ErrNone when there is none.
func (db *DB) Subscription(ctx context.Context, id string) (s triggers.Subscription, err error) {
	err = db.read("read subscription "+id, func(t tx) error {
		s, err = db.subscription(ctx, t, id, "")
		return err
	})
	return s, err
}

// subscription reads one row; lock is "" or a lock.
func (db *DB) subscription(ctx context.Context, t tx, id, lock string) (s triggers.Subscription, err error) {
	var doc, sealed string
	if err := t.one(ctx, "SELECT doc, sealed FROM subscriptions WHERE id = ?"+lock, []any{id}, &doc, &sealed); err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(doc), &s); err != nil {
		return s, err
	}
	if sealed == "" {
		return s, nil
	}
	if db.sealer == nil {
		return s, ErrUnsealed
	}
	plain, err := db.sealer.Open(sealed, "subscription/"+id)
	if err != nil {
		return s, fmt.Errorf("subscription %s: %w (%w)", id, triggers.ErrKey, err)
	}
	var secrets map[string]string
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return s, fmt.Errorf("secrets of subscription %s: %w", id, err)
	}
	s.PutSecrets(secrets)
	return s, nil
}

// sealed parts a subscription into what is kept as it is and its sealed secrets.
func (db *DB) sealed(s triggers.Subscription) (doc, secrets string, err error) {
	shown, err := s.Clone()
	if err != nil {
		return "", "", err
	}
	taken := shown.TakeSecrets()
	text, err := json.Marshal(shown)
	if err != nil || len(taken) == 0 {
		return string(text), "", err
	}
	if db.sealer == nil {
		return "", "", ErrUnsealed
	}
	plain, err := json.Marshal(taken)
	if err != nil {
		return "", "", err
	}
	secrets, err = db.sealer.Seal(plain, "subscription/"+s.ID)
	return string(text), secrets, err
}

// CreateSubscription keeps a new subscription. allowed is asked with all that are there, while no other can be made.
func (db *DB) CreateSubscription(ctx context.Context, s triggers.Subscription, allowed func(others []triggers.Subscription) error) error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	return db.tell(ctx, "create a subscription", func(t tx) error {
		created, err := next(ctx, t, "event", 1)
		if err != nil {
			return err
		}
		if _, err := next(ctx, t, changes, 1); err != nil { // nobody else makes one until this is over
			return err
		}
		others, err := subscriptions(ctx, t)
		if err != nil {
			return err
		}
		if err := allowed(others); err != nil {
			return err
		}
		doc, secrets, err := db.sealed(s)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO subscriptions (id, trigger_id, name, enabled, paused, doc, sealed, version, created_seq, owner, lease_until, generation)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, '', 0, 0)`,
			s.ID, s.TriggerID, clean(s.Name), bit(s.Enabled), pausedUntil(s.Sluice.Paused), doc, secrets, created)
		return err
	})
}

// ChangeSubscription lets change change the stored subscription, secrets included, and keeps what comes of it. ErrNone when there is none. Where events
// of a subject need not go one after the other any more, those that waited for others are due.
func (db *DB) ChangeSubscription(ctx context.Context, id string, change func(s *triggers.Subscription, others []triggers.Subscription) error) (s triggers.Subscription, err error) {
	err = db.write(ctx, "change subscription "+id, func(t tx) error {
		if _, err := next(ctx, t, changes, 1); err != nil {
			return err
		}
		if s, err = db.subscription(ctx, t, id, " FOR UPDATE"); err != nil {
			return err
		}
		others, err := subscriptions(ctx, t)
		if err != nil {
			return err
		}
		others = slices.DeleteFunc(others, func(o triggers.Subscription) bool { return o.ID == id })
		if err := change(&s, others); err != nil {
			return err
		}
		return db.keepSubscription(ctx, t, s)
	})
	if err != nil {
		return s, err
	}
	db.wake.tell()
	if s.Sluice.Ordering == triggers.OrderingNone {
		err = db.freeAll(ctx, id)
	}
	return s, err
}

// freeAll makes due what waits for others of its subject.
func (db *DB) freeAll(ctx context.Context, subscription string) error {
	_, err := db.bySteps(ctx, steps{
		what: "free what waits for its subject",
		find: func(t tx) ([]any, error) {
			return numbers(ctx, t, behindOthers, subscription, atOnce, int64(mostChanged))
		},
		change: func(t tx, found []any) (int64, error) {
			n, err := t.exec(ctx, "UPDATE invocations SET due = ? WHERE COALESCE(state, '') = 'waiting' AND tries = 0 AND seq IN ("+marks(len(found))+")",
				append([]any{atOnce}, found...)...)
			if err == nil && n > 0 {
				err = db.engine.notify(ctx, t)
			}
			return n, err
		},
		done: db.wake.tell,
	})
	if err != nil {
		err = fmt.Errorf("the subscription is changed, and some events still wait for others of their subject; change it once more: %w", err)
	}
	return err
}

// behindOthers finds what waits for others of its subject.
const behindOthers = "SELECT seq FROM invocations WHERE subscription = ? AND state = 'waiting' AND due > ? AND tries = 0 LIMIT ?"

// PauseSubscription puts what change makes of a claimed subscription's pause, and tells events of it in the same transaction, none where the pause
// stays. Who is sent what does not depend on it, so that routes stay as they are. ErrLost: another has the claim, or the subscription has changed.
func (db *DB) PauseSubscription(ctx context.Context, c triggers.Claim, change func(now *triggers.Pause) *triggers.Pause, events ...triggers.Event) error {
	id, write := c.Subscription.ID, db.write
	if len(events) > 0 {
		write = db.tell
	}
	err := write(ctx, "pause subscription "+id, func(t tx) error {
		if len(events) > 0 { // the counter comes before the subscription
			if _, err := next(ctx, t, "event", 0); err != nil {
				return err
			}
		}
		s, err := db.subscription(ctx, t, id, " FOR UPDATE")
		if errors.Is(err, aggregation.ErrNone) {
			return triggers.ErrLost
		}
		if err == nil {
			err = unchanged(ctx, t, c)
		}
		if err != nil {
			return err
		}
		then := change(s.Sluice.Paused)
		if then == s.Sluice.Paused {
			return nil
		}
		s.Sluice.Paused = then
		if err := db.keepSubscription(ctx, t, s); err != nil || len(events) == 0 {
			return err
		}
		return db.emit(ctx, t, events)
	})
	if err == nil {
		db.wake.tell()
	}
	return err
}

// keepSubscription writes a subscription that was changed.
func (db *DB) keepSubscription(ctx context.Context, t tx, s triggers.Subscription) error {
	doc, secrets, err := db.sealed(s)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "UPDATE subscriptions SET name = ?, enabled = ?, paused = ?, doc = ?, sealed = ?, version = version + 1 WHERE id = ?",
		clean(s.Name), bit(s.Enabled), pausedUntil(s.Sluice.Paused), doc, secrets, s.ID)
	if err != nil {
		return err
	}
	return db.engine.notify(ctx, t) // it may be resumed
}

// DeleteSubscription takes a subscription away. From then on nothing is sent to it. What was on its way is dead soon after, a thousand at a time while
// others tell of events, and its record stays as long as others do. Where that ends before all of it is, Expire does the rest: the subscription is
// gone, so it is no error.
func (db *DB) DeleteSubscription(ctx context.Context, id string) error {
	err := db.deleteSubscription(ctx, id)
	if err == nil {
		_, _ = db.bury(ctx, id)
	}
	return err
}

// deleteSubscription takes away the subscription and its traces.
func (db *DB) deleteSubscription(ctx context.Context, id string) error {
	return db.tell(ctx, "delete subscription "+id, func(t tx) error {
		if _, err := next(ctx, t, "event", 0); err != nil { // whoever is telling it something is seen
			return err
		}
		if _, err := next(ctx, t, changes, 1); err != nil {
			return err
		}
		n, err := t.exec(ctx, "DELETE FROM subscriptions WHERE id = ?", id)
		if err != nil {
			return err
		}
		if n == 0 {
			return aggregation.ErrNone
		}
		for _, traces := range []string{"filtered", "filtered_counts"} {
			if _, err := t.exec(ctx, "DELETE FROM "+traces+" WHERE subscription = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// pausedUntil is a pause as the table has it: 0 for none, and the end of days for one that has no end.
func pausedUntil(p *triggers.Pause) int64 {
	switch {
	case p == nil:
		return 0
	case p.Until.IsZero():
		return math.MaxInt64
	}
	return micros(p.Until)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
