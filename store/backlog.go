package store

import (
	"context"

	"sluice/triggers"
)

// Backlogs tell how each subscription stands. The oldest on its way is either the first that was not tried yet, or one of those that were
// and wait to be tried again; whatever waits behind one of these is younger.
func (db *DB) Backlogs(ctx context.Context) (all []triggers.Backlog, err error) {
	err = db.read("count deliveries", func(t tx) error {
		return t.each(ctx, `SELECT s.id, s.paused,
			(SELECT count(*) FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting'),
			(SELECT count(*) FROM invocations i WHERE i.subscription = s.id AND i.state = 'dead'),
			COALESCE((SELECT i.created FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' ORDER BY i.due, i.seq LIMIT 1), 0),
			COALESCE((SELECT MIN(i.created) FROM invocations i WHERE i.subscription = s.id AND i.state = 'waiting' AND i.tries > 0), 0)
			FROM subscriptions s ORDER BY s.id`, nil, func(scan scan) error {
			var b triggers.Backlog
			var paused, fresh, tried int64
			err := scan(&b.Subscription, &paused, &b.Waiting, &b.Dead, &fresh, &tried)
			if fresh == 0 || tried != 0 && tried < fresh {
				fresh = tried
			}
			b.Paused, b.Oldest = paused != 0, fromMicros(fresh)
			all = append(all, b)
			return err
		})
	})
	return all, err
}
