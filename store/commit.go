package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"sluice/aggregation"
	"sluice/triggers"
)

// Commit makes the facts of a run the snapshot, writes their events to the outbox, and completes the run, all in one transaction. expected
// is the revision with which the facts were found; the new one is one higher. Of accounts that are now as they were read, the row hash and
// the time of reading are taken over too.
//
// facts is walked while the transaction is open, by a goroutine of its own, and may read this database; it must not write to it. Other commits wait at the outbox
// until this one is over, so that sequence numbers become visible in their order.
//
// ErrRevision: the snapshot was committed by another run meanwhile; ErrUnfinished: a partition is not done; ErrState: the run is not
// running, which after an error of the connection may mean that this very commit was done.
func (db *DB) Commit(ctx context.Context, run aggregation.RunID, expected int64, facts iter.Seq2[aggregation.Fact, error], closing aggregation.Closing) error {
	err := db.tell(ctx, fmt.Sprintf("commit run %d", run), func(t tx) error {
		var scope int64
		steps := []struct {
			name string
			do   func() error
		}{
			{"run", func() (err error) { scope, err = db.complete(ctx, t, run, closing); return err }},
			{"revision", func() error { return raise(ctx, t, scope, expected) }},
			{"facts", func() error { return db.apply(ctx, t, scope, run, spoken(ctx, t, facts)) }},
			{"hashes", func() error { return takeHashes(ctx, t, scope, run) }},
			{"events", func() error { return db.emit(ctx, t, closing.Events) }},
		}
		for _, s := range steps {
			if err := db.step("before " + s.name); err != nil {
				return err
			}
			if err := s.do(); err != nil {
				return err
			}
		}
		return db.step("before commit")
	})
	if err == nil {
		db.wake.tell()
	}
	return err
}

// complete marks the run, which locks it, and finds its scope.
func (db *DB) complete(ctx context.Context, t tx, run aggregation.RunID, c aggregation.Closing) (scope int64, err error) {
	var state string
	if err := t.one(ctx, "SELECT scope, state FROM runs WHERE id = ? FOR UPDATE", []any{int64(run)}, &scope, &state); err != nil {
		return 0, err
	}
	if state != string(aggregation.Running) {
		return 0, fmt.Errorf("%w: it is %s", aggregation.ErrState, state)
	}
	if c.Claim.Name != "" {
		if err := db.hold(ctx, t, c.Claim, "done", 0); err != nil {
			return 0, err
		}
	}
	var open int64
	if err := t.one(ctx, "SELECT count(*) FROM partitions WHERE run = ? AND state <> 'done' AND name <> ?",
		[]any{int64(run), aggregation.CommitPartition}, &open); err != nil {
		return 0, err
	}
	if open > 0 {
		return 0, fmt.Errorf("%w: %d", aggregation.ErrUnfinished, open)
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return 0, err
	}
	counts, err1 := json.Marshal(c.Counts)
	errs, err2 := json.Marshal(append([]string{}, c.Errors...))
	warnings, err3 := json.Marshal(append([]string{}, c.Warnings...))
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	_, err = t.exec(ctx, "UPDATE runs SET state = ?, completed = ?, counts = ?, errors = ?, warnings = ?, note = '' WHERE id = ?",
		string(aggregation.Completed), micros(now), string(counts), string(errs), string(warnings), int64(run))
	return scope, err
}

// raise raises the scope's revision if it is the expected one.
func raise(ctx context.Context, t tx, scope, expected int64) error {
	n, err := t.exec(ctx, "UPDATE scopes SET revision = revision + 1 WHERE id = ? AND revision = ?", scope, expected)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: its revision is not %d any more", aggregation.ErrRevision, expected)
	}
	return err
}

