package store

import (
	"context"
	"fmt"

	"sluice/triggers"
)

// Expire ends the wait for answers whose deadline is over, and all wait for subscriptions that are gone, and returns how many those are. It is a
// transaction for each thousand.
func (db *DB) Expire(ctx context.Context) (expired int64, err error) {
	expired, err = db.bySteps(ctx, steps{
		what: "expire invocations",
		find: func(t tx) ([]any, error) {
			now, err := db.now(ctx, t)
			if err != nil {
				return nil, err
			}
			return numbers(ctx, t, overdue, micros(now), int64(mostChanged))
		},
		change: func(t tx, found []any) (int64, error) {
			return db.kill(ctx, t, "nobody completed it before its deadline", triggers.Asked, found)
		},
	})
	if err != nil {
		return expired, err
	}
	gone, err := db.goneSubscriptions(ctx)
	for _, id := range gone {
		if err == nil {
			var n int64
			n, err = db.bury(ctx, id)
			expired += n
		}
	}
	return expired, err
}

// overdue finds what was not completed before its deadline, which stays the same until it is over.
const overdue = "SELECT seq FROM invocations WHERE state = 'asked' AND deadline <= ? LIMIT ?"

// onTheWay finds what is on its way to a subscription, of one state, by the index of what is in it.
const onTheWay = "SELECT seq FROM invocations WHERE subscription = ? AND state = '%s' LIMIT ?"

// bury makes dead what is on its way to a subscription that is gone, and returns how many those are. No id is that of another subscription later.
func (db *DB) bury(ctx context.Context, id string) (buried int64, err error) {
	for _, state := range []triggers.State{triggers.Waiting, triggers.Asked} {
		n, err := db.bySteps(ctx, steps{
			what: "end deliveries to a deleted subscription",
			find: func(t tx) ([]any, error) {
				return numbers(ctx, t, fmt.Sprintf(onTheWay, state), id, int64(mostChanged))
			},
			change: func(t tx, found []any) (int64, error) {
				return db.kill(ctx, t, "its subscription was deleted", state, found)
			},
		})
		if buried += n; err != nil {
			return buried, err
		}
	}
	return buried, nil
}

// kill makes invocations dead that are still in a state. COALESCE is there as in Settle.
func (db *DB) kill(ctx context.Context, t tx, reason string, still triggers.State, found []any) (killed int64, err error) {
	now, err := db.now(ctx, t)
	if err != nil {
		return 0, err
	}
	return t.exec(ctx, "UPDATE invocations SET state = 'dead', completed = ?, reason = ? WHERE COALESCE(state, '') = ? AND seq IN ("+marks(len(found))+")",
		append([]any{micros(now), reason, string(still)}, found...)...)
}

// walkWaiting finds the subscriptions in an index of what waits, by one look for each however much waits for it.
const walkWaiting = `WITH RECURSIVE w (id) AS (SELECT MIN(subscription) FROM invocations WHERE state = '%[1]s'
	UNION ALL SELECT (SELECT MIN(i.subscription) FROM invocations i WHERE i.state = '%[1]s' AND i.subscription > w.id) FROM w WHERE w.id IS NOT NULL)
	SELECT id FROM w WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = w.id)`

// goneSubscriptions are those that something still waits for: it was replayed or tested while they were deleted, or who deleted them did not come to
// the end of it.
func (db *DB) goneSubscriptions(ctx context.Context) (gone []string, err error) {
	err = db.read("look for deleted subscriptions", func(t tx) error {
		for _, state := range []triggers.State{triggers.Waiting, triggers.Asked} {
			if err := t.each(ctx, fmt.Sprintf(walkWaiting, state), nil, func(scan scan) error {
				var id string
				err := scan(&id)
				gone = append(gone, id)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return gone, err
}
