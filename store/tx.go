package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"sluice/aggregation"
)

// tx is a transaction of either database, or its pool for single reads. Queries are written once, in what both understand, with ? for each
// argument and PostgreSQL's row locks at the end; SQLite, which has one writer, leaves those out. Arguments and columns are int64, string
// and nil; []byte will do to scan a text that may be null.
type tx interface {
	exec(ctx context.Context, query string, args ...any) (rows int64, err error)
	// one scans the only row into dest; ErrNone when there is no row.
	one(ctx context.Context, query string, args []any, dest ...any) error
	// each calls row for each row. row scans, and does nothing else with the transaction.
	each(ctx context.Context, query string, args []any, row func(scan scan) error) error
	// native is the *sql.Tx or pgx.Tx, for the queue, which inserts its jobs into our transaction; nil for a pool.
	native() any
}

// scan copies the columns of the current row.
type scan func(dest ...any) error

// engine is what the two databases do each in its own way.
type engine interface {
	write(ctx context.Context, work func(tx) error) error
	reader() tx
	now(ctx context.Context, t tx) (time.Time, error)
	instant() string
	// patient lets a transaction be silent for ever.
	patient(ctx context.Context, t tx) error
	migrate(ctx context.Context, under func(context.Context, migrator) error) error
	hasTable(ctx context.Context, name string) (bool, error)
	enqueue(ctx context.Context, t tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
	worker(config *river.Config) (queueClient, error)
	explain(err error) error
	// inTheWay tells whether a transaction was ended for the sake of another one, and may well be done when it is tried again.
	inTheWay(err error) bool
	where() string
	backup(ctx context.Context, path string) error
	// watch rings when another process may have written something to deliver; notify is what that one does in its transaction.
	watch(ctx context.Context, ring func()) error
	notify(ctx context.Context, t tx) error
	close()
}

// numbered writes ? as $1, $2 and so on. No query of ours has a ? in a literal.
func numbered(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 32)
	n := 0
	for part, rest, found := strings.Cut(query, "?"); ; part, rest, found = strings.Cut(rest, "?") {
		b.WriteString(part)
		if !found {
			return b.String()
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
}

// rowLocks are at the end of a query; r is the row that is locked where a query joins it with others.
var rowLocks = []string{" FOR UPDATE SKIP LOCKED", " FOR UPDATE OF r", " FOR UPDATE", " FOR SHARE OF r", " FOR SHARE"}

func withoutLocks(query string) string {
	for _, lock := range rowLocks {
		if rest, found := strings.CutSuffix(query, lock); found {
			return rest
		}
	}
	return query
}

// mostRows is how many rows one statement names at most: few enough for either database's bound on arguments.
const mostRows = 100

// insert writes items with one statement for each hundred: head, a group of ? for each item, tail.
func insert[T any](ctx context.Context, t tx, head, tail string, items []T, row func(T) []any) error {
	for len(items) > 0 {
		n := min(len(items), mostRows)
		var args []any
		for _, item := range items[:n] {
			args = append(args, row(item)...)
		}
		if _, err := t.exec(ctx, head+" VALUES "+groups(n, len(args)/n)+tail, args...); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// marks is "?, ?, ?" for n arguments.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// pageOf is how many rows a query reads that does not say.
const pageOf = 250

// page is the end of a query that reads so many rows in the order of a column, and its argument.
func page(column string, newest bool, limit int) (tail string, most int64) {
	tail = " ORDER BY " + column
	if newest {
		tail += " DESC"
	}
	if limit <= 0 {
		limit = pageOf
	}
	return tail + " LIMIT ?", int64(limit)
}

// groups is "(?, ?), (?, ?)" for n rows of so many columns.
func groups(n, columns int) string {
	return strings.TrimSuffix(strings.Repeat("("+marks(columns)+"), ", n), ", ")
}

// Types of values.
const (
	bigint = "BIGINT"
	text   = "TEXT"
)

// values is a table v of n rows, with columns column1, column2 and so on. The first row's types are those of all: PostgreSQL takes for text what
// it knows nothing of.
func values(n int, types ...string) string {
	first := "(CAST(? AS " + strings.Join(types, "), CAST(? AS ") + "))"
	if n > 1 {
		first += ", " + groups(n-1, len(types))
	}
	return "(VALUES " + first + ") AS v"
}

// next draws n numbers of a counter and returns the last. Whoever draws later waits until this transaction is over, so numbers become
// visible in their order.
func next(ctx context.Context, t tx, counter string, n int) (last int64, err error) {
	err = t.one(ctx, "INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = counters.n + excluded.n RETURNING n",
		[]any{counter, int64(n)}, &last)
	return last, err
}

// micros is a time as the tables have it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// textOrNull is JSON as the tables have it.
func textOrNull(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return string(raw)
}

// clean makes text for people, which may come from a vendor, what both databases keep.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// checkID refuses what one of the databases could not keep or compare: PostgreSQL has no text with a NUL or a byte that is not UTF-8.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("an id is empty")
	case !utf8.ValidString(id) || strings.Contains(id, "\x00"):
		return fmt.Errorf("id %q is not text that a database keeps (UTF-8 without NUL)", id)
	}
	return nil
}

// only scans the row that a query finds; ErrNone when there is none.
func only(ctx context.Context, t tx, query string, args, dest []any) error {
	found := false
	err := t.each(ctx, query, args, func(scan scan) error { found = true; return scan(dest...) })
	if err == nil && !found {
		return aggregation.ErrNone
	}
	return err
}
