package store

import (
	"context"
	"errors"
	"math"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
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
	last, err := db.tooMany(ctx, keep.Most)
	if err != nil {
		return 0, err
	}
	for n := int64(1); n > 0 && err == nil; retired += n {
		n, err = db.retireSome(ctx, keep, last)
	}
	if err != nil {
		return retired, err
	}
	events, err := db.retireEvents(ctx, keep.Events)
	return retired + events, err
}

// tooMany is the last invocation that is over after which so many came; 0 when there is none.
func (db *DB) tooMany(ctx context.Context, most int) (last int64, err error) {
	err = db.read("count invocations", func(t tx) error {
		return t.one(ctx, "SELECT seq FROM invocations WHERE state IN ('done', 'dead') ORDER BY seq DESC LIMIT 1 OFFSET ?", []any{int64(max(0, most))}, &last)
	})
	if errors.Is(err, aggregation.ErrNone) {
		err = nil
	}
	return last, err
}

// retireSome looks for what is over outside of the transaction that drops it: SQLite lets nobody else write during one.
func (db *DB) retireSome(ctx context.Context, keep Retention, last int64) (retired int64, err error) {
	old, err := db.over(ctx, keep, last)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = db.write(ctx, "retire invocations", func(t tx) error {
		var gone []any
		err := t.each(ctx, "DELETE FROM invocations WHERE state IN ('done', 'dead') AND seq IN ("+marks(len(old))+") RETURNING seq", old, func(scan scan) error {
			var seq int64
			err := scan(&seq)
			gone = append(gone, seq)
			return err
		})
		if retired = int64(len(gone)); err != nil || retired == 0 { // all were replayed meanwhile
			return err
		}
		_, err = t.exec(ctx, "DELETE FROM attempts WHERE invocation IN ("+marks(len(gone))+")", gone...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return retired, nil
}

// overSince finds what is over for long by the index of that. Both conditions of the state are needed: by the first SQLite sees that it may.
const overSince = "SELECT seq FROM invocations WHERE state IN ('done', 'dead') AND state = ? AND completed < ? ORDER BY completed LIMIT ?"

// over are the invocations that may go, of each sort a thousand at most: those that are done for long, dead for long, and all up to last.
func (db *DB) over(ctx context.Context, keep Retention, last int64) (old []any, err error) {
	add := func(t tx, query string, args ...any) error {
		return t.each(ctx, query, append(args, int64(mostRetired)), func(scan scan) error {
			var seq int64
			err := scan(&seq)
			old = append(old, seq)
			return err
		})
	}
	err = db.read("look for what is over", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		for state, kept := range map[triggers.State]time.Duration{triggers.Done: keep.Done, triggers.Dead: keep.Dead} {
			if err := add(t, overSince, string(state), micros(now.Add(-kept))); err != nil {
				return err
			}
		}
		return add(t, "SELECT seq FROM invocations WHERE state IN ('done', 'dead') AND seq <= ? ORDER BY seq LIMIT ?", last)
	})
	return old, err
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
			n = 0
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
