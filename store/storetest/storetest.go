// Package storetest opens databases for tests and holds them against what package store promises, so that SQLite and PostgreSQL cannot
// differ in anything that a caller sees. Tests of store, and of rooms that need a real database, call it; no product code does.
package storetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice/store"
)

// local is the server that a developer's machine has.
const local = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"

// Each runs test once for each kind of database, in parallel. fresh names one that is empty and goes when the test is over; it may be
// called more than once, and opened more than once.
func Each(t *testing.T, test func(t *testing.T, fresh func() store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, func() store.Options { return SQLite(t) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database := Postgres(t)
		test(t, func() store.Options { return schema(t, database) })
	})
}

// schema makes an empty schema in a database, which is as good as a database of its own, and a hundred times as quick.
func schema(t *testing.T, database store.Options) store.Options {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := administer(t, database.URL, "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("make a schema: %v", err)
	}
	at, err := url.Parse(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	query := at.Query()
	query.Set("search_path", name)
	query.Set("synchronous_commit", "off") // no test pulls the plug of the server
	at.RawQuery = query.Encode()
	return store.Options{URL: at.String(), Keys: keys, Compile: compile}
}

// keys make the secrets of invocations.
func keys() [][]byte { return [][]byte{[]byte("a key for tests")} }

// compile reads the two filters that tests know: $.nothing, which no payload passes, and $.fails, which lets all through but the first that it is asked
// of, because it fails.
func compile(filter string) (store.Predicate, error) {
	switch filter {
	case "$.nothing":
		return func(any) (bool, func() string, error) {
			return false, func() string { return "it selects nothing" }, nil
		}, nil
	case "$.fails":
		var asked atomic.Bool
		return func(any) (bool, func() string, error) {
			if !asked.Swap(true) {
				return false, nil, errors.New("too many steps")
			}
			return true, nil, nil
		}, nil
	}
	return nil, errors.New("no test knows it")
}

// SQLite is a folder for an empty database.
func SQLite(t testing.TB) store.Options {
	t.Helper()
	return store.Options{Dir: t.TempDir(), Keys: keys, Compile: compile}
}

// Postgres makes an empty database on the server that TEST_POSTGRES names, or on this machine's. Without a server the test is skipped;
// in CI it fails.
func Postgres(t testing.TB) store.Options {
	t.Helper()
	server := cmp.Or(os.Getenv("TEST_POSTGRES"), local)
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal("TEST_POSTGRES is not a URL")
	}
	name := "sluice_test_" + strings.ToLower(rand.Text())
	// Where the server can, in a language that sorts otherwise than by bytes.
	create := "CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'"
	err = administer(t, server, create+" LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	if old := new(pgconn.PgError); errors.As(err, &old) {
		err = administer(t, server, create)
	}
	if err != nil {
		text := fmt.Sprintf("no PostgreSQL to test with: %v\nStart one, or name one in TEST_POSTGRES", err)
		if os.Getenv("CI") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	t.Cleanup(func() {
		if err := administer(t, server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	at.Path = "/" + name
	return store.Options{URL: at.String(), Keys: keys, Compile: compile}
}

// administer runs one statement on the server. Its context is not the test's, which is over when the database is dropped.
func administer(t testing.TB, server, statement string) error {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// Open opens a database for the length of a test.
func Open(t testing.TB, options store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}
