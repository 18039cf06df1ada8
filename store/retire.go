package store

import (
	"context"
	"errors"
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
// invocation is there. It returns how many invocations and events went.
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

// retireEvents drops old events of which there is no invocation, up to the first that is young. None comes to be of an event that is there already, so
// it looks for them outside of the transactions.
func (db *DB) retireEvents(ctx context.Context, keep time.Duration) (retired int64, err error) {
	if keep <= 0 {
		return 0, nil
	}
	for after, more := int64(0), true; more; {
		var old []any
		if old, after, more, err = db.oldEvents(ctx, keep, after); err == nil && len(old) > 0 {
			var n int64
			n, err = db.dropEvents(ctx, old)
			retired += n
		}
		if err != nil {
			return retired, err
		}
	}
	return retired, nil
}

// eventsInUse reads the outbox after a number, and of each event 0 when there is no invocation. PostgreSQL would read all invocations to
// find out whether some EXISTS.
const eventsInUse = `SELECT e.seq, e.time, COALESCE((SELECT i.event FROM invocations i WHERE i.event = e.seq AND i.event > 0 LIMIT 1), 0)
	FROM events e WHERE e.seq > ? ORDER BY e.seq LIMIT ?`

// oldEvents looks at some events after a number. It returns those that may go, the last that it has looked at, and whether old ones may come after it.
func (db *DB) oldEvents(ctx context.Context, keep time.Duration, after int64) (old []any, last int64, more bool, err error) {
	err = db.read("look for old events", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		seen, young := 0, false
		err = t.each(ctx, eventsInUse, []any{after, int64(mostRetired)}, func(scan scan) error {
			var at, used int64
			err := scan(&last, &at, &used)
			seen++
			if young = young || at >= micros(now.Add(-keep)); !young && used == 0 {
				old = append(old, last)
			}
			return err
		})
		more = seen == mostRetired && !young
		return err
	})
	return old, last, more, err
}

func (db *DB) dropEvents(ctx context.Context, old []any) (dropped int64, err error) {
	err = db.write(ctx, "retire events", func(t tx) error {
		if _, err := t.exec(ctx, "DELETE FROM filtered WHERE seq IN ("+marks(len(old))+")", old...); err != nil {
			return err
		}
		dropped, err = t.exec(ctx, "DELETE FROM events WHERE seq IN ("+marks(len(old))+")", old...)
		return err
	})
	return dropped, err
}
