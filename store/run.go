package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sluice/aggregation"
	"sluice/triggers"
)

// from lists the states that a run may leave for each one.
var from = map[aggregation.State][]aggregation.State{
	aggregation.Running:   {aggregation.Held, aggregation.Failed, aggregation.Cancelled}, // approved, resumed
	aggregation.Held:      {aggregation.Running},
	aggregation.Failed:    {aggregation.Running},
	aggregation.Cancelled: {aggregation.Running, aggregation.Held, aggregation.Failed},
}

// StartRun begins a run with its first partitions and, before the first run of a scope, the scope. ErrOpenRun: one is running or held.
func (db *DB) StartRun(ctx context.Context, scope aggregation.Scope, plan string, partitions ...aggregation.Partition) (run aggregation.Run, err error) {
	err = db.write(ctx, "start a run", func(t tx) error {
		if run, err = db.startRun(ctx, t, scope, plan, 0); err != nil {
			return err
		}
		return db.addPartitions(ctx, t, run.ID, partitions)
	})
	return run, err
}

func (db *DB) startRun(ctx context.Context, t tx, scope aggregation.Scope, plan string, of aggregation.RunID) (run aggregation.Run, err error) {
	number, err := scopeNumber(ctx, t, scope)
	if err != nil {
		return run, err
	}
	id, err := next(ctx, t, "run", 1)
	if err != nil {
		return run, err
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return run, err
	}
	run = aggregation.Run{ID: aggregation.RunID(id), Scope: scope, Plan: plan, RetryOf: of, State: aggregation.Running, Started: fromMicros(micros(now))}
	n, err := t.exec(ctx, `INSERT INTO runs (id, scope, plan, retry_of, approved, state, started, completed, counts, errors, warnings, note)
		VALUES (?, ?, ?, ?, 0, ?, ?, 0, '{}', '[]', '[]', '') ON CONFLICT DO NOTHING`, id, number, plan, int64(of), string(aggregation.Running), micros(now))
	if err == nil && n == 0 {
		err = aggregation.ErrOpenRun
	}
	return run, err
}

// scopeNumber finds the scope, or makes it.
func scopeNumber(ctx context.Context, t tx, scope aggregation.Scope) (number int64, err error) {
	find := func() error {
		return t.one(ctx, "SELECT id FROM scopes WHERE connection = ? AND resource = ?", []any{scope.Connection, scope.Resource}, &number)
	}
	if err := find(); !errors.Is(err, aggregation.ErrNone) {
		return number, err
	}
	id, err := next(ctx, t, "scope", 1)
	if err != nil {
		return 0, err
	}
	if _, err := t.exec(ctx, "INSERT INTO scopes (id, connection, resource, revision) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING",
		id, scope.Connection, scope.Resource); err != nil {
		return 0, err
	}
	return number, find() // perhaps another node's
}

// MoveRun takes a run to another state than Completed and, in the same transaction, tells of it by events. A note says why. Moving a held
// run to Running approves it, moving a failed or cancelled one resumes it; its partitions are then ready, with jobs. ErrState: it is in none from which the new one follows;
// ErrOpenRun: another run of the scope was begun meanwhile; ErrDropped: what it has read is old; ErrNone: there is no such run.
func (db *DB) MoveRun(ctx context.Context, id aggregation.RunID, to aggregation.State, note string, events ...triggers.Event) error {
	return db.tell(ctx, fmt.Sprintf("run %d: %s", id, to), func(t tx) error {
		run, err := oneRun(ctx, t, id, " FOR UPDATE OF r")
		if err != nil {
			return err
		}
		if !slices.Contains(from[to], run.State) {
			return fmt.Errorf("%w: it is %s", aggregation.ErrState, run.State)
		}
		completed, err := db.completion(ctx, t, run, to)
		if err != nil {
			return err
		}
		approved := int64(0)
		if run.Approved || run.State == aggregation.Held && to == aggregation.Running {
			approved = 1
		}
		if _, err := t.exec(ctx, "UPDATE runs SET state = ?, completed = ?, note = ?, approved = ? WHERE id = ?",
			string(to), completed, clean(note), approved, int64(id)); err != nil {
			return err
		}
		if to == aggregation.Running {
			if err := db.reopen(ctx, t, id); err != nil {
				return err
			}
		}
		return db.emit(ctx, t, events)
	})
}

