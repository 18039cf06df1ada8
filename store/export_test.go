package store

import (
	"context"
	"fmt"
	"strings"

	"sluice/triggers"
)

// StopAt sets what happens between the steps of a commit.
func (db *DB) StopAt(step func(name string) error) { db.step = step }

// Exec runs a statement in a transaction of its own, where a test plants what cannot come about otherwise.
func (db *DB) Exec(ctx context.Context, query string, args ...any) error {
	return db.write(ctx, "plant", func(t tx) error {
		_, err := t.exec(ctx, query, args...)
		return err
	})
}

// EmitScanning emits, and says how many rows of the outbox PostgreSQL has read without an index to do so.
func (db *DB) EmitScanning(ctx context.Context, events ...triggers.Event) (rows int64, err error) {
	err = db.write(ctx, "emit", func(t tx) error {
		if err := db.emit(ctx, t, events); err != nil {
			return err
		}
		return t.one(ctx, "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE schemaname = current_schema() AND relname = 'events'", nil, &rows)
	})
	return rows, err
}

// WhileTelling does something while another transaction has told events and holds the outbox, which takes the number of changes when it is done.
func (db *DB) WhileTelling(ctx context.Context, do func(), events ...triggers.Event) error {
	return db.write(ctx, "hold the outbox", func(t tx) error {
		_, err := next(ctx, t, "event", 1)
		if err == nil {
			err = db.emit(ctx, t, events)
		}
		do()
		if err == nil {
			_, err = next(ctx, t, changes, 0)
		}
		return err
	})
}

// WhileSubscribed does something while another transaction holds a subscription.
func (db *DB) WhileSubscribed(ctx context.Context, id string, do func()) error {
	return db.write(ctx, "hold a subscription", func(t tx) error {
		_, err := t.exec(ctx, "UPDATE subscriptions SET owner = owner WHERE id = ?", id)
		do()
		return err
	})
}

// Setting is one of PostgreSQL's, for this process.
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	err = db.read("ask for a setting", func(t tx) error { return t.one(ctx, "SHOW "+name, nil, &value) })
	return value, err
}

// DeleteAlone takes a subscription away and leaves what waits for it, as a process does that dies then.
func (db *DB) DeleteAlone(ctx context.Context, id string) error {
	return db.deleteSubscription(ctx, id)
}

