package store

import (
	"context"
	"time"
)

// mostChanged is how many invocations one transaction changes where there may be very many. SQLite has one writer, for which another process
// waits for ten seconds and no longer; and in PostgreSQL whoever settles waits for the rows.
const mostChanged = 1000

// steps change very many invocations, some in a transaction. The whole is not done at once: whoever reads meanwhile sees a part of it, and a process
// that dies leaves one.
type steps struct {
	what string
	// find reads the numbers of the next ones, at most mostChanged, outside of the transaction.
	find func(t tx) (found []any, err error)
	// change changes those of them that have not become others meanwhile.
	change func(t tx, found []any) (changed int64, err error)
	// done is called after each transaction that has changed some; nil: nothing is.
	done func()
}

// bySteps returns how many were changed, with an error too. Half of the time is that of others: a process that waits for SQLite's writer only looks
// now and then whether it is free.
func (db *DB) bySteps(ctx context.Context, s steps) (changed int64, err error) {
	for {
		var found []any
		err := db.read(s.what, func(t tx) (err error) { found, err = s.find(t); return err })
		if err != nil || len(found) == 0 {
			return changed, err
		}
		var n int64
		began := time.Now()
		if err := db.write(ctx, s.what, func(t tx) (err error) { n, err = s.change(t, found); return err }); err != nil {
			return changed, err
		}
		if changed += n; n > 0 && s.done != nil {
			s.done()
		}
		if len(found) < mostChanged {
			return changed, nil
		}
		pause(ctx, min(time.Since(began), time.Second))
	}
}

// numbers are the only column of a query's rows.
func numbers(ctx context.Context, t tx, query string, args ...any) (all []any, err error) {
	err = t.each(ctx, query, args, func(scan scan) error {
		var n int64
		err := scan(&n)
		all = append(all, n)
		return err
	})
	return all, err
}

func pause(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
