package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sluice/aggregation"
)

// What may be well again later is told apart from what will not.
func TestAway(t *testing.T) {
	t.Parallel()
	code := func(code string) error { return fmt.Errorf("begin: %w", &pgconn.PgError{Code: code}) }
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"refused":        {fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")}), true},
		"broken off":     {fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), true},
		"closed":         {fmt.Errorf("write: %w", pgconn.ErrConnClosed), true},
		"silent":         {&pgconn.PgError{Code: "25P03"}, true},
		"no place":       {fmt.Errorf("acquire: %w", context.DeadlineExceeded), true},
		"shut down":      {code("57P01"), true},
		"crashed":        {code("57P02"), true},
		"starting":       {code("57P03"), true},
		"connections":    {code("53300"), true},
		"the disk":       {code("53100"), true},
		"the connection": {code("08006"), true},
		"a constraint":   {code("23505"), false},
		"rights":         {code("42501"), false},
		"the client":     {context.Canceled, false},
		"none":           {aggregation.ErrNone, false},
	} {
		got := (&postgresEngine{at: "db:5432/x"}).explain(c.err)
		if errors.Is(got, aggregation.ErrAway) != c.want || !errors.Is(got, c.err) {
			t.Errorf("%s: got %v, want it away: %v, and the cause in it", name, got, c.want)
		}
	}
}

func TestPostgresThatIsAway(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	db := &DB{engine: &postgresEngine{at: "127.0.0.1:1/none", pool: pool, writer: pool}}
	if err := db.Ping(t.Context()); !errors.Is(err, aggregation.ErrAway) {
		t.Errorf("read: got %v, want %v", err, aggregation.ErrAway)
	}
	if err := db.write(t.Context(), "write", func(tx) error { return nil }); !errors.Is(err, aggregation.ErrAway) {
		t.Errorf("write: got %v, want %v", err, aggregation.ErrAway)
	}
}

func TestSQLiteThatIsFull(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.write(t.Context(), "write", func(t tx) error {
		if _, err := t.exec(context.Background(), "PRAGMA max_page_count = 1"); err != nil {
			return err
		}
		_, err := t.exec(context.Background(), "CREATE TABLE more AS SELECT zeroblob(10000000) AS n")
		return err
	})
	if !errors.Is(err, aggregation.ErrAway) {
		t.Errorf("full: got %v, want %v", err, aggregation.ErrAway)
	}
	err = db.write(t.Context(), "write", func(t tx) error { _, err := t.exec(context.Background(), "nonsense"); return err })
	if err == nil || errors.Is(err, aggregation.ErrAway) {
		t.Errorf("nonsense: got %v, want an error, and not %v", err, aggregation.ErrAway)
	}
}
