package main

import (
	"context"
	"errors"
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

// TestScheduledRunsOfADatabaseThatIsAway: a run that could not be begun is begun once the database is back, under the time at which it was
// due; when the next one is due first, that one alone is begun.
func TestScheduledRunsOfADatabaseThatIsAway(t *testing.T) {
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
    aggregation: {schedules: [{cron: "30 * * * *", resources: [people]}]}
`)},
		"connectors/teamdynamix.yaml": {Data: mustRead(t, configs.FS, "connectors/teamdynamix.yaml")},
	}, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	away, begun := true, 0
	log := &strings.Builder{}
	s := &scheduler{
		db: db, set: func() *connectors.Set { return set }, log: slog.New(slog.NewTextHandler(log, nil)), looked: now,
		start: func(context.Context, aggregation.Scope, string) (aggregation.Run, error) {
			if away {
				return aggregation.Run{}, errors.New("the database is away")
			}
			begun++
			return aggregation.Run{}, nil
		},
	}
	for _, step := range []struct {
		until time.Time
		away  bool
		begun int
	}{
		{time.Date(2026, 11, 26, 2, 31, 0, 0, time.UTC), true, 0},
		{time.Date(2026, 11, 26, 2, 32, 0, 0, time.UTC), false, 1},
		{time.Date(2026, 11, 26, 3, 29, 50, 0, time.UTC), false, 1},
		{time.Date(2026, 11, 26, 4, 30, 20, 0, time.UTC), true, 1},
		{time.Date(2026, 11, 26, 4, 31, 0, 0, time.UTC), false, 2},
	} {
		away = step.away
		for now.Before(step.until) {
			now = now.Add(lookAtSchedules)
			s.look(t.Context(), now)
		}
		if begun != step.begun {
			t.Errorf("at %s: got %d runs begun, want %d\n%s", now.Format(time.TimeOnly), begun, step.begun, log)
		}
	}
	if got := strings.Count(log.String(), "does not begin"); got != 3 {
		t.Errorf("got told of it %d times, want once for each run that was late\n%s", got, log)
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
