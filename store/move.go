package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNotEmpty and ErrNotDrained are why a database is not moved.
var (
	ErrNotEmpty   = errors.New("store: the new database is not empty")
	ErrNotDrained = errors.New("store: the old database has jobs that are not over")
)

// table is what Move copies: all columns, those of the key first.
type table struct {
	name    string
	keys    int
	columns []string
}

// tables are ours, each after those that it refers to. Leases are left out: their times are by the old database's clock, and a store that
// begins its life is as careful as it must be (see package lease).
var tables = []table{
	{"counters", 1, []string{"name", "n"}},
	{"scopes", 1, []string{"id", "connection", "resource", "revision"}},
	{"accounts", 2, []string{"scope", "id", "account", "row_hash", "read_at"}},
	{"runs", 1, []string{"id", "scope", "plan", "retry_of", "approved", "state", "started", "completed", "counts", "errors", "warnings", "note"}},
	{"partitions", 2, []string{"run", "name", "state", "spec", "checkpoint", "done", "total", "owner", "lease_until", "generation", "tries", "reason", "calls", "held", "job"}},
	{"listed", 4, []string{"run", "step", "over_id", "n", "id", "doc"}},
	{"staged", 2, []string{"run", "id", "account", "row_hash", "read_at", "doc", "pending"}},
	{"warnings", 2, []string{"run", "text"}},
	{"failures", 2, []string{"run", "id", "reason", "at"}},
	{"events", 1, []string{"seq", "id", "tenant", "type", "source", "subject", "time", "data"}},
}

// Move copies all tables from one database into another, an empty one of the same version, and verifies the counts. It is one transaction
// of the new database, which is either whole or still empty afterwards, and one of the old, which nobody may use meanwhile: a SQLite
// file is locked, and with PostgreSQL the caller has stopped all nodes. Leases and jobs are not copied:
// those of partitions are made again by the new database's sweep;
// ErrNotDrained when a job is left. progress, if it is not nil, is
// called after each batch.
func Move(ctx context.Context, from, to *DB, progress func(table string, done, total int64)) error {
	if err := sameVersion(ctx, from, to); err != nil {
		return err
	}
	return from.write(ctx, "move from "+from.Where(), func(source tx) error {
		var jobs int64
		err := source.one(ctx, "SELECT count(*) FROM river_job WHERE kind <> '"+jobKind+"' AND state NOT IN ('completed', 'cancelled', 'discarded')", nil, &jobs)
		if err != nil {
			return err
		}
		if jobs > 0 {
			return fmt.Errorf("%w: %d", ErrNotDrained, jobs)
		}
		return to.write(ctx, "move to "+to.Where(), func(target tx) error {
			for _, table := range tables {
				if err := table.move(ctx, source, target, progress); err != nil {
					return fmt.Errorf("table %s: %w", table.name, err)
				}
			}
			return nil
		})
	})
}

func sameVersion(ctx context.Context, from, to *DB) error {
	old, want, err := from.Version(ctx)
	if err != nil {
		return err
	}
	fresh, _, err := to.Version(ctx)
	if err != nil {
		return err
	}
	if old != want || fresh != want {
		return fmt.Errorf("move: the databases have the versions %d and %d, and must both have %d; migrate them first", old, fresh, want)
	}
	return nil
}

// mostMoved is how many rows of a table are in memory at once.
const mostMoved = 500

func (b table) move(ctx context.Context, source, target tx, progress func(string, int64, int64)) error {
	count := "SELECT count(*) FROM " + b.name
	var total, done int64
	if err := target.one(ctx, count, nil, &done); err != nil {
		return err
	}
	if done > 0 {
		return fmt.Errorf("%w: it has %d rows", ErrNotEmpty, done)
	}
	if err := source.one(ctx, count, nil, &total); err != nil {
		return err
	}
	for after := []any(nil); ; {
		rows, err := b.page(ctx, source, after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := insert(ctx, target, "INSERT INTO "+b.name+" ("+strings.Join(b.columns, ", ")+")", "", rows, func(row []any) []any { return row }); err != nil {
			return err
		}
		after = rows[len(rows)-1][:b.keys]
		done += int64(len(rows))
		if progress != nil {
			progress(b.name, done, total)
		}
	}
	var got, still int64
	if err := errors.Join(target.one(ctx, count, nil, &got), source.one(ctx, count, nil, &still)); err != nil {
		return err
	}
	if got != still || got != done {
		return fmt.Errorf("the new one has %d rows, the old one %d, and %d were copied; stop all nodes and move again", got, still, done)
	}
	return nil
}

// page reads the rows after a key.
func (b table) page(ctx context.Context, source tx, after []any) (rows [][]any, err error) {
	keys := strings.Join(b.columns[:b.keys], ", ")
	where := ""
	if after != nil {
		where = " WHERE (" + keys + ") > (" + marks(b.keys) + ")"
	}
	query := "SELECT " + strings.Join(b.columns, ", ") + " FROM " + b.name + where + " ORDER BY " + keys + " LIMIT ?"
	err = source.each(ctx, query, append(after[:len(after):len(after)], int64(mostMoved)), func(scan scan) error {
		row := make([]any, len(b.columns))
		dest := make([]any, len(row))
		for i := range row {
			dest[i] = &row[i]
		}
		rows = append(rows, row)
		return scan(dest...)
	})
	return rows, err
}
