package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
)

// wantText wants an error with all these words in it.
func wantText(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error, want one with %q", what, words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: got %q, want %q in it", what, err, w)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	noDB := t.TempDir()
	if err := os.WriteFile(filepath.Join(noDB, "sluice.db"), []byte(strings.Repeat("no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody listens there now
	const secret = "hunter2+%26"
	for name, c := range map[string]struct {
		options store.Options
		words   []string
	}{
		"nothing":          {store.Options{}, []string{"--data", "neither"}},
		"another scheme":   {store.Options{URL: "mysql://u:" + secret + "@h/d"}, []string{"must begin with postgres://"}},
		"no URL":           {store.Options{URL: "postgres://u:" + secret + "@h:port/d"}, []string{"cannot be read", "postgres://user:password@host:5432/name"}},
		"odd setting":      {store.Options{URL: "postgres://u:" + secret + "@h/d?sslmode=" + secret}, []string{"cannot be read"}},
		"no folder":        {store.Options{Dir: "/nowhere/data"}, []string{"the data folder /nowhere/data is not there", "--data"}},
		"a file":           {store.Options{Dir: file}, []string{"cannot be written", file, "--data"}},
		"no database":      {store.Options{Dir: noDB}, []string{noDB, "is damaged or no database", "backup"}},
		"nobody listening": {store.Options{URL: "postgres://u:" + secret + "@" + listener.Addr().String() + "/d?sslmode=disable"}, []string{listener.Addr().String() + "/d cannot be used", "look whether it runs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), c.options)
			wantText(t, name, err, c.words...)
			if err != nil && (strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("the error has the password in it: %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, options := range []store.Options{{Dir: t.TempDir()}, {URL: "postgres://u@" + listener.Addr().String() + "/d"}} {
		if _, err := store.Open(ctx, options); !errors.Is(err, context.Canceled) {
			t.Errorf("open %+v with a context that is over: got %v, want %v", options, err, context.Canceled)
		}
	}
}

func TestOpenFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere; TestCommitOnReadOnlyDisk shows the same in another way")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), store.Options{Dir: dir})
	wantText(t, "open", err, dir, "cannot be written", "--data")
}

func TestOpenReadOnlyServer(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	options.URL += "&default_transaction_read_only=on"
	_, err := store.Open(t.Context(), options)
	wantText(t, "open", err, "is read-only; name the primary server")
}

func TestOpenIsForOwnersEyes(t *testing.T) {
	t.Parallel()
	options := storetest.SQLite(t)
	storetest.Open(t, options)
	for _, name := range []string{"sluice.db", "sluice.db-wal"} {
		info, err := os.Stat(filepath.Join(options.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("mode of %s: got %o, want 600", name, got)
		}
	}
}

func TestSQLiteKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		if got, err := db.Pragma(t.Context(), name); got != want || err != nil {
			t.Errorf("%s: got %s and %v, want %s", name, got, err, want)
		}
	}
}

// TestTwoNodes: two that share a database, each with connections of its own, by the database's own clock.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx := t.Context()
		options := fresh()
		nodes := []*store.DB{storetest.Open(t, options), storetest.Open(t, options)}
		run, err := nodes[0].StartRun(ctx, people, "detail")
		if err != nil {
			t.Fatal(err)
		}
		const all = 20
		for i := range all {
			if err := nodes[i%2].AddPartitions(ctx, run.ID, aggregation.Partition{Name: fmt.Sprintf("%02d", i)}); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for _, node := range nodes {
			group.Go(func() {
				for {
					claim, err := node.Claim(ctx, aggregation.Want{Run: run.ID, Owner: "a", Lease: time.Hour})
					if errors.Is(err, aggregation.ErrNone) {
						return
					}
					if err != nil || claim.Generation != 1 {
						t.Errorf("claim: got generation %d and %v, want 1 and none", claim.Generation, err)
						return
					}
					if left := time.Until(claim.LeaseUntil); left < 50*time.Minute || left > 70*time.Minute {
						t.Errorf("lease: got %v, want about an hour", left)
					}
					if err := node.Stage(ctx, claim, store.Progress{}, aggregation.Record{ID: claim.Name}, aggregation.Record{ID: "of both"}); err != nil {
						t.Errorf("stage: %v", err)
					}
				}
			})
		}
		group.Wait()
		count(t, nodes[0], map[string]int64{"staged": all + 1, "partitions WHERE state = 'taken'": all})
	})
}

// TestFilesAreOnesOwn: nobody else on the machine reads what is in the data folder.
func TestFilesAreOnesOwn(t *testing.T) {
	t.Parallel()
	options := storetest.SQLite(t)
	db := storetest.Open(t, options)
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("ping: got %v, want none", err)
	}
	files, err := os.ReadDir(options.Dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files: got %v, %v, want the database and its lock", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, %v, want 0600", file.Name(), info.Mode(), err)
		}
	}
	db.Close()
	if err := db.Ping(t.Context()); err == nil {
		t.Error("ping of a database that is closed: got no error, want one")
	}
}
