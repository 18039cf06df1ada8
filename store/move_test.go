package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/internal/client"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// full is a database with something in every table that is moved.
func full(t *testing.T, db *store.DB) (open aggregation.Run) {
	t.Helper()
	ctx := t.Context()
	run := staged(t, db, 1200)
	if err := db.Commit(ctx, run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{Events: []triggers.Event{{ID: "completed"}}}); err != nil {
		t.Fatal(err)
	}
	delivered(t, db)
	c, _ := client.New("iga", []string{client.All}, time.Unix(1, 0))
	if err := db.CreateClient(ctx, c); err != nil {
		t.Fatal(err)
	}
	open = staged(t, db, 7)
	if err := db.AddPartitions(ctx, open.ID, aggregation.Partition{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	claim, err := db.Claim(ctx, aggregation.Want{Run: open.ID, Owner: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Stage(ctx, claim, store.Progress{Failures: []store.Failure{{ID: "x", Reason: "500"}}}, aggregation.Record{ID: "row"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Work(claim).Keep(ctx, aggregation.Batch{Over: "g", Rows: []aggregation.Row{{ID: "x", JSON: []byte("{}")}}, Gone: true}, aggregation.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	return open
}

// delivered has a subscription whose first invocation was sent, and one whose filter let nothing through.
func delivered(t *testing.T, db *store.DB) {
	t.Helper()
	ctx, none := t.Context(), func([]triggers.Subscription) error { return nil }
	filter := "$.nothing"
	for _, s := range []triggers.Subscription{{ID: "s", TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true}, {ID: "f", TriggerID: "t", Type: triggers.TypeHTTP, Enabled: true, Filter: &filter}} {
		if err := db.CreateSubscription(ctx, s, none); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Emit(ctx, triggers.Event{ID: "told", Type: "t", Subject: "a"}, triggers.Event{ID: "told too", Type: "t", Subject: "b"}); err != nil {
		t.Fatal(err)
	}
	claim, err := db.ClaimSubscription(ctx, "s", "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := db.NextDeliveries(ctx, claim, nil, triggers.Limit{Rows: 9, Bytes: 1 << 20})
	if err != nil || len(next) != 2 {
		t.Fatalf("deliveries: got %+v, %v, want 2", next, err)
	}
	if _, err := db.Settle(ctx, claim, []triggers.Result{{Seq: next[0].Seq, State: triggers.Done, Attempt: triggers.Attempt{Number: 1, Status: 200}}}); err != nil {
		t.Fatal(err)
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx := t.Context()
		for name, target := range map[string]store.Options{"its own kind": fresh(), "SQLite": storetest.SQLite(t), "PostgreSQL": storetest.Postgres(t)} {
			from, to := storetest.Open(t, fresh()), storetest.Open(t, target)
			open := full(t, from)
			last, whole := make(map[string][2]int64), store.MoveStep{}
			all := int64(0)
			if err := store.Move(ctx, from, to, func(s store.MoveStep) { last[s.Table], whole = [2]int64{s.Done, s.Total}, s }); err != nil {
				t.Fatalf("move to %s: %v", name, err)
			}
			for _, table := range store.Moved() {
				rows, err := from.Count(ctx, table)
				if err != nil || rows == 0 {
					t.Errorf("table %s is empty (%v): the test must fill it", table, err)
				}
				count(t, to, map[string]int64{table: rows})
				all += rows
				if last[table] != [2]int64{rows, rows} {
					t.Errorf("last progress of %s: got %v, want %d of %d", table, last[table], rows, rows)
				}
			}
			if whole.Moved != all || whole.InAll != all {
				t.Errorf("last progress of all: got %d of %d, want %d of as many", whole.Moved, whole.InAll, all)
			}
			same(t, from, to, open)
			if err := store.Move(ctx, from, to, func(store.MoveStep) {}); !errors.Is(err, store.ErrNotEmpty) {
				t.Errorf("move again: got %v, want %v", err, store.ErrNotEmpty)
			}
			if _, err := to.StartRun(ctx, people, ""); !errors.Is(err, aggregation.ErrOpenRun) {
				t.Errorf("start a run beside the one that was moved: got %v, want %v", err, aggregation.ErrOpenRun)
			}
			if err := to.Emit(ctx, triggers.Event{ID: "next"}); err != nil {
				t.Errorf("go on with the outbox: %v", err)
			}
		}
	})
}

// same holds that two databases say the same of people and their runs.
func same(t *testing.T, from, to *store.DB, run aggregation.Run) {
	t.Helper()
	ctx := t.Context()
	for name, read := range map[string]func(*store.DB) (any, error){
		"runs":       func(db *store.DB) (any, error) { return db.Runs(ctx, people, 9) },
		"partitions": func(db *store.DB) (any, error) { return db.Partitions(ctx, run.ID) },
		"events":     func(db *store.DB) (any, error) { return db.Events(ctx, 0, 9999) },
		"revision":   func(db *store.DB) (any, error) { return db.Revision(ctx, people) },
		"snapshot":   func(db *store.DB) (any, error) { return walked(db.Before(ctx, people)) },
		"staged":     func(db *store.DB) (any, error) { return walked(db.Staged(ctx, run.ID)) },
		"failures":   func(db *store.DB) (any, error) { return walked(db.Failures(ctx, run.ID)) },
	} {
		want, err1 := read(from)
		got, err2 := read(to)
		if err := errors.Join(err1, err2); err != nil {
			t.Errorf("read %s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (- of the old, + of the new):\n%s", name, diff)
		}
	}
}

func walked[T any](all func(func(T, error) bool)) (out []T, err error) {
	for value, err := range all {
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func TestMoveStops(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx := t.Context()
		from, to := storetest.Open(t, fresh()), storetest.Open(t, fresh())
		full(t, from)
		died := errors.New("died")
		err := recovered(func() error {
			return store.Move(ctx, from, to, func(s store.MoveStep) {
				if s.Table == "events" {
					panic(died)
				}
			})
		})
		if !errors.Is(err, died) {
			t.Errorf("a move that dies: got %v, want %v", err, died)
		}
		for _, table := range store.Moved() {
			count(t, to, map[string]int64{table: 0})
		}
		if err := from.Exec(ctx, "INSERT INTO river_job (kind, max_attempts, args, state) VALUES ('k', 1, '{}', 'available')"); err != nil {
			t.Fatal(err)
		}
		if err := store.Move(ctx, from, to, func(store.MoveStep) {}); !errors.Is(err, store.ErrNotDrained) {
			t.Errorf("move with a job left: got %v, want %v", err, store.ErrNotDrained)
		}
		unready := fresh()
		unready.NoMigrate = true
		wantText(t, "move to a database without tables", store.Move(ctx, from, storetest.Open(t, unready), nil), "migrate them first")
	})
}

// TestMoveKnowsAllTables: a table or a column that a migration adds must be moved too.
func TestMoveKnowsAllTables(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	columns, err := db.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]string)
	for _, name := range store.Moved() {
		got[name] = slices.Sorted(slices.Values(store.Columns(name)))
	}
	if diff := cmp.Diff(columns, got); diff != "" {
		t.Errorf("tables and columns (- in the database, + that are moved):\n%s", diff)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := storetest.Open(t, storetest.SQLite(t))
	run := full(t, db)
	dir := t.TempDir()
	path := filepath.Join(dir, "sluice.db")
	if err := db.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: got %v and %v, want a file of mode 600", info, err)
	}
	same(t, db, storetest.Open(t, store.Options{Dir: dir}), run)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "backup to a file that is there", db.Backup(ctx, path), path, "is there already; name a new file")
	if after, err := os.ReadFile(path); err != nil || len(after) < len(before) {
		t.Errorf("the file that was there: got %d bytes and %v, want %d", len(after), err, len(before))
	}
	wantText(t, "backup to no folder", db.Backup(ctx, filepath.Join(dir, "none", "x")), "the copy cannot be written")
	if err := db.Backup(ctx, dir+"/x\x00y"); err == nil {
		t.Error("backup to a name with NUL: got no error, want one")
	}
	stopped := filepath.Join(dir, "stopped")
	if err := db.Backup(cancelled(t), stopped); err == nil {
		t.Error("backup with a context that is over: got no error, want one")
	}
	if _, err := os.Stat(stopped); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a backup that was stopped: got %v, want %v", err, os.ErrNotExist)
	}
	wantText(t, "backup of PostgreSQL", storetest.Open(t, storetest.Postgres(t)).Backup(ctx, stopped), "pg_dump")
}
