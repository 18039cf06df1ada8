package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTrouble(t *testing.T) {
	t.Parallel()
	full, at := errors.New("full"), time.Unix(1_800_000_000, 0)
	var tr trouble
	tell := func(what string, after time.Duration, want bool) {
		t.Helper()
		if err := tr.lasts(at.Add(after), time.Minute); (err != nil) != want || want && !errors.Is(err, full) {
			t.Errorf("%s: got %v, want an error: %v", what, err, want)
		}
	}
	tell("nothing", time.Hour, false)
	tr.failed(at, full)
	tell("not long", 59*time.Second, false)
	tell("long, and nothing was tried", 61*time.Second, true)
	tr.succeeded(at.Add(10 * time.Second))
	tell("something else was written since", time.Hour, false)
	tr.failed(at.Add(61*time.Second), full)
	tell("again and again", 61*time.Second, true)
	tr.succeeded(at.Add(62 * time.Second))
	tell("something else was written in between", time.Hour, true)
	tr.kept()
	tell("kept", time.Hour, false)
	tr.failed(at.Add(time.Hour), full)
	tell("anew", time.Hour, false)
}

// An error of the disk counts, one of ours does not.
func TestTroubleIsOfTheDisk(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ours := errors.New("ours")
	if err := db.write(t.Context(), "ours", func(tx) error { return ours }); !errors.Is(err, ours) || db.Unwritten(0) != nil {
		t.Errorf("ours: got %v and trouble %v, want it and none", err, db.Unwritten(0))
	}
	err = db.write(t.Context(), "full", func(on tx) error {
		if _, err := on.native().(*sql.Tx).ExecContext(context.Background(), "PRAGMA max_page_count = 1"); err != nil {
			return err
		}
		for {
			if _, err := on.exec(t.Context(), "INSERT INTO counters (name, n) VALUES (hex(randomblob(4000)), 1)"); err != nil {
				return err
			}
		}
	})
	if trouble := db.Unwritten(0); err == nil || trouble == nil || !strings.Contains(trouble.Error(), "is full; free some space") {
		t.Errorf("full: got %v and trouble %v, want both to tell of a full disk", err, trouble)
	}
}