// Planned is how many statements like a pattern have a plan that PostgreSQL keeps, after one with a list and one without.
func (db *DB) Planned(ctx context.Context, like string) (n int64, err error) {
	err = db.write(ctx, "plan", func(t tx) error {
		if _, err := t.exec(ctx, "DELETE FROM accounts WHERE scope = ? AND id IN ("+marks(2)+")", int64(1), "a", "b"); err != nil {
			return err
		}
		if _, err := next(ctx, t, "event", 0); err != nil {
			return err
		}
		return t.one(ctx, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE ?", []any{like}, &n)
	})
	return n, err
}

// Explain is how the database would find a query's rows, if it had to avoid reading whole tables. %[1]s is now.
func (db *DB) Explain(ctx context.Context, query string, args ...any) (plan string, err error) {
	query = strings.ReplaceAll(query, "%[1]s", db.instant())
	explain := "EXPLAIN QUERY PLAN "
	err = db.write(ctx, "explain", func(t tx) error {
		if _, ok := t.(postgresTx); ok {
			explain = "EXPLAIN "
			for _, prepare := range []string{"ANALYZE invocations", "ANALYZE subscriptions", "SET LOCAL enable_seqscan = off"} {
				if _, err := t.exec(ctx, prepare); err != nil {
					return err
				}
			}
		}
		return t.each(ctx, explain+query, args, func(scan scan) error {
			var line string
			columns := []any{&line}
			if explain != "EXPLAIN " {
				columns = []any{new(any), new(any), new(any), &line}
			}
			err := scan(columns...)
			plan += line + "\n"
			return err
		})
	})
	return plan, err
}

// Queries are some that run often, with ? for each argument.
var Queries = map[string]string{
	"due":   "SELECT s.id FROM subscriptions s WHERE " + hasDue,
	"tally": talliesQuery,
	"stuck": "SELECT subject, MIN(seq), MIN(due) FROM invocations WHERE subscription = ? AND state = 'waiting' AND tries > 0 GROUP BY subject",
	"over":  overSince,
	"gone":  fmt.Sprintf(walkWaiting, "waiting"),
	"asked": fmt.Sprintf(walkWaiting, "asked"),

	"bury waiting": fmt.Sprintf(onTheWay, "waiting"),
	"bury asked":   fmt.Sprintf(onTheWay, "asked"),
	"overdue":      overdue,
	"first stuck":  firstStuck,
	"next":         wholeInvocation + isDue + firstDue,
	"next failed":  wholeInvocation + isDue + failed + firstDue,
	"again":        again(8),
	"behind":       behindOthers,
	"parked":       parked(8),
	"crowd":        countBehind(8),
	"park more":    behindHead,
	"free":         "UPDATE invocations SET due = ? WHERE " + isParked,
	"free more":    parkedBehind,
	"next test":    wholeInvocation + isDue + testsAlone + firstTests,
	"failed test":  wholeInvocation + isDue + testsAlone + failed + firstTests,
	"other test":   wholeInvocation + isDue + testsAlone + " AND i.subject NOT IN (" + marks(2) + ")" + firstTests,

	"events in use": eventsInUse,
	"of an event":   ofEvent,
}

var ofEvent = func() string {
	where, _ := conditions(triggers.Query{Event: 1})
	tail, _ := page("i.seq", false, 0)
	return wholeInvocation + where + tail
}()

// Count counts the rows of a table.
func (db *DB) Count(ctx context.Context, table string) (n int64, err error) {
	err = db.read("count", func(t tx) error { return t.one(ctx, "SELECT count(*) FROM "+table, nil, &n) })
	return n, err
}

// Full makes the disk of a SQLite database full: its file may not grow by more than some pages.
func (db *DB) Full(ctx context.Context, pages int64) error {
	e := db.engine.(*sqliteEngine)
	var now int64
	if err := e.writer.QueryRowContext(ctx, "PRAGMA page_count").Scan(&now); err != nil {
		return err
	}
	_, err := e.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", now+pages))
	return err
}

// ReadOnly makes a SQLite database one that cannot be written, as on a disk that is mounted so.
func (db *DB) ReadOnly(ctx context.Context) error {
	_, err := db.engine.(*sqliteEngine).writer.ExecContext(ctx, "PRAGMA query_only = 1")
	return err
}

// Native is a transaction as the queue will take it.
func (db *DB) Native(ctx context.Context) (native any, err error) {
	err = db.write(ctx, "native", func(t tx) error { native = t.native(); return nil })
	return native, err
}

// Moved names the tables that Move copies.
func Moved() (names []string) {
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// Columns are those of a table that Move copies.
func Columns(name string) []string {
	for _, t := range tables {
		if t.name == name {
			return t.columns
		}
	}
	return nil
}

// Schema is the sorted columns of each table of a SQLite database that Move must know.
func (db *DB) Schema(ctx context.Context) (map[string][]string, error) {
	columns := make(map[string][]string)
	err := db.read("schema", func(t tx) error {
		return t.each(ctx, `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' AND m.name NOT LIKE 'river_%' AND m.name NOT LIKE 'lease_%'
			ORDER BY 1, 2`, nil, func(scan scan) error {
			var table, column string
			err := scan(&table, &column)
			columns[table] = append(columns[table], column)
			return err
		})
	})
	return columns, err
}

// Pragma reads a setting of the connection that writes to a SQLite database.
func (db *DB) Pragma(ctx context.Context, name string) (value string, err error) {
	err = db.engine.(*sqliteEngine).writer.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}
