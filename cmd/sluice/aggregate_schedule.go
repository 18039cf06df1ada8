package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/store"
)

// scheduler begins runs when the schedules of the configuration in force say so. Every process with a database has one; they agree on when
// a run is due, and whoever comes second finds that it was begun.
type scheduler struct {
	db     *store.DB
	set    func() *connectors.Set
	start  func(ctx context.Context, scope aggregation.Scope, plan string) (aggregation.Run, error)
	log    *slog.Logger
	looked time.Time // until then all that was due was begun, but for what is late
	late   map[dueRun]time.Time
}

// dueRun is a run of a schedule.
type dueRun struct {
	scope    aggregation.Scope
	schedule int // of the connection
}

// lookAtSchedules is how often schedules are looked at; runs begin up to so much late.
const lookAtSchedules = 5 * time.Second

// keep begins runs until ctx ends. What was due while no process ran is left out.
func (s *scheduler) keep(ctx context.Context) {
	s.looked = time.Now()
	look := time.NewTicker(lookAtSchedules)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			s.look(ctx, now)
		}
	}
}

// look begins what has become due since the last look, and once more what could not be begun then: a database that is away for a moment
// shall not cost a run. What becomes due anew takes the place of what is late.
func (s *scheduler) look(ctx context.Context, now time.Time) {
	late := map[dueRun]time.Time{}
	for name, conn := range s.set().Connections {
		for i := range conn.Aggregation.Schedules {
			schedule := &conn.Aggregation.Schedules[i]
			for _, resource := range schedule.Resources {
				run := dueRun{aggregation.Scope{Connection: name, Resource: resource}, i}
				due, again := s.late[run]
				if next := schedule.Next(s.looked, name+" "+resource); !next.IsZero() && !next.After(now) {
					due, again = next, false
				}
				if !due.IsZero() && !s.begin(ctx, run.scope, due, again) {
					late[run] = due
				}
			}
		}
	}
	s.looked, s.late = now, late
}

// begin begins a run that is due, unless one of its scope is not over, or another process has begun it. It tells whether nothing more is to
// be done about it; again says that it was tried before, which is told once.
func (s *scheduler) begin(ctx context.Context, scope aggregation.Scope, due time.Time, again bool) (done bool) {
	log := s.log.With("connection", scope.Connection, "resource", scope.Resource)
	latest, err := s.db.Runs(ctx, scope, 1)
	if err == nil && len(latest) > 0 && !latest[0].Started.Before(due) {
		return true
	}
	var run aggregation.Run
	if err == nil {
		run, err = s.start(ctx, scope, "")
	}
	switch {
	case errors.Is(err, aggregation.ErrOpenRun):
		log.Warn("a run is due, and the one before is not over: it is left out", "due", due)
	case err == nil:
		log.Info("a run begins by its schedule", "run", run.ID, "due", due)
	default:
		if !again && ctx.Err() == nil {
			log.Error("a run that is due does not begin, and is tried again until the next one is due", "due", due, "error", err)
		}
		return false
	}
	return true
}
