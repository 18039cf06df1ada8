package store

import (
	"context"

	"sluice/triggers"
)

// Tallies are what there is of each subscription's invocations, by its id. One of which there is nothing is not in it; one that was deleted
// may be, while the record of it lasts.
func (db *DB) Tallies(ctx context.Context) (tallies map[string]triggers.Tally, err error) {
	tallies = map[string]triggers.Tally{}
	err = db.read("count invocations", func(t tx) error {
		for _, count := range []struct {
			query string
			into  func(*triggers.Tally) *int64
		}{
			{"SELECT subscription, COUNT(*) FROM invocations WHERE state = 'waiting' GROUP BY subscription", func(of *triggers.Tally) *int64 { return &of.Waiting }},
			{"SELECT subscription, COUNT(*) FROM invocations WHERE state = 'asked' GROUP BY subscription", func(of *triggers.Tally) *int64 { return &of.Asked }},
			{"SELECT subscription, COUNT(*) FROM invocations WHERE state = 'dead' GROUP BY subscription", func(of *triggers.Tally) *int64 { return &of.Dead }},
			{"SELECT subscription, n FROM filtered_counts", func(of *triggers.Tally) *int64 { return &of.FilteredOut }},
		} {
			err := t.each(ctx, count.query, nil, func(scan scan) error {
				var id string
				var n int64
				err := scan(&id, &n)
				of := tallies[id]
				*count.into(&of) = n
				tallies[id] = of
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
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
