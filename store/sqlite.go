package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is SQLite: one connection that writes, so that transactions stand in our queue and not in its busy loop, and some that read
// beside it, as the write-ahead log allows.
type sqliteEngine struct {
	path   string
	writer *sql.DB
	pool   *sql.DB
}

// busy is how long a process waits for another one's transaction, in milliseconds.
const busy = "10000"

func openSQLite(ctx context.Context, dir string) (engine, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	e := &sqliteEngine{path: filepath.Join(dir, "sluice.db")}
	switch err := ownFile(e.path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the data folder %s is not there; make it, or name another one with --data", dir)
	case err != nil:
		return nil, fmt.Errorf("the database cannot be written: %w; let this user write the folder, or name another one with --data", err)
	}
	if e.writer, err = sqliteDB(e.path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + busy + ")", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}, 1); err != nil {
		return nil, err
	}
	if e.pool, err = sqliteDB(e.path, url.Values{"_pragma": {"busy_timeout(" + busy + ")", "query_only(1)"}}, 4); err != nil {
		return nil, err
	}
	if err := e.writer.PingContext(ctx); err != nil {
		e.close()
		return nil, e.explain(err)
	}
	return e, nil
}

// ownFile makes a file that only this user reads, if it is not there: SQLite would make it readable for all.
func ownFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func sqliteDB(path string, query url.Values, conns int) (*sql.DB, error) {
	at := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", at.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func (e *sqliteEngine) close() {
	e.pool.Close()
	e.writer.Close() // the last to go moves the log into the file
}

func (e *sqliteEngine) where() string { return e.path }

func (e *sqliteEngine) write(ctx context.Context, work func(tx) error) error {
	t, err := e.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to undo, and before it the error is the caller's
	if err := work(sqliteTx{t, t}); err != nil {
		return err
	}
	return t.Commit()
}

func (e *sqliteEngine) reader() tx { return sqliteTx{e.pool, nil} }

// now is this machine's clock: whoever shares the file shares the machine.
func (e *sqliteEngine) now(context.Context, tx) (time.Time, error) { return time.Now().UTC(), nil }

// patient is nothing: who has the file may take the time that it takes.
func (e *sqliteEngine) patient(context.Context, tx) error { return nil }

func (e *sqliteEngine) instant() string { return strconv.FormatInt(micros(time.Now()), 10) }

func (e *sqliteEngine) hasTable(ctx context.Context, name string) (bool, error) {
	var n int64
	err := e.reader().one(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", []any{name}, &n)
	return n > 0, err
}

// inTheWay is never: transactions stand in line.
func (e *sqliteEngine) inTheWay(error) bool { return false }

// explain says what to do about an error of the disk.
func (e *sqliteEngine) explain(err error) error {
	if e.isAway(err) {
		return away{e.why(err)}
	}
	return e.why(err)
}

func (e *sqliteEngine) why(err error) error {
	var of *sqlite.Error
	if !errors.As(err, &of) {
		return err
	}
	switch of.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk of %s is full; free some space there, nothing is half written: %w", e.path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s or its folder cannot be written; let this user write both, and look whether the disk is mounted read-only: %w", e.path, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process has kept %s locked for too long; only one sluice should run on it: %w", e.path, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk of %s gives errors: %w", e.path, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s is damaged or no database; put a backup in its place: %w", e.path, err)
	}
	return err
}

// sqliteTx is a transaction, or a pool.
type sqliteTx struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
	tx *sql.Tx
}

func (t sqliteTx) native() any { return t.tx }

func (t sqliteTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	done, err := t.on.ExecContext(ctx, withoutLocks(query), args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func (t sqliteTx) one(ctx context.Context, query string, args []any, dest ...any) error {
	return only(ctx, t, query, args, dest)
}

func (t sqliteTx) each(ctx context.Context, query string, args []any, row func(scan) error) error {
	rows, err := t.on.QueryContext(ctx, withoutLocks(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
