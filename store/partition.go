package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/aggregation"
)

// AddPartitions adds what is not there yet: a planner that is started again may add them again. Of each, name, spec and total count.
// ErrState: the run is not running.
func (db *DB) AddPartitions(ctx context.Context, run aggregation.RunID, partitions ...aggregation.Partition) error {
	for _, p := range partitions {
		if err := checkID(p.Name); err != nil {
			return fmt.Errorf("add partitions to run %d: %w", run, err)
		}
	}
	return db.write(ctx, fmt.Sprintf("add partitions to run %d", run), func(t tx) error {
		if err := whileRunning(ctx, t, run); err != nil {
			return err
		}
		return db.addPartitions(ctx, t, run, partitions)
	})
}

// addPartitions adds partitions and their jobs.
func (db *DB) addPartitions(ctx context.Context, t tx, run aggregation.RunID, partitions []aggregation.Partition) error {
	err := insert(ctx, t, "INSERT INTO partitions (run, name, state, spec, total, done, owner, lease_until, generation, tries, reason, calls, held, job)", " ON CONFLICT DO NOTHING",
		partitions, func(p aggregation.Partition) []any {
			return []any{int64(run), p.Name, "open", textOrNull(p.Spec), p.Total, int64(0), "", int64(0), int64(0), int64(0), "", int64(0), int64(0), int64(0)}
		})
	if err != nil {
		return err
	}
	jobs := make([]job, len(partitions))
	for i, p := range partitions {
		jobs[i] = job{Partition: p.Name}
	}
	return db.enqueue(ctx, t, run, jobs)
}

// Claim takes a partition that is open, or whose owner's lease is over. ErrNone: there is none to take now; ErrState: the run is not running.
func (db *DB) Claim(ctx context.Context, want aggregation.Want) (claim aggregation.Claim, err error) {
	err = db.write(ctx, fmt.Sprintf("claim a partition of run %d", want.Run), func(t tx) error {
		if err := whileRunning(ctx, t, want.Run); err != nil {
			return err
		}
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		args := []any{int64(want.Run), micros(now)}
		where := "WHERE run = ? AND state <> 'done' AND lease_until <= ?"
		if want.Name != "" {
			where, args = where+" AND name = ?", append(args, want.Name)
		}
		var name string
		if err := t.one(ctx, "SELECT name FROM partitions "+where+" ORDER BY name LIMIT 1 FOR UPDATE SKIP LOCKED", args, &name); err != nil {
			return err
		}
		claim = aggregation.Claim{Run: want.Run, Lease: want.Lease}
		claim.Partition, err = onePartition(ctx, t, `UPDATE partitions SET state = 'taken', owner = ?, lease_until = ?, generation = generation + 1
			WHERE run = ? AND name = ? RETURNING `+partitionColumns, want.Owner, micros(now.Add(want.Lease)), int64(want.Run), name)
		return err
	})
	return claim, err
}

// Heartbeat keeps the lease while a worker waits for the vendor. ErrFenced: stop, another has it.
func (db *DB) Heartbeat(ctx context.Context, claim aggregation.Claim) error {
	return db.write(ctx, "heartbeat of "+claim.String(), func(t tx) error {
		return db.hold(ctx, t, claim, "taken", claim.Lease)
	})
}

// Release gives the partition back for others to go on with. Its checkpoint stays.
func (db *DB) Release(ctx context.Context, claim aggregation.Claim) error {
	return db.write(ctx, "release "+claim.String(), func(t tx) error {
		return db.hold(ctx, t, claim, "open", 0)
	})
}

// hold locks the partition for its owner, sets its state and, while it is taken, its lease. It comes first in whatever an owner writes, so
// that nobody else can claim the partition before that is done.
func (db *DB) hold(ctx context.Context, t tx, claim aggregation.Claim, state string, lease time.Duration) error {
	if err := whileRunning(ctx, t, claim.Run); err != nil {
		return err
	}
	until := int64(0)
	if lease > 0 {
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		until = micros(now.Add(lease))
	}
	n, err := t.exec(ctx, "UPDATE partitions SET state = ?, lease_until = ? WHERE run = ? AND name = ? AND generation = ? AND state = 'taken'",
		state, until, int64(claim.Run), claim.Name, claim.Generation)
	if err == nil && n == 0 {
		err = aggregation.ErrFenced
	}
	return err
}

// whileRunning makes sure that the run stays running until this transaction is over.
func whileRunning(ctx context.Context, t tx, run aggregation.RunID) error {
	var state string
	if err := t.one(ctx, "SELECT state FROM runs WHERE id = ? FOR SHARE", []any{int64(run)}, &state); err != nil {
		return err
	}
	if state != string(aggregation.Running) {
		return fmt.Errorf("%w: it is %s", aggregation.ErrState, state)
	}
	return nil
}

const partitionColumns = "name, state, spec, checkpoint, done, total, owner, lease_until, generation, tries, reason, calls, held"

func scanPartition(scan scan) (p aggregation.Partition, err error) {
	var spec, checkpoint []byte
	var until, held int64
	err = scan(&p.Name, &p.State, &spec, &checkpoint, &p.Done, &p.Total, &p.Owner, &until, &p.Generation, &p.Tries, &p.Reason, &p.Calls, &held)
	p.Spec, p.Checkpoint, p.LeaseUntil, p.Held = spec, checkpoint, fromMicros(until), time.Duration(held)*time.Microsecond
	return p, err
}

func onePartition(ctx context.Context, t tx, query string, args ...any) (p aggregation.Partition, err error) {
	err = aggregation.ErrNone
	each := t.each(ctx, query, args, func(scan scan) error {
		p, err = scanPartition(scan)
		return err
	})
	return p, errors.Join(each, err)
}

// Partitions lists a run's partitions in the order of their names.
func (db *DB) Partitions(ctx context.Context, run aggregation.RunID) (all []aggregation.Partition, err error) {
	err = db.read(fmt.Sprintf("partitions of run %d", run), func(t tx) error {
		return t.each(ctx, "SELECT "+partitionColumns+" FROM partitions WHERE run = ? ORDER BY name", []any{int64(run)}, func(scan scan) error {
			p, err := scanPartition(scan)
			all = append(all, p)
			return err
		})
	})
	return all, err
}
