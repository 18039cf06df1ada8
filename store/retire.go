package store

import (
	"context"
	"math"
	"time"
)

// Retention says how long the record is kept of what is over.
type Retention struct {
	Done, Dead time.Duration // since its end
	Most       int           // invocations that are over, of all subscriptions together
	Events     time.Duration // events of the outbox, since they happened; 0: for good
}

// mostRetired is how many rows go in one transaction.
const mostRetired = 1000

// Retire drops the record of what is over for long, a thousand invocations at a time, with their attempts, and then old events of which no
// invocation is left. It returns how many invocations and events went.
func (db *DB) Retire(ctx context.Context, keep Retention) (retired int64, err error) {
	var oldest int64 // too many came after it
	err = db.read("count invocations", func(t tx) error {
		return t.one(ctx, `SELECT COALESCE(MAX(seq), 0) FROM (SELECT seq FROM invocations WHERE state IN ('done', 'dead') ORDER BY seq DESC LIMIT 1 OFFSET ?) AS o`,
			[]any{int64(max(0, keep.Most))}, &oldest)
	})
	if err != nil {
		return 0, err
	}
	for {
		var n int64
		err := db.write(ctx, "retire invocations", func(t tx) error {
			now, err := db.now(ctx, t)
			if err != nil {
				return err
			}
			var old []any
			err = t.each(ctx, `SELECT seq FROM invocations WHERE state = 'done' AND (completed < ? OR seq <= ?) OR state = 'dead' AND (completed < ? OR seq <= ?) ORDER BY seq LIMIT ?`,
				[]any{micros(now.Add(-keep.Done)), oldest, micros(now.Add(-keep.Dead)), oldest, int64(mostRetired)}, func(scan scan) error {
					var seq int64
					err := scan(&seq)
					old = append(old, seq)
					return err
				})
			if err != nil || len(old) == 0 {
				return err
			}
			n = int64(len(old))
			if _, err := t.exec(ctx, "DELETE FROM attempts WHERE invocation IN ("+marks(len(old))+")", old...); err != nil {
				return err
			}
			_, err = t.exec(ctx, "DELETE FROM invocations WHERE seq IN ("+marks(len(old))+")", old...)
			return err
		})
		if err != nil {
			return retired, err
		}
		retired += n
		if n == 0 {
			break
		}
	}
	events, err := db.retireEvents(ctx, keep.Events)
	return retired + events, err
}

// retireEvents drops the oldest events, up to the first that is young or that an invocation is of.
func (db *DB) retireEvents(ctx context.Context, keep time.Duration) (retired int64, err error) {
	if keep <= 0 {
		return 0, nil
	}
	var needed int64 // by an invocation; those that come later are of later events
	err = db.read("find needed events", func(t tx) error {
		return t.one(ctx, "SELECT COALESCE(MIN(event), ?) FROM invocations WHERE event > 0", []any{int64(math.MaxInt64)}, &needed)
	})
	for err == nil {
		var n int64
		err = db.write(ctx, "retire events", func(t tx) error {
			now, err := db.now(ctx, t)
			if err != nil {
				return err
			}
			last, young := int64(0), false
			err = t.each(ctx, "SELECT seq, time FROM events WHERE seq < ? ORDER BY seq LIMIT ?", []any{needed, int64(mostRetired)}, func(scan scan) error {
				var seq, at int64
				err := scan(&seq, &at)
				if young = young || at >= micros(now.Add(-keep)); !young {
					last = seq
				}
				return err
			})
			if err != nil || last == 0 {
				return err
			}
			if _, err := t.exec(ctx, "DELETE FROM filtered WHERE seq <= ?", last); err != nil {
				return err
			}
			n, err = t.exec(ctx, "DELETE FROM events WHERE seq <= ?", last)
			return err
		})
		if retired += n; n < mostRetired {
			break
		}
	}
	return retired, err
}
