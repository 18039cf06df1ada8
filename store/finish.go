package store

import (
	"context"
	"fmt"
	"time"

	"sluice/aggregation"
)

// Finish marks the partition as done and adds those that follow from it. It comes after the write that kept the last of it, and may come
// alone when there was nothing to do. With the last partition of a run comes aggregation.CommitPartition, once.
func (db *DB) Finish(ctx context.Context, claim aggregation.Claim, then ...aggregation.Partition) error {
	return db.write(ctx, "finish "+claim.String(), func(t tx) error {
		// Locked first, so that of two that finish together the later one sees that it is the last.
		if err := t.one(ctx, "SELECT id FROM runs WHERE id = ? FOR UPDATE", []any{int64(claim.Run)}, new(int64)); err != nil {
			return err
		}
		if err := db.hold(ctx, t, claim, "done", 0); err != nil {
			return err
		}
		if err := db.addPartitions(ctx, t, claim.Run, then); err != nil {
			return err
		}
		var open int64
		if err := t.one(ctx, "SELECT count(*) FROM partitions WHERE run = ? AND state <> 'done'", []any{int64(claim.Run)}, &open); err != nil {
			return err
		}
		if open > 0 || claim.Name == aggregation.CommitPartition {
			return nil
		}
		return db.addPartitions(ctx, t, claim.Run, []aggregation.Partition{{Name: aggregation.CommitPartition}})
	})
}

// Pause gives the partition back for a while after a try that failed. after gets the number of tries since something was kept last; where
// it says that there were enough, again is false and the claim stays.
func (db *DB) Pause(ctx context.Context, claim aggregation.Claim, reason string, after func(tries int) (time.Duration, bool)) (again bool, err error) {
	err = db.write(ctx, "pause "+claim.String(), func(t tx) error {
		if err := db.hold(ctx, t, claim, "taken", claim.Lease); err != nil {
			return err
		}
		var tries int64
		where := []any{int64(claim.Run), claim.Name}
		if err := t.one(ctx, "SELECT tries + 1 FROM partitions WHERE run = ? AND name = ?", where, &tries); err != nil {
			return err
		}
		pause, more := after(int(tries))
		if again = more; !more {
			return nil
		}
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE partitions SET state = 'open', tries = ?, reason = ?, lease_until = ? WHERE run = ? AND name = ?",
			append([]any{tries, clean(reason), micros(now.Add(pause))}, where...)...)
		return err
	})
	return again && err == nil, err
}

// reopen makes the partitions of a run that goes on ready, whoever had them: what an old owner still writes is refused.
func (db *DB) reopen(ctx context.Context, t tx, run aggregation.RunID) error {
	if _, err := t.exec(ctx, `UPDATE partitions SET state = 'open', lease_until = 0, tries = 0, reason = '', generation = generation + 1
		WHERE run = ? AND state <> 'done'`, int64(run)); err != nil {
		return err
	}
	return db.enqueueReady(ctx, t, run)
}

// TakeOver makes all partitions of running runs ready, and all subscriptions, whoever has them. It is for a process that has the database
// for itself, as a new one has a data folder's: it need not wait until the leases of the one that died are over.
func (db *DB) TakeOver(ctx context.Context) error {
	return db.write(ctx, "take over", func(t tx) error {
		if _, err := t.exec(ctx, "UPDATE subscriptions SET owner = '', lease_until = 0, generation = generation + 1 WHERE owner <> ''"); err != nil {
			return err
		}
		var runs []aggregation.RunID
		err := t.each(ctx, "SELECT id FROM runs WHERE state = 'running' ORDER BY id", nil, func(scan scan) error {
			var id int64
			err := scan(&id)
			runs = append(runs, aggregation.RunID(id))
			return err
		})
		for _, run := range runs {
			if err == nil {
				err = db.reopen(ctx, t, run)
			}
		}
		return err
	})
}

// RetryRun begins a run that reads the failed accounts of a completed one again, and nothing else. ErrState: that one is not completed;
// ErrNone: none of its accounts can be read again; ErrDropped: a later run has read them all; ErrOpenRun: the scope has a run that is not over.
func (db *DB) RetryRun(ctx context.Context, failed aggregation.RunID) (run aggregation.Run, err error) {
	err = db.write(ctx, fmt.Sprintf("retry run %d", failed), func(t tx) error {
		old, err := oneRun(ctx, t, failed, "")
		if err != nil {
			return err
		}
		if old.State != aggregation.Completed {
			return fmt.Errorf("%w: it is %s", aggregation.ErrState, old.State)
		}
		if err := current(ctx, t, failed, replaced); err != nil {
			return err
		}
		if run, err = db.startRun(ctx, t, old.Scope, old.Plan, failed); err != nil {
			return err
		}
		n, err := t.exec(ctx, `INSERT INTO staged (run, id, account, row_hash, read_at, doc, pending)
			SELECT CAST(? AS BIGINT), s.id, NULL, s.row_hash, 0, s.doc, 1 FROM staged s JOIN failures f ON f.run = s.run AND f.id = s.id
			WHERE s.run = ? AND s.doc IS NOT NULL`, int64(run.ID), int64(failed))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("accounts that failed and can be read again: %w", aggregation.ErrNone)
		}
		return db.addPartitions(ctx, t, run.ID, []aggregation.Partition{{Name: aggregation.ListPartition}})
	})
	return run, err
}
