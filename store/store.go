// Package store keeps what must survive a restart: snapshots of accounts, runs of the aggregation with their partitions and checkpoints,
// the outbox of events, and the leases of vendors' limits. It runs on SQLite, one file in the data folder, or on PostgreSQL when several
// nodes share it. cmd opens one DB and passes it to the rooms whose interfaces it implements; nobody else imports this package, and only
// this package knows SQL.
//
// An exported method is one transaction, unless it says otherwise: it is done in whole or not at all, also when the process dies in it. An
// error of the connection says nothing of whether the transaction was done. Iterators read a page at a time and keep nothing open in
// between.
//
// # A run
//
//	StartRun ──▶ running ──Commit──▶ completed
//	               │  ▲ ▲
//	          Hold │  │ └──── failed, cancelled      MoveRun: resume
//	               ▼  │         ▲         ▲
//	              held ┘        │         │          MoveRun: approve
//	               └────────────┴─────────┘          MoveRun
//
// # A partition of it
//
//	AddPartitions ──▶ open ──Claim──▶ taken ──Finish──▶ done
//	                   ▲ ◀─Release──   │ ▲
//	                                   └─┘ Claim by another, once the lease is over
//
// Each claim has a higher generation than the one before. What an old owner still writes is refused with aggregation.ErrFenced.
package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/proxy/pace/lease"
)

var _ lease.Store = (*DB)(nil)

// Options say where the database is.
type Options struct {
	Dir       string           // a folder that is there: SQLite, in the file sluice.db
	URL       string           // postgres://…: PostgreSQL, and Dir is not used
	NoMigrate bool             // leave the tables as they are; the caller calls Migrate
	Clock     func() time.Time // for tests; nil is the database's own clock
	Sealer    Sealer           // nil: no secret is kept
	// Keys are what secrets of invocations are made by, the one in use first; nil: there are none.
	Keys func() [][]byte
	// Compile reads a subscription's filter; nil: nothing passes one.
	Compile func(filter string) (Predicate, error)
}

// DB is a database. Its methods are safe for concurrent use, by many processes too.
type DB struct {
	engine engine
	clock  func() time.Time
	sealer Sealer
	keys   func() [][]byte
	router *router
	wake   *wake
	places chan struct{}           // of those who write to the outbox
	step   func(name string) error // between the steps of a commit; tests stop there

	trouble trouble // of what aggregations keep
	untold  trouble // of events, and of what became of deliveries
}

// ErrNewer says that a newer sluice has migrated a database. Other errors that a caller may want to tell apart are those of aggregation.
var ErrNewer = errors.New("store: the database is newer than this sluice")

// Open opens the database, makes it if it is not there, and migrates it. An error says where and what to do, and holds no secret of the
// URL. A database that a newer sluice has migrated is ErrNewer.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{clock: o.Clock, sealer: o.Sealer, keys: o.Keys, router: &router{compile: o.Compile, version: -1}, wake: newWake(),
		places: make(chan struct{}, mostTelling), step: func(string) error { return nil }}
	var err error
	switch {
	case o.URL == "" && o.Dir == "":
		return nil, errors.New("open database: neither a data folder nor a database URL is given; name one with --data or database")
	case o.URL == "":
		db.engine, err = openSQLite(ctx, o.Dir)
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		db.engine, err = openPostgres(ctx, o.URL)
	default:
		return nil, errors.New("open database: its URL must begin with postgres://; leave it out for SQLite in the data folder")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if o.NoMigrate {
		err = db.refuseNewer(ctx)
	} else {
		err = db.Migrate(ctx)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// Close waits for what is under way and gives the connections back.
func (db *DB) Close() { db.engine.close() }

// Where names the database for people: a file, or host, port and name; never a secret.
func (db *DB) Where() string { return db.engine.where() }

// Ping asks whether the database answers, by one read of a table: SQLite would say yes to less without a look at its file.
func (db *DB) Ping(ctx context.Context) error {
	return db.read("ask the database", func(t tx) error {
		return t.each(ctx, "SELECT id FROM scopes LIMIT 1", nil, func(scan scan) error { return scan(new(int64)) })
	})
}

// now is the time by the clock that all nodes share.
func (db *DB) now(ctx context.Context, t tx) (time.Time, error) {
	if db.clock != nil {
		return db.clock(), nil
	}
	return db.engine.now(ctx, t)
}

// instant is now, as the tables have times, for a query that asks for it by itself: the time at which its statement begins.
func (db *DB) instant() string {
	if db.clock != nil {
		return strconv.FormatInt(micros(db.clock()), 10)
	}
	return db.engine.instant()
}

// mostTries is how often a transaction is begun that the database ends because others stood in its way.
const mostTries = 5

// write runs work in a transaction of its own. It is undone when work returns an error or panics. It may run again from its beginning, when
// two transactions wait for each other and the database has ended this one, so that what it gathers must be gathered anew.
func (db *DB) write(ctx context.Context, what string, work func(tx) error) error {
	err := db.engine.write(ctx, work)
	for n := 1; n < mostTries && ctx.Err() == nil && db.engine.inTheWay(err); n++ {
		err = db.engine.write(ctx, work)
	}
	if err == nil {
		db.trouble.succeeded(time.Now())
		return nil
	}
	explained := db.engine.explain(err)
	if explained.Error() != err.Error() { // it is of the disk or the server
		db.trouble.failed(time.Now(), explained)
	}
	return fmt.Errorf("%s: %w", what, explained)
}

// mostTelling is how many transactions of a process write to the outbox at once. The first keeps the others waiting whatever their number, as
// long as it lasts; and a commit that waits lets another connection wait, with the heartbeat of its partition. So there are two: the next
// begins as soon as the first is over, and whoever claims, settles or keeps accounts has connections left.
const mostTelling = 2

// tell is write for whoever draws numbers of events or invocations, and so may wait for as long as a commit takes: for a place, before it has
// a connection. The order of what is locked is a run, its snapshot, the counter of events, that of changes, a subscription, the counter of
// invocations, invocations; so whoever changes a subscription does not keep others while it waits.
func (db *DB) tell(ctx context.Context, what string, work func(tx) error) error {
	select {
	case db.places <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	defer func() { <-db.places }()
	err := db.write(ctx, what, work)
	db.untold.note(ctx, time.Now(), err)
	return err
}

// read runs work outside of any transaction, beside those who write.
func (db *DB) read(what string, work func(tx) error) error {
	if err := work(db.engine.reader()); err != nil {
		return fmt.Errorf("%s: %w", what, db.engine.explain(err))
	}
	return nil
}
