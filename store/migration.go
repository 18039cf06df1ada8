package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// schema has a file for each version: in common where both databases understand it, else in the folder of one. They go forward only: who
// wants to go back puts the backup from before in place.
//
//go:embed schema
var schema embed.FS

// versions is the table in which goose notes what it has done.
const versions = "goose_db_version"

// migrator migrates one database: our tables, and the queue's.
type migrator struct {
	dialect goose.Dialect
	db      *sql.DB
	files   layers
	queue   func(ctx context.Context, have int64) error // from the version that the queue's tables have
}

// Migrate brings the tables to this binary's version, one node at a time: others wait. It is safe to call again. ErrNewer: a newer sluice
// has been here. Each version is a transaction of its own, so one that fails leaves those before it.
func (db *DB) Migrate(ctx context.Context) error {
	err := db.engine.migrate(ctx, func(ctx context.Context, m migrator) error {
		if err := db.refuseNewer(ctx); err != nil {
			return err
		}
		provider, err := goose.NewProvider(m.dialect, m.db, m.files,
			goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
		if err != nil {
			return err
		}
		if _, err := provider.Up(ctx); err != nil {
			return err
		}
		queue, err := db.highest(ctx, "river_migration", "SELECT COALESCE(MAX(version), 0) FROM river_migration")
		if err != nil {
			return err
		}
		if err := m.queue(ctx, queue); err != nil {
			return err
		}
		return db.engine.write(ctx, func(t tx) error { return db.bear(ctx, t) })
	})
	if err != nil {
		return fmt.Errorf("migrate %s: %w", db.Where(), db.engine.explain(err))
	}
	return nil
}

// Version says which version the tables have, 0 being none, and which one this binary makes of them.
func (db *DB) Version(ctx context.Context) (have, want int64, err error) {
	if want, err = newest(); err != nil {
		return 0, 0, err
	}
	have, err = db.highest(ctx, versions, "SELECT COALESCE(MAX(version_id), 0) FROM "+versions+" WHERE is_applied")
	return have, want, err
}

// highest is the version that a table of versions holds, 0 if there is no such table.
func (db *DB) highest(ctx context.Context, table, query string) (version int64, err error) {
	found, err := db.engine.hasTable(ctx, table)
	if err != nil {
		return 0, fmt.Errorf("read the version: %w", db.engine.explain(err))
	}
	if found {
		err = db.read("read the version", func(t tx) error { return t.one(ctx, query, nil, &version) })
	}
	return version, err
}

func (db *DB) refuseNewer(ctx context.Context) error {
	have, want, err := db.Version(ctx)
	if err == nil && have > want {
		err = fmt.Errorf("%w: its version is %d, and this one knows versions up to %d; run the newer sluice, or put a backup from before in place", ErrNewer, have, want)
	}
	return err
}

// newest is the highest version of all files.
func newest() (last int64, err error) {
	files, err := fs.Glob(schema, "schema/*/*.sql")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return 0, err
		}
		last = max(last, version)
	}
	return last, nil
}

// migrate holds the write lock of a small database beside ours: goose and the queue begin transactions of their own, and SQLite has no
// other lock that outlives one. The lock ends with the process.
func (e *sqliteEngine) migrate(ctx context.Context, under func(context.Context, migrator) error) error {
	lock := &sqliteEngine{path: filepath.Join(filepath.Dir(e.path), "sluice.lock")}
	err := ownFile(lock.path)
	if err != nil {
		return err
	}
	if lock.writer, err = sqliteDB(lock.path, map[string][]string{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(60000)"}}, 1); err != nil {
		return err
	}
	defer lock.writer.Close()
	return lock.write(ctx, func(tx) error {
		return under(ctx, migrator{goose.DialectSQLite3, e.writer, layersFor("sqlite"), func(ctx context.Context, have int64) error {
			return migrateQueue(ctx, have, riversqlite.New(e.writer))
		}})
	})
}

// advisory names our lock among those of the database. Any number would do, but the same for all versions.
const advisory = 0x736c75696365 // "sluice"

func (e *postgresEngine) migrate(ctx context.Context, under func(context.Context, migrator) error) error {
	return e.write(ctx, func(t tx) error { // a lock of the transaction, which ends with the connection at the latest
		if err := e.patient(ctx, t); err != nil { // others do the work
			return err
		}
		if _, err := t.exec(ctx, "SELECT pg_advisory_xact_lock(?)", int64(advisory)); err != nil {
			return err
		}
		db := stdlib.OpenDBFromPool(e.writer)
		defer db.Close()
		return under(ctx, migrator{goose.DialectPostgres, db, layersFor("postgres"), func(ctx context.Context, have int64) error {
			return migrateQueue(ctx, have, riverpgxv5.New(e.writer))
		}})
	})
}

// migrateQueue brings the tables of River to the version that is linked.
func migrateQueue[T any](ctx context.Context, have int64, driver riverdriver.Driver[T]) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	all := m.AllVersions()
	if want := int64(all[len(all)-1].Version); have > want {
		return fmt.Errorf("%w: its queue has version %d, and this one knows versions up to %d; run the newer sluice", ErrNewer, have, want)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	return nil
}

// layers are folders that look like one. A folder of which nothing is embedded is empty.
type layers []string

func layersFor(dialect string) layers { return layers{"schema/common", "schema/" + dialect} }

// Open implements fs.FS.
func (l layers) Open(name string) (file fs.File, err error) {
	for _, dir := range l {
		if file, err = schema.Open(dir + "/" + name); err == nil {
			return file, nil
		}
	}
	return nil, err
}

// ReadDir implements fs.ReadDirFS.
func (l layers) ReadDir(string) (all []fs.DirEntry, err error) {
	for _, dir := range l {
		entries, err := schema.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}
