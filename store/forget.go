package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/aggregation"
)

// ResumeWithin is how long after its end a run that has failed or was cancelled can be resumed.
const ResumeWithin = 7 * 24 * time.Hour

// resumable refuses to go on with a run that is over for long, or whose scope has another snapshot by now: what it has read is older than
// that, and its changes would undo what was seen since. It is also what permits Tidy to drop what such a run has read.
func (db *DB) resumable(ctx context.Context, t tx, run aggregation.Run) error {
	if run.State != aggregation.Failed && run.State != aggregation.Cancelled {
		return nil
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return err
	}
	if !run.Completed.After(now.Add(-ResumeWithin)) {
		return fmt.Errorf("%w: it is over since %s", aggregation.ErrDropped, run.Completed.Format(time.RFC3339))
	}
	return current(ctx, t, run.ID, overtaken)
}

// current makes sure that later runs have made nothing of a run that it must not be.
func current(ctx context.Context, t tx, run aggregation.RunID, what string) error {
	err := t.one(ctx, "SELECT r.id FROM runs r WHERE r.id = ? AND "+what, []any{int64(run)}, new(int64))
	switch {
	case errors.Is(err, aggregation.ErrNone):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: another run of its scope has completed since it began", aggregation.ErrDropped)
}

// What later runs make of a run r.
const (
	// overtaken: another run has completed since it began.
	overtaken = `EXISTS (SELECT 1 FROM runs o WHERE o.scope = r.scope AND o.id <> r.id AND o.state = 'completed'
		AND (o.id > r.id OR o.completed > r.started))`
	// replaced: a later run has read the whole scope.
	replaced = "EXISTS (SELECT 1 FROM runs o WHERE o.scope = r.scope AND o.id > r.id AND o.state = 'completed' AND o.retry_of = 0)"
)

// mostTidied is how many runs one Tidy looks for.
const mostTidied = 100

// Tidy drops what was read for runs that nobody needs it of any more: those that completed, when the process was killed before it could
// do so itself, and those that cannot be resumed. Of accounts that failed in a completed run it goes once a later one has read the whole
// scope. It may be called by many at once.
func (db *DB) Tidy(ctx context.Context) error {
	var old []aggregation.RunID
	err := db.read("look for runs whose readings nobody needs", func(t tx) error {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		return t.each(ctx, tidyQuery, []any{micros(now.Add(-ResumeWithin)), int64(mostTidied)}, func(scan scan) error {
			var id int64
			err := scan(&id)
			old = append(old, aggregation.RunID(id))
			return err
		})
	})
	for _, run := range old {
		if err == nil {
			err = db.Forget(ctx, run)
		}
	}
	return err
}

const tidyQuery = `SELECT r.id FROM runs r WHERE CASE
	WHEN r.state IN ('failed', 'cancelled') THEN (r.completed <= ? OR ` + overtaken + `)
		AND (EXISTS (SELECT 1 FROM staged s WHERE s.run = r.id) OR EXISTS (SELECT 1 FROM listed l WHERE l.run = r.id))
	WHEN r.state = 'completed' THEN EXISTS (SELECT 1 FROM listed l WHERE l.run = r.id)
		OR EXISTS (SELECT 1 FROM staged s WHERE s.run = r.id AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.run = s.run AND f.id = s.id))
		OR EXISTS (SELECT 1 FROM staged s WHERE s.run = r.id) AND ` + replaced + `
	ELSE FALSE END ORDER BY r.id LIMIT ?`

// Forget drops what was staged for a run that is over, in steps of a thousand, each a transaction. The run, its failures and its events
// stay; of a completed one the accounts that failed stay for RetryRun, until a later run has read the whole scope. ErrState: it is not over.
func (db *DB) Forget(ctx context.Context, run aggregation.RunID) error {
	for {
		var n int64
		err := db.write(ctx, fmt.Sprintf("forget what was staged for run %d", run), func(t tx) (err error) {
			n, err = forget(ctx, t, run)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// forget is one step. The run is locked, so that two that forget the same one take turns.
func forget(ctx context.Context, t tx, run aggregation.RunID) (n int64, err error) {
	r, err := oneRun(ctx, t, run, " FOR UPDATE OF r")
	if err != nil {
		return 0, err
	}
	if r.State == aggregation.Running || r.State == aggregation.Held {
		return 0, fmt.Errorf("%w: it is %s", aggregation.ErrState, r.State)
	}
	keep := ""
	if r.State == aggregation.Completed {
		switch err := t.one(ctx, "SELECT r.id FROM runs r WHERE r.id = ? AND "+replaced, []any{int64(run)}, new(int64)); {
		case errors.Is(err, aggregation.ErrNone):
			keep = " AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.run = s.run AND f.id = s.id)"
		case err != nil:
			return 0, err
		}
	}
	if n, err = t.exec(ctx, "DELETE FROM staged WHERE run = ? AND id IN (SELECT s.id FROM staged s WHERE s.run = ?"+keep+" ORDER BY s.id LIMIT 1000)",
		int64(run), int64(run)); err != nil {
		return 0, err
	}
	rows, err := t.exec(ctx, "DELETE FROM listed WHERE run = ? AND id IN (SELECT id FROM listed WHERE run = ? ORDER BY id LIMIT 1000)", int64(run), int64(run))
	return n + rows, err
}