// completion is when a run that takes a state is over, 0 for one that goes on, of which a scope has one.
func (db *DB) completion(ctx context.Context, t tx, run aggregation.Run, to aggregation.State) (us int64, err error) {
	if to == aggregation.Running || to == aggregation.Held {
		if err := alone(ctx, t, run.ID); err != nil || to == aggregation.Held {
			return 0, err
		}
		return 0, db.resumable(ctx, t, run) // in this order: a run that ends between the two looks is seen by the second
	}
	now, err := db.now(ctx, t)
	return micros(now), err
}

// alone makes sure that no other run of the scope is running or held.
func alone(ctx context.Context, t tx, id aggregation.RunID) error {
	var others int64
	err := t.one(ctx, `SELECT count(*) FROM runs r JOIN runs o ON o.scope = r.scope AND o.id <> r.id
		WHERE r.id = ? AND o.state IN ('running', 'held')`, []any{int64(id)}, &others)
	if err == nil && others > 0 {
		err = aggregation.ErrOpenRun
	}
	return err
}

const runColumns = `SELECT r.id, s.connection, s.resource, r.plan, r.retry_of, r.approved, r.state, r.started, r.completed, r.counts, r.errors, r.warnings, r.note
	FROM runs r JOIN scopes s ON s.id = r.scope `

func scanRun(scan scan) (r aggregation.Run, err error) {
	var started, completed int64
	var id, of, approved int64
	var state, counts, errs, warnings string
	if err := scan(&id, &r.Scope.Connection, &r.Scope.Resource, &r.Plan, &of, &approved, &state, &started, &completed, &counts, &errs, &warnings, &r.Note); err != nil {
		return aggregation.Run{}, err
	}
	r.RetryOf, r.Approved = aggregation.RunID(of), approved != 0
	r.ID, r.State, r.Started, r.Completed = aggregation.RunID(id), aggregation.State(state), fromMicros(started), fromMicros(completed)
	return r, errors.Join(json.Unmarshal([]byte(counts), &r.Counts), json.Unmarshal([]byte(errs), &r.Errors), json.Unmarshal([]byte(warnings), &r.Warnings))
}

// oneRun reads a run; lock is "" or a lock OF r.
func oneRun(ctx context.Context, t tx, id aggregation.RunID, lock string) (run aggregation.Run, err error) {
	err = aggregation.ErrNone
	if each := t.each(ctx, runColumns+"WHERE r.id = ?"+lock, []any{int64(id)}, func(scan scan) error {
		run, err = scanRun(scan)
		return err
	}); each != nil {
		return aggregation.Run{}, each
	}
	return run, err
}

// Run returns a run; ErrNone when there is none of that number.
func (db *DB) Run(ctx context.Context, id aggregation.RunID) (run aggregation.Run, err error) {
	err = db.read(fmt.Sprintf("run %d", id), func(t tx) error {
		run, err = oneRun(ctx, t, id, "")
		return err
	})
	return run, err
}

// Runs returns the latest runs, the latest first; of all scopes when scope is zero.
func (db *DB) Runs(ctx context.Context, scope aggregation.Scope, limit int) (runs []aggregation.Run, err error) {
	where, args := "", []any{}
	if scope != (aggregation.Scope{}) {
		where, args = "WHERE s.connection = ? AND s.resource = ? ", []any{scope.Connection, scope.Resource}
	}
	err = db.read("list runs", func(t tx) error {
		return t.each(ctx, runColumns+where+"ORDER BY r.id DESC LIMIT ?", append(args, int64(limit)), func(scan scan) error {
			run, err := scanRun(scan)
			runs = append(runs, run)
			return err
		})
	})
	return runs, err
}
