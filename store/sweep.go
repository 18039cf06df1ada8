package store

import (
	"context"
	"errors"
	"time"
)

// wholeEvery is how many sweeps there are for each that looks at all partitions: a job can only be lost by a move to another database, or in
// the moment in which its owner gave a partition back and died.
const wholeEvery = 12

// sweepOften looks for partitions of silent owners until the queue stops. Every node does, so that none waits for a leader.
func (q *Queue) sweepOften() {
	tick := time.NewTicker(q.o.Sweep)
	defer tick.Stop()
	for n := 0; ; n++ {
		if err := q.db.Sweep(q.working, n%wholeEvery == 0); err != nil && q.working.Err() == nil {
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

// Sweep makes jobs for partitions whose lease or pause is over, which are those of dead nodes above all; whole makes them for all that nobody
// has. It may be called by many at once: a job that is there already is not made again.
func (db *DB) Sweep(ctx context.Context, whole bool) error {
	found := make(map[RunID][]job)
	least := int64(1)
	if whole {
		least = 0
	}
	err := db.read("look for silent owners", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		return t.each(ctx, `SELECT p.run, p.name, p.generation FROM partitions p JOIN runs r ON r.id = p.run
			WHERE r.state = 'running' AND p.state <> 'done' AND p.lease_until BETWEEN ? AND ? ORDER BY p.state DESC, p.run, p.name LIMIT ?`,
			[]any{least, micros(now), int64(mostSwept)}, func(scan scan) error {
				var j job
				err := scan(&j.Run, &j.Partition, &j.After)
				found[RunID(j.Run)] = append(found[RunID(j.Run)], j)
				return err
			})
	})
	if err != nil {
		return err
	}
	for run, jobs := range found {
		err = errors.Join(err, db.write(ctx, "make jobs for silent owners", func(t tx) error { return db.enqueue(ctx, t, run, jobs) }))
	}
	return err
}
