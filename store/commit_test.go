package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

var people = aggregation.Scope{Connection: "acme", Resource: "people"}

// staged is a run with n accounts read, whose partition is done.
func staged(t *testing.T, db *store.DB, n int) aggregation.Run {
	t.Helper()
	ctx := t.Context()
	run, err := db.StartRun(ctx, people, "detail")
	if err == nil {
		err = db.AddPartitions(ctx, run.ID, aggregation.Partition{Name: "all"})
	}
	if err != nil {
		t.Fatal(err)
	}
	claim, err := db.Claim(ctx, aggregation.Want{Run: run.ID, Owner: "a", Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var records []aggregation.Record
	for i := range n {
		records = append(records, aggregation.Record{ID: fmt.Sprintf("%06d", i), Account: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), RowHash: "h", ReadAt: time.UnixMicro(1)})
	}
	if err := errors.Join(db.Stage(ctx, claim, store.Progress{}, records...), db.Finish(ctx, claim)); err != nil {
		t.Fatal(err)
	}
	return run
}

// facts are those of what was staged, an event each, whose ids begin with a word.
func facts(t testing.TB, db *store.DB, run aggregation.RunID, word string) func(yield func(aggregation.Fact, error) bool) {
	return func(yield func(aggregation.Fact, error) bool) {
		for r, err := range db.Staged(t.Context(), run) {
			f := aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Created, ID: r.ID, After: r.Account}, Events: []triggers.Event{{ID: word + r.ID}}}
			if !yield(f, err) {
				return
			}
		}
	}
}

// TestCommitStops: a commit that is stopped between any two steps, by an error or a panic, has done nothing, and can be done again.
func TestCommitStops(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		run := staged(t, db, 150)
		steps := 0
		commit := func() error {
			return db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{Events: []triggers.Event{{ID: "completed"}}})
		}
		killed := errors.New("killed")
		for stop := 0; ; stop++ {
			for name, die := range map[string]func() error{
				"error": func() error { return killed },
				"panic": func() error { panic(killed) },
			} {
				steps = 0
				at := ""
				db.StopAt(func(step string) error {
					if steps++; steps <= stop {
						return nil
					}
					at = step
					return die()
				})
				if err := recovered(commit); at != "" && !errors.Is(err, killed) {
					t.Errorf("%s %s: got %v, want %v", name, at, err, killed)
				}
				if at == "" { // past the last step
					if steps != 6 {
						t.Errorf("steps of a commit: got %d, want 6", steps)
					}
					count(t, db, map[string]int64{"accounts": 150, "events": 151, "runs WHERE state = 'completed'": 1, "scopes WHERE revision = 1": 1})
					return
				}
				count(t, db, map[string]int64{"accounts": 0, "events": 0, "runs WHERE state = 'completed'": 0, "scopes WHERE revision = 0": 1})
			}
		}
	})
}

func recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	return f()
}

func count(t *testing.T, db *store.DB, want map[string]int64) {
	t.Helper()
	for table, rows := range want {
		if got, err := db.Count(t.Context(), table); got != rows || err != nil {
			t.Errorf("rows of %s: got %d and %v, want %d and none", table, got, err, rows)
		}
	}
}

// TestCommitKeepsOthersOut: while a commit is under way, nobody adds to its run.
func TestCommitKeepsOthersOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		run := staged(t, db, 1)
		added := make(chan error, 1)
		db.StopAt(func(step string) error {
			if step == "before revision" {
				go func() { added <- db.AddPartitions(t.Context(), run.ID, aggregation.Partition{Name: "late"}) }()
				select {
				case err := <-added:
					t.Errorf("add a partition beside a commit: got %v at once, want it to wait", err)
				case <-time.After(200 * time.Millisecond): // long enough for it to have read the run's state
				}
			}
			return nil
		})
		if err := db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{}); err != nil {
			t.Fatal(err)
		}
		if err := <-added; !errors.Is(err, aggregation.ErrState) {
			t.Errorf("add a partition beside a commit: got %v, want %v", err, aggregation.ErrState)
		}
	})
}

func TestCommitOnFullDisk(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	run := staged(t, db, 3000)
	if err := db.Full(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	commit := func() error {
		return db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{})
	}
	wantText(t, "commit on a full disk", commit(), "the disk of", "sluice.db is full; free some space there")
	count(t, db, map[string]int64{"accounts": 0, "events": 0, "runs WHERE state = 'running'": 1, "scopes WHERE revision = 0": 1, "staged": 3000})
	if err := db.Full(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if err := commit(); err != nil {
		t.Errorf("commit when there is space: got %v, want none", err)
	}
	count(t, db, map[string]int64{"accounts": 3000, "events": 3000})
}

func TestCommitOnReadOnlyDisk(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	run := staged(t, db, 1)
	if err := db.ReadOnly(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{})
	wantText(t, "commit on a read-only disk", err, "cannot be written; let this user write both")
	count(t, db, map[string]int64{"accounts": 0, "events": 0, "runs WHERE state = 'running'": 1})
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestCommitTakesHashesOfAll: however many accounts a run has read, each comes to have the row and the time with which it was read last, the
// new ones and those that are as they were.
func TestCommitTakesHashesOfAll(t *testing.T) {
	t.Parallel()
	const accounts = 2*2000 + 1 // whole ranges and a rest
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		run := staged(t, db, accounts)
		if err := db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{}); err != nil {
			t.Fatal(err)
		}
		hashes(t, db, accounts, "h")
		if err := db.Exec(t.Context(), "UPDATE accounts SET row_hash = 'old'"); err != nil {
			t.Fatal(err)
		}
		run = staged(t, db, accounts)
		if err := db.Commit(t.Context(), run.ID, 1, func(func(aggregation.Fact, error) bool) {}, aggregation.Closing{}); err != nil {
			t.Fatal(err)
		}
		hashes(t, db, accounts, "h")
	})
}

// hashes makes sure that all accounts of the snapshot have a row hash.
func hashes(t *testing.T, db *store.DB, want int, hash string) {
	t.Helper()
	got := 0
	for r, err := range db.Before(t.Context(), people) {
		if err != nil {
			t.Fatal(err)
		}
		if r.RowHash != hash || !r.ReadAt.Equal(time.UnixMicro(1)) {
			t.Fatalf("account %s: got row hash %q, read at %v, want %q and as it was read", r.ID, r.RowHash, r.ReadAt, hash)
		}
		got++
	}
	if got != want {
		t.Errorf("accounts: got %d, want %d", got, want)
	}
}
