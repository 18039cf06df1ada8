package store

import (
	"context"
	"errors"

	"sluice/aggregation"
	"sluice/triggers"
)

// GivenUp is the reason of what an operator has abandoned.
const GivenUp = "an operator gave it up"

// Abandon makes invocations dead that are on their way, or whose answer is waited for, and lets go what is parked behind them, one after the other. It
// returns how many those are, with an error too. Whoever is sending one keeps the attempt in its record, and nothing more.
func (db *DB) Abandon(ctx context.Context, ids ...string) (abandoned int64, err error) {
	for _, id := range ids {
		was := false
		err = db.thinned(ctx, "abandon invocation "+id, func(t tx, whole bool) (err error) {
			was, err = db.abandon(ctx, t, id, whole)
			return err
		})
		if err != nil {
			break
		}
		if was {
			abandoned++
		}
	}
	if abandoned > 0 {
		db.wake.tell()
	}
	return abandoned, err
}

// abandon tells whether one was abandoned; whole frees whatever is behind it at once.
func (db *DB) abandon(ctx context.Context, t tx, id string, whole bool) (was bool, err error) {
	now, err := db.now(ctx, t)
	if err != nil {
		return false, err
	}
	var subscription string
	var over head
	err = t.one(ctx, "UPDATE invocations SET state = 'dead', completed = ?, reason = ? WHERE id = ? AND state IN ('waiting', 'asked') RETURNING subscription, subject, seq",
		[]any{micros(now), GivenUp, id}, &subscription, &over.subject, &over.seq)
	if errors.Is(err, aggregation.ErrNone) {
		return false, nil
	}
	if err == nil {
		_, err = unpark(ctx, t, subscription, over, whole)
	}
	if err == nil {
		err = db.engine.notify(ctx, t) // what was behind it may have been freed before
	}
	return err == nil, err
}

// Behind is the id of what an invocation waits behind, which is the first of its subject that has failed and is to be sent again; "" where it waits
// behind none.
func (db *DB) Behind(ctx context.Context, i triggers.Invocation) (id string, err error) {
	if i.State != triggers.Waiting || i.Tries > 0 || i.Due.IsZero() {
		return "", nil
	}
	err = db.read("look what an invocation waits behind", func(t tx) error {
		err := t.one(ctx, firstStuck, []any{i.Subscription, i.Event.Subject, i.Seq}, &id)
		if errors.Is(err, aggregation.ErrNone) { // it was settled meanwhile
			return nil
		}
		return err
	})
	return id, err
}

const firstStuck = "SELECT id FROM invocations WHERE subscription = ? AND subject = ? AND state = 'waiting' AND tries > 0 AND seq < ? ORDER BY seq LIMIT 1"
