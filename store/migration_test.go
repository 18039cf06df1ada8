package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice/store"
	"sluice/store/storetest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx := t.Context()
		options := fresh()
		options.NoMigrate = true
		db := storetest.Open(t, options)
		have, want, err := db.Version(ctx)
		if have != 0 || want < 3 || err != nil {
			t.Fatalf("version of an empty database: got %d of %d and %v, want 0 of 3 or more and none", have, want, err)
		}
		var group sync.WaitGroup
		for range 3 { // nodes that start at once
			group.Go(func() {
				db, err := store.Open(ctx, store.Options{Dir: options.Dir, URL: options.URL})
				if err != nil {
					t.Errorf("open and migrate: %v", err)
					return
				}
				db.Close()
			})
		}
		group.Wait()
		if err := db.Migrate(ctx); err != nil {
			t.Errorf("migrate again: got %v, want none", err)
		}
		if have, _, err := db.Version(ctx); have != want || err != nil {
			t.Errorf("version: got %d and %v, want %d and none", have, err, want)
		}
		count(t, db, map[string]int64{"river_job": 0, "lease_pulse": 1})

		if err := db.Exec(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, ?)", int64(977), true); err != nil {
			t.Fatal(err)
		}
		for _, noMigrate := range []bool{true, false} {
			options.NoMigrate = noMigrate
			_, err := store.Open(ctx, options)
			if !errors.Is(err, store.ErrNewer) {
				t.Errorf("open a newer database: got %v, want %v", err, store.ErrNewer)
			}
			wantText(t, "open a newer database", err, "its version is 977", fmt.Sprintf("up to %d", want), "run the newer sluice")
		}
	})
}

func TestNewerQueueIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		if err := db.Exec(t.Context(), "INSERT INTO river_migration (line, version) VALUES ('main', 977)"); err != nil {
			t.Fatal(err)
		}
		err := db.Migrate(t.Context())
		if !errors.Is(err, store.ErrNewer) {
			t.Errorf("migrate: got %v, want %v", err, store.ErrNewer)
		}
		wantText(t, "migrate", err, "its queue has version 977")
	})
}

// TestNative: the queue's drivers take these types and no others.
func TestNative(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		options := fresh()
		native, err := storetest.Open(t, options).Native(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, isSQL := native.(*sql.Tx)
		_, isPgx := native.(pgx.Tx)
		if isSQL != (options.URL == "") || isPgx == isSQL {
			t.Errorf("native transaction: got %T", native)
		}
	})
}
