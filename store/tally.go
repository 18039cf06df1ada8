package store

import (
	"context"

	"sluice/triggers"
)

const talliesQuery = `SELECT s.id, s.paused,
	(SELECT count(*) FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting'),
	(SELECT count(*) FROM invocations i WHERE i.subscription = s.id AND i.state = 'asked'),
	(SELECT count(*) FROM invocations i WHERE i.subscription = s.id AND i.state = 'dead'),
	COALESCE((SELECT n FROM filtered_counts f WHERE f.subscription = s.id), 0),
	COALESCE((SELECT i.created FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' ORDER BY i.due, i.seq LIMIT 1), 0),
	COALESCE((SELECT MIN(i.created) FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.tries > 0), 0)
	FROM subscriptions s`

// Tallies are what there is of each subscription's invocations, by its id. The oldest that waits is either the first that was not tried yet, or
// one of those that were and wait to be tried again; whatever waits behind one of these is younger.
func (db *DB) Tallies(ctx context.Context) (tallies map[string]triggers.Tally, err error) {
	tallies = map[string]triggers.Tally{}
	err = db.read("count invocations", func(t tx) error {
		return t.each(ctx, talliesQuery, nil, func(scan scan) error {
			var id string
			var of triggers.Tally
			var paused, fresh, tried int64
			err := scan(&id, &paused, &of.Waiting, &of.Asked, &of.Dead, &of.FilteredOut, &fresh, &tried)
			if fresh == 0 || tried != 0 && tried < fresh {
				fresh = tried
			}
			of.Paused, of.Oldest = paused != 0, fromMicros(fresh)
			tallies[id] = of
			return err
		})
	})
	return tallies, err
}

// FilteredOut is how many events a subscription's filter did not let through, and the last of them, the newest first.
func (db *DB) FilteredOut(ctx context.Context, subscription string) (n int64, last []triggers.FilteredOut, err error) {
	err = db.read("read what a filter left out", func(t tx) error {
		if err := t.one(ctx, "SELECT COALESCE(MAX(n), 0) FROM filtered_counts WHERE subscription = ?", []any{subscription}, &n); err != nil {
			return err
		}
		last, err = readFilteredOut(ctx, t, "f.subscription = ? ORDER BY f.seq DESC", subscription)
		return err
	})
	return n, last, err
}

// FilteredBy are the subscriptions whose filter did not let an event through, as long as each remembers.
func (db *DB) FilteredBy(ctx context.Context, event int64) (by []triggers.FilteredOut, err error) {
	err = db.read("read who has filtered an event out", func(t tx) error {
		by, err = readFilteredOut(ctx, t, "f.seq = ? ORDER BY f.subscription", event)
		return err
	})
	return by, err
}

func readFilteredOut(ctx context.Context, t tx, where string, args ...any) (all []triggers.FilteredOut, err error) {
	err = t.each(ctx, "SELECT f.subscription, f.seq, f.reason, e.id, e.tenant, e.type, e.source, e.subject, e.time FROM filtered f JOIN events e ON e.seq = f.seq WHERE "+where,
		args, func(scan scan) error {
			var f triggers.FilteredOut
			var at int64
			err := scan(&f.Subscription, &f.Seq, &f.Reason, &f.Event.ID, &f.Event.Tenant, &f.Event.Type, &f.Event.Source, &f.Event.Subject, &at)
			f.Event.Time = fromMicros(at)
			all = append(all, f)
			return err
		})
	return all, err
}
