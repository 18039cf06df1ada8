package store

import (
	"context"
	"errors"

	"sluice/aggregation"
	"sluice/triggers"
)

// GivenUp is the reason of what an operator has abandoned.
const GivenUp = "an operator gave it up"

// Abandon makes invocations dead that are on their way, or whose answer is waited for, and lets go what is parked behind them. It returns how many
// those are. Whoever is sending one keeps the attempt in its record, and nothing more.
func (db *DB) Abandon(ctx context.Context, ids ...string) (abandoned int64, err error) {
	err = db.thinned(ctx, "abandon invocations", func(t tx, whole bool) error {
		abandoned = 0
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		freed := int64(0)
		for _, id := range ids {
			var subscription string
			var over head
			err := t.one(ctx, "UPDATE invocations SET state = 'dead', completed = ?, reason = ? WHERE id = ? AND state IN ('waiting', 'asked') RETURNING subscription, subject, seq",
				[]any{micros(now), GivenUp, id}, &subscription, &over.subject, &over.seq)
			if errors.Is(err, aggregation.ErrNone) {
				continue
			}
			if err != nil {
				return err
			}
			abandoned++
			n, err := unpark(ctx, t, subscription, over, whole)
			if err != nil {
				return err
			}
			freed += n
		}
		if freed == 0 {
			return nil
		}
		return db.engine.notify(ctx, t)
	})
	if err != nil {
		return 0, err
	}
	if abandoned > 0 {
		db.wake.tell()
	}
	return abandoned, nil
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
