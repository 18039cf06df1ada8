package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresEngine is PostgreSQL. Reads have connections of their own: a commit reads pages of accounts while it writes, and if all commits
// took their pages from the pool that they stand in, enough of them at once would wait for each other forever.
type postgresEngine struct {
	at     string // host:port/name
	writer *pgxpool.Pool
	pool   *pgxpool.Pool
}

// Connections of a node. The server's default is 100 for all.
const (
	writerConns = 6
	readerConns = 4
	watchConns  = 1
)

// dial is how long to wait for a server that does not answer, unless the URL says otherwise.
const dial = 10 * time.Second

// silent is how long a process may hold a transaction, and with it rows that others wait for, and say nothing: it is stopped, or its machine is gone,
// of which the server would hear hours later. It is shorter than the lease of a subscription.
const silent = 15 * time.Second

// manners are the statements by which the server gives a silent process up, but for what the database's URL says itself. They are no parameters of the
// start of a connection, which poolers refuse. What is silent for long and is meant to be says so by patient, and what works here for long speaks. https://www.postgresql.org/docs/current/runtime-config-connection.html
func manners(said map[string]string) string {
	const ms, third = int64(silent / time.Millisecond), int64(silent / 3 / time.Second)
	var b strings.Builder
	options := strings.ToLower(strings.ReplaceAll(said["options"], "-", "_")) // --a-b=1 is -c a_b=1
	for _, one := range []struct {
		name  string
		value int64
	}{
		{"idle_in_transaction_session_timeout", ms}, {"tcp_user_timeout", ms},
		{"tcp_keepalives_idle", third}, {"tcp_keepalives_interval", third}, {"tcp_keepalives_count", 2},
	} {
		if _, is := said[one.name]; !is && !strings.Contains(options, one.name) {
			fmt.Fprintf(&b, "SET %s = %d;", one.name, one.value)
		}
	}
	return b.String()
}

func openPostgres(ctx context.Context, address string) (engine, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil { // whose text could hold the password
		return nil, errors.New("the database URL cannot be read; it looks like postgres://user:password@host:5432/name, with special characters of the password as %XX")
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = dial
	}
	c := config.ConnConfig
	ours := manners(c.RuntimeParams)
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return conn.PgConn().Exec(ctx, ours).Close() }
	e := &postgresEngine{at: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database}
	config.MaxConns = writerConns
	if e.writer, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, e.unreachable(ctx, err, c.Password)
	}
	config = config.Copy()
	config.MaxConns = readerConns
	if e.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		e.writer.Close()
		return nil, e.unreachable(ctx, err, c.Password)
	}
	if err := e.writer.Ping(ctx); err != nil {
		e.close()
		return nil, e.unreachable(ctx, err, c.Password)
	}
	return e, nil
}

// unreachable says that there is no connection, in pgx's words without the password.
func (e *postgresEngine) unreachable(ctx context.Context, err error, password string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("PostgreSQL at %s: %w", e.at, ctx.Err())
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if password != "" {
		for _, secret := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return fmt.Errorf("PostgreSQL at %s cannot be used: %s; look whether it runs, and at the user, password and name in the URL", e.at, text)
}

func (e *postgresEngine) close() {
	e.pool.Close()
	e.writer.Close()
}

func (e *postgresEngine) where() string { return e.at }

func (e *postgresEngine) write(ctx context.Context, work func(tx) error) error {
	return pgx.BeginFunc(ctx, e.writer, func(t pgx.Tx) error { return work(postgresTx{t, t}) })
}

func (e *postgresEngine) reader() tx { return postgresTx{e.pool, nil} }

func (e *postgresEngine) now(ctx context.Context, t tx) (time.Time, error) {
	var us int64
	err := t.one(ctx, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)", nil, &us)
	return fromMicros(us), err
}

func (e *postgresEngine) patient(ctx context.Context, t tx) error {
	_, err := t.exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
	return err
}

// instant is the same within a statement, which an index needs.
func (e *postgresEngine) instant() string {
	return "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)"
}

func (e *postgresEngine) hasTable(ctx context.Context, name string) (found bool, err error) {
	err = e.reader().one(ctx, "SELECT to_regclass(?) IS NOT NULL", []any{name}, &found)
	return found, err
}

// inTheWay: a deadlock, or a failed serialization.
func (e *postgresEngine) inTheWay(err error) bool {
	var of *pgconn.PgError
	return errors.As(err, &of) && (of.Code == "40P01" || of.Code == "40001")
}

// explain says what to do about an error of the server.
func (e *postgresEngine) explain(err error) error {
	if e.isAway(err) {
		return away{e.why(err)}
	}
	return e.why(err)
}

func (e *postgresEngine) why(err error) error {
	var of *pgconn.PgError
	var away *net.OpError
	switch {
	case errors.As(err, &of):
	case errors.As(err, &away):
		return fmt.Errorf("PostgreSQL at %s does not answer; look whether it runs: %w", e.at, err)
	default:
		return err
	}
	switch of.Code {
	case "53100":
		return fmt.Errorf("the disk of PostgreSQL at %s is full; free some space there, nothing is half written: %w", e.at, err)
	case "53300":
		return fmt.Errorf("PostgreSQL at %s has no connection left; raise max_connections, a node takes %d: %w", e.at, writerConns+readerConns+watchConns, err)
	case "25006":
		return fmt.Errorf("PostgreSQL at %s is read-only; name the primary server in the configuration: %w", e.at, err)
	case "42501":
		return fmt.Errorf("PostgreSQL at %s does not let this user do that; make it the owner of the database: %w", e.at, err)
	}
	return err
}

func (e *postgresEngine) backup(context.Context, string) error {
	return fmt.Errorf("PostgreSQL at %s is backed up by its own tools; run pg_dump", e.at)
}

// postgresTx is a transaction, or a pool.
type postgresTx struct {
	on interface {
		Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	}
	tx pgx.Tx
}

// lists are in queries about many rows that are named one by one.
var lists = []string{" IN (?", "FROM (VALUES ("}

// planned has queries with a list planned each time that they run. The server keeps the plan of others after the fifth time; one from when a
// table was small reads all of it, for each list, however large it has grown. To plan everything anew would cost a fifth of all deliveries.
func planned(query string, args []any) []any {
	for _, list := range lists {
		if strings.Contains(query, list) {
			return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
		}
	}
	return args
}

func (t postgresTx) native() any { return t.tx }

func (t postgresTx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.on.Exec(ctx, numbered(query), planned(query, args)...)
	return tag.RowsAffected(), err
}

func (t postgresTx) one(ctx context.Context, query string, args []any, dest ...any) error {
	return only(ctx, t, query, args, dest)
}

func (t postgresTx) each(ctx context.Context, query string, args []any, row func(scan) error) error {
	rows, err := t.on.Query(ctx, numbered(query), planned(query, args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	rows.Close()
	return rows.Err()
}
