package main

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sluice/aggregation"
	"sluice/configs"
	"sluice/connectors"
	"sluice/store"
)

// TestScheduledRuns: two processes on one database begin one run when it is due, none while the one before is not over, and none for what was due
// before they looked.
func TestScheduledRuns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 2, 29, 58, 0, time.UTC)
	db, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml": {Data: []byte(`connections:
  tdx:
    connector: teamdynamix
    base_url: https://acme.teamdynamix.com/TDWebApi
    aggregation: {schedules: [{cron: "30 * * * *", resources: [people, groups]}]}
`)},
		"connectors/teamdynamix.yaml": {Data: mustRead(t, configs.FS, "connectors/teamdynamix.yaml")},
	}, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	log := &strings.Builder{}
	begin := func(ctx context.Context, scope aggregation.Scope, _ string) (aggregation.Run, error) {
		return db.StartRun(ctx, scope, "detail", aggregation.Partition{Name: aggregation.ListPartition})
	}
	var both []*scheduler
	for range 2 {
		both = append(both, &scheduler{
			db: db, set: func() *connectors.Set { return set }, start: begin, log: slog.New(slog.NewTextHandler(log, nil)), looked: now,
		})
	}
	look := func(at time.Time, want int) {
		t.Helper()
		for now.Before(at) {
			now = now.Add(lookAtSchedules)
			for _, s := range both {
				s.look(t.Context(), now)
			}
		}
		runs, err := db.Runs(t.Context(), aggregation.Scope{}, 50)
		if err != nil || len(runs) != want {
			t.Errorf("runs at %s: got %d (%v), want %d\n%s", now.Format(time.TimeOnly), len(runs), err, want, log)
		}
	}
	look(time.Date(2026, 11, 26, 2, 29, 59, 0, time.UTC), 2)
	look(time.Date(2026, 11, 26, 3, 29, 50, 0, time.UTC), 2)
	if err := db.MoveRun(t.Context(), 1, aggregation.Cancelled, "for a test"); err != nil {
		t.Fatal(err)
	}
	look(time.Date(2026, 11, 26, 3, 31, 0, 0, time.UTC), 3)
	if said := log.String(); strings.Count(said, "left out") == 0 {
		t.Errorf("the run before was not over, and nobody says so:\n%s", said)
	}
}

func mustRead(t *testing.T, fsys fs.FS, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
