package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNotEmpty and ErrNotDrained are why a database is not moved. Runs under way are no reason: they move along. Jobs of other kinds than
// theirs would be lost, because only those of partitions are made again.
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
	{"subscriptions", 1, []string{"id", "trigger_id", "name", "enabled", "paused", "doc", "sealed", "version", "created_seq", "owner", "lease_until", "generation", "health"}},
	{"invocations", 1, []string{"seq", "id", "subscription", "trigger_id", "subject", "event", "test", "data", "content", "state", "attempts", "tries", "due", "created", "completed",
		"deadline", "reason", "output", "fault"}},
	{"attempts", 2, []string{"invocation", "n", "time", "took", "status", "answer", "outcome", "reason"}},
	{"filtered_counts", 1, []string{"subscription", "n"}},
	{"filtered", 2, []string{"subscription", "seq", "reason"}},
	{"clients", 1, []string{"id", "name", "hash", "scopes", "created", "revoked"}},
	{"events", 1, []string{"seq", "id", "tenant", "type", "source", "subject", "time", "data"}},
}

// Move copies all tables from one database into another, an empty one of the same version, and verifies the counts. It is one transaction
// of the new database, which is either whole or still empty afterwards, and one of the old, which nobody may use meanwhile: a SQLite
// file is locked, and with PostgreSQL the caller has stopped all nodes. Leases and jobs are not copied: those of partitions are made
// again by the new database's sweep. ErrNotEmpty and ErrNotDrained: nothing was copied. progress, if it is not nil, is called after each
// batch, and once for a table without rows.
func Move(ctx context.Context, from, to *DB, progress func(MoveStep)) error {
	if err := sameVersion(ctx, from, to); err != nil {
		return err
	}
	return from.write(ctx, "move from "+from.Where(), func(source tx) error {
		if err := from.engine.patient(ctx, source); err != nil { // it waits for the other
			return err
		}
		var jobs int64
		err := source.one(ctx, "SELECT count(*) FROM river_job WHERE kind <> '"+jobKind+"' AND state NOT IN ('completed', 'cancelled', 'discarded')", nil, &jobs)
		if err != nil {
			return err
		}
		if jobs > 0 {
			return fmt.Errorf("%w: %d", ErrNotDrained, jobs)
		}
		return to.write(ctx, "move to "+to.Where(), func(target tx) error {
			if err := to.engine.patient(ctx, target); err != nil {
				return err
			}
			return moveAll(ctx, source, target, progress)
		})
	})
}

// MoveStep is how far a move is.
type MoveStep struct {
	Table        string
	Done, Total  int64 // rows of the table
	Moved, InAll int64 // rows of all tables
}

// moveAll counts all tables before it copies the first, so that how far it is can be said of the whole.
func moveAll(ctx context.Context, source, target tx, progress func(MoveStep)) error {
	totals, step := make([]int64, len(tables)), MoveStep{}
	for i, table := range tables {
		var there int64
		if err := errors.Join(table.count(ctx, target, &there), table.count(ctx, source, &totals[i])); err != nil {
			return err
		}
		if there > 0 {
			return fmt.Errorf("table %s: %w: it has %d rows", table.name, ErrNotEmpty, there)
		}
		step.InAll += totals[i]
	}
	for i, table := range tables {
		step.Table, step.Done, step.Total = table.name, 0, totals[i]
		err := table.move(ctx, source, target, func(rows int) {
			step.Done, step.Moved = step.Done+int64(rows), step.Moved+int64(rows)
			if progress != nil {
				progress(step)
			}
		})
		if err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	return nil
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

func (b table) count(ctx context.Context, t tx, rows *int64) error {
	return t.one(ctx, "SELECT count(*) FROM "+b.name, nil, rows)
}

// move copies a table. copied hears of each batch, and of one of no rows where there is none.
func (b table) move(ctx context.Context, source, target tx, copied func(rows int)) error {
	done := int64(0)
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
		copied(len(rows))
	}
	if done == 0 {
		copied(0)
	}
	var got, still int64
	if err := errors.Join(b.count(ctx, target, &got), b.count(ctx, source, &still)); err != nil {
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