// apply writes facts a hundred at a time.
func (db *DB) apply(ctx context.Context, t tx, scope int64, run aggregation.RunID, facts iter.Seq2[aggregation.Fact, error]) error {
	batch := make([]aggregation.Fact, 0, mostRows)
	for fact, err := range facts {
		if err != nil {
			return err
		}
		if err := checkID(fact.Change.ID); err != nil {
			return err
		}
		if batch = append(batch, fact); len(batch) == mostRows {
			if err := db.applyBatch(ctx, t, scope, run, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return db.applyBatch(ctx, t, scope, run, batch)
}

func (db *DB) applyBatch(ctx context.Context, t tx, scope int64, run aggregation.RunID, batch []aggregation.Fact) error {
	var kept []aggregation.Change
	var gone []any
	var events []triggers.Event
	for _, f := range batch {
		switch {
		case f.Change.Kind == aggregation.Deleted:
			gone = append(gone, f.Change.ID)
		case f.Change.After == nil:
			return fmt.Errorf("account %q: neither deleted nor there after its change", f.Change.ID)
		default:
			kept = append(kept, f.Change)
		}
		events = append(events, f.Events...)
	}
	if err := put(ctx, t, scope, run, kept); err != nil {
		return err
	}
	for ids := range slices.Chunk(gone, mostRows) {
		if _, err := t.exec(ctx, "DELETE FROM accounts WHERE scope = ? AND id IN ("+marks(len(ids))+")", append([]any{scope}, ids...)...); err != nil {
			return err
		}
	}
	return db.emit(ctx, t, events)
}

// put writes at most a hundred accounts that are new or changed, each with the row hash and the time with which it was read: noted
// afterwards, they would have every new row written twice.
func put(ctx context.Context, t tx, scope int64, run aggregation.RunID, changes []aggregation.Change) error {
	if len(changes) == 0 {
		return nil
	}
	args := []any{scope}
	for _, c := range changes {
		args = append(args, c.ID, string(c.After))
	}
	// Both databases call the columns of VALUES column1 and column2. What was not read as it is now gives '' and 0, which leave the old ones.
	_, err := t.exec(ctx, `INSERT INTO accounts (scope, id, account, row_hash, read_at)
		SELECT CAST(? AS BIGINT), v.column1, v.column2, COALESCE(s.row_hash, ''), COALESCE(s.read_at, 0)
		FROM (VALUES `+groups(len(changes), 2)+`) AS v
		LEFT JOIN staged s ON s.run = ? AND s.id = v.column1 AND s.account = v.column2 WHERE true
		ON CONFLICT (scope, id) DO UPDATE SET account = excluded.account, row_hash = COALESCE(NULLIF(excluded.row_hash, ''), accounts.row_hash),
		read_at = CASE WHEN excluded.read_at = 0 THEN accounts.read_at ELSE excluded.read_at END`, append(args, int64(run))...)
	return err
}

// hashesAtOnce is how many accounts takeHashes looks at in one statement. With the databases' own plan for all of them at once, what has to
// be remembered grows with the accounts, and no longer fits into memory.
const hashesAtOnce = 2_000

// takeHashes notes with which row each account was read, and when. An account whose detail was not read keeps the old ones, so that the
// next run sees that its row has changed; so does one that is not in the snapshot as it was read.
func takeHashes(ctx context.Context, t tx, scope int64, run aggregation.RunID) error {
	for from, more := "", true; more; {
		query, args := `UPDATE accounts SET row_hash = staged.row_hash, read_at = staged.read_at FROM staged
			WHERE accounts.scope = ? AND staged.run = ? AND staged.id = accounts.id AND staged.account = accounts.account
			AND (staged.row_hash <> accounts.row_hash OR staged.read_at <> accounts.read_at) AND staged.id > ? AND accounts.id > ?`,
			[]any{scope, int64(run), from, from}
		var to string
		err := t.one(ctx, "SELECT id FROM staged WHERE run = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?", []any{int64(run), from, int64(hashesAtOnce - 1)}, &to)
		switch {
		case errors.Is(err, aggregation.ErrNone):
			more = false
		case err != nil:
			return err
		default:
			query, args = query+" AND staged.id <= ? AND accounts.id <= ?", append(args, to, to)
		}
		if _, err := t.exec(ctx, query, args...); err != nil {
			return err
		}
		from = to
	}
	return nil
}
