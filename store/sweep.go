package store

import (
	"context"
	"errors"
	"time"

	"sluice/aggregation"
)

// tidyEvery is how often a node looks for readings that nobody needs any more.
const tidyEvery = time.Hour

// sweepOften looks for partitions of silent owners until the queue stops, and now and then for readings that nobody needs any more. Every
// node does, so that none waits for a leader.
func (q *Queue) sweepOften() {
	tick := time.NewTicker(q.o.Sweep)
	defer tick.Stop()
	var tidied time.Time
	for {
		if time.Since(tidied) >= tidyEvery {
			tidied = time.Now()
			if err := q.db.Tidy(q.working); err != nil && q.working.Err() == nil {
				q.o.Log.Warn("what was read for runs that are over was not dropped", "error", err)
			}
		}
		if err := q.db.Sweep(q.working); err != nil && q.working.Err() == nil {
			q.o.Log.Warn("partitions of silent owners were not looked for", "error", err)
		}
		select {
		case <-q.working.Done():
			return
		case <-tick.C:
		}
	}
}

// mostSwept is how many partitions one sweep makes jobs for.
const mostSwept = 500

// orphan is a partition that nobody has, and whose job is not there to be taken: its owner died, with the job counted as running, perhaps
// before the claim; or the database was moved.
type orphan struct {
	job
	was int64 // its latest job
}

// Sweep makes jobs for partitions that nobody has and no job waits for. It may be called by many at once.
func (db *DB) Sweep(ctx context.Context) error {
	found := make(map[aggregation.RunID][]orphan)
	err := db.read("look for silent owners", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		return t.each(ctx, `SELECT p.run, p.name, p.job FROM partitions p JOIN runs r ON r.id = p.run
			WHERE r.state = 'running' AND p.state <> 'done' AND p.lease_until <= ? AND NOT EXISTS (
				SELECT 1 FROM river_job j WHERE j.id = p.job AND j.state IN ('available', 'pending', 'retryable', 'scheduled'))
			ORDER BY p.run, p.name LIMIT ?`,
			[]any{micros(now), int64(mostSwept)}, func(scan scan) error {
				var o orphan
				err := scan(&o.Run, &o.Partition, &o.was)
				found[aggregation.RunID(o.Run)] = append(found[aggregation.RunID(o.Run)], o)
				return err
			})
	})
	if err != nil {
		return err
	}
	for run, orphans := range found {
		err = errors.Join(err, db.write(ctx, "make jobs for silent owners", func(t tx) error { return db.adopt(ctx, t, run, orphans) }))
	}
	return err
}

// adopt makes jobs for those of a run's orphans for which no other node made one meanwhile.
func (db *DB) adopt(ctx context.Context, t tx, run aggregation.RunID, orphans []orphan) error {
	if err := whileRunning(ctx, t, run); err != nil {
		if errors.Is(err, aggregation.ErrState) {
			return nil
		}
		return err
	}
	var jobs []job
	for _, o := range orphans {
		var now int64
		if err := t.one(ctx, "SELECT job FROM partitions WHERE run = ? AND name = ? FOR UPDATE", []any{int64(run), o.Partition}, &now); err != nil {
			return err
		}
		if now == o.was {
			jobs = append(jobs, o.job)
		}
	}
	return db.enqueue(ctx, t, run, jobs)
}
