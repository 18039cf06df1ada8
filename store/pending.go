package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"sluice/aggregation"
)

// Settle implements aggregation.Accounts.
func (w *Work) Settle(ctx context.Context, batch []aggregation.Settled) error {
	batch = slices.Clone(batch)
	slices.SortStableFunc(batch, func(a, b aggregation.Settled) int { return strings.Compare(a.ID, b.ID) })
	var failures []Failure
	var well []any
	for _, s := range batch {
		if err := checkID(s.ID); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		if s.Reason == "" {
			well = append(well, s.ID)
		} else {
			failures = append(failures, Failure{ID: s.ID, Reason: s.Reason})
		}
	}
	return w.write(ctx, "settle accounts", 0, func(t tx) error {
		if err := w.settle(ctx, t, batch); err != nil {
			return err
		}
		for ids := range slices.Chunk(well, mostRows) {
			if _, err := t.exec(ctx, "DELETE FROM failures WHERE run = ? AND id IN ("+marks(len(ids))+")", append([]any{int64(w.claim.Run)}, ids...)...); err != nil {
				return err
			}
		}
		return w.fail(ctx, t, failures...)
	})
}

func (w *Work) settle(ctx context.Context, t tx, batch []aggregation.Settled) error {
	return insert(ctx, t, "INSERT INTO staged (run, id, account, row_hash, read_at, doc, pending)", ` ON CONFLICT (run, id) DO UPDATE SET
		account = excluded.account, row_hash = excluded.row_hash, read_at = excluded.read_at, doc = excluded.doc, pending = excluded.pending`,
		batch, func(s aggregation.Settled) []any {
			pending := int64(0)
			if s.Row != nil {
				pending = 1
			}
			return []any{int64(w.claim.Run), s.ID, textOrNull(s.Account), s.RowHash, micros(s.ReadAt), textOrNull(s.Row), pending}
		})
}

// Detail implements aggregation.Details. The row's hash stays as it is: Touch may have taken it since the row was handed out. Where the
// account was made with another one, by a node that has another configuration than the one that settled it, there is none either, and the
// next run reads the account again.
func (w *Work) Detail(ctx context.Context, r aggregation.Record) error {
	if _, err := inOrder([]aggregation.Record{r}); err != nil {
		return err
	}
	run := int64(w.claim.Run)
	return w.write(ctx, "keep an account", 1, func(t tx) error {
		if _, err := t.exec(ctx, "UPDATE staged SET account = ?, read_at = ?, doc = NULL, pending = 0, row_hash = CASE WHEN row_hash = ? THEN row_hash ELSE '' END WHERE run = ? AND id = ?",
			textOrNull(r.Account), micros(r.ReadAt), r.RowHash, run, r.ID); err != nil {
			return err
		}
		_, err := t.exec(ctx, "DELETE FROM failures WHERE run = ? AND id = ?", run, r.ID)
		return err
	})
}

// Fail implements aggregation.Details. The row stays, for whoever tries again.
func (w *Work) Fail(ctx context.Context, f aggregation.Failure) error {
	return w.write(ctx, "keep a failure", 1, func(t tx) error {
		if _, err := t.exec(ctx, "UPDATE staged SET pending = 0 WHERE run = ? AND id = ?", int64(w.claim.Run), f.ID); err != nil {
			return err
		}
		return w.fail(ctx, t, Failure{ID: f.ID, Reason: f.Reason})
	})
}

// fail keeps failures of this moment.
func (w *Work) fail(ctx context.Context, t tx, failures ...Failure) error {
	if len(failures) == 0 {
		return nil
	}
	now, err := w.db.now(ctx, t)
	if err != nil {
		return err
	}
	for i := range failures {
		failures[i].At = now
	}
	return keepFailures(ctx, t, w.claim.Run, failures)
}

// Pending walks the accounts of a run that need a call of their own, in order of ID: those not below from and, unless to is "", below it.
func (db *DB) Pending(ctx context.Context, run aggregation.RunID, from, to string) iter.Seq2[aggregation.Pending, error] {
	query, args := "SELECT id, doc, row_hash FROM staged WHERE run = ? AND pending = 1 AND id >= ?", []any{int64(run), from}
	if to != "" {
		query, args = query+" AND id < ?", append(args, to)
	}
	return pages(ctx, db, fmt.Sprintf("what is pending of run %d", run), query, args, "", func(scan scan) (p aggregation.Pending, key string, err error) {
		var doc []byte
		err = scan(&p.ID, &doc, &p.RowHash)
		p.Row = slices.Clone(doc)
		return p, p.ID, err
	})
}

// Tally counts what was staged for a run, and how many of it failed.
func (db *DB) Tally(ctx context.Context, run aggregation.RunID) (staged, failed int, err error) {
	var a, b int64
	err = db.read(fmt.Sprintf("count what was staged for run %d", run), func(t tx) error {
		if err := t.one(ctx, "SELECT count(*) FROM staged WHERE run = ?", []any{int64(run)}, &a); err != nil {
			return err
		}
		return t.one(ctx, "SELECT count(*) FROM failures WHERE run = ?", []any{int64(run)}, &b)
	})
	return int(a), int(b), err
}

// Failed counts the accounts that a run could not read so far.
func (db *DB) Failed(ctx context.Context, run aggregation.RunID) (failed int64, err error) {
	err = db.read(fmt.Sprintf("count the failures of run %d", run), func(t tx) error {
		return t.one(ctx, "SELECT count(*) FROM failures WHERE run = ?", []any{int64(run)}, &failed)
	})
	return failed, err
}
