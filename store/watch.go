package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Watch rings the bell when another process may have written something to deliver, until ctx ends or the database does not answer any more.
// Without it what others have written is found by looking.
func (db *DB) Watch(ctx context.Context) error {
	err := db.engine.watch(ctx, db.wake.tell)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return db.engine.explain(err)
}

// watchEvery is how often SQLite is asked whether its file has changed. The question costs microseconds, and reads no table.
const watchEvery = 10 * time.Millisecond

// watch looks at a number that changes with each transaction of another connection: https://www.sqlite.org/pragma.html#pragma_data_version
func (e *sqliteEngine) watch(ctx context.Context, ring func()) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last, now int64
	for {
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&now); err != nil {
			return err
		}
		if now != last {
			last = now
			ring()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify is nothing: whoever watches sees that the file has changed.
func (e *sqliteEngine) notify(context.Context, tx) error { return nil }

// channel is what nodes hear each other by.
const channel = "sluice_deliveries"

// watch listens on a connection of its own, because one of a pool would be lent to others.
func (e *postgresEngine) watch(ctx context.Context, ring func()) error {
	conn, err := pgx.ConnectConfig(ctx, e.writer.Config().ConnConfig.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server notices either way
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		ring() // first: something may have been written before it listened
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// notify tells the nodes that listen, once the transaction is over.
func (e *postgresEngine) notify(ctx context.Context, t tx) error {
	_, err := t.exec(ctx, "SELECT pg_notify(?, '')", channel)
	return err
}
