package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"
	"unicode/utf8"

	"sluice/aggregation"
)

// Progress is how far a worker got with its partition.
type Progress struct {
	Checkpoint json.RawMessage // from where another would go on
	Done       int64
	Total      int64 // 0 leaves it as it is
	Failures   []Failure
}

// Failure is an account that could not be read.
type Failure struct {
	ID     string
	Reason string
	At     time.Time
}

// Stage keeps what a worker has read, and how far it got, in one transaction: who goes on from the checkpoint repeats nothing that is
// kept. A record without an account is a row of the listing; one that comes later for the same id completes it, and one with an
// account takes back the id's failure. ErrFenced and ErrState: nothing was kept, and the worker stops.
func (db *DB) Stage(ctx context.Context, claim aggregation.Claim, progress Progress, records ...aggregation.Record) error {
	what := "stage " + claim.String()
	records, err := inOrder(records)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	failures, err := failuresInOrder(progress.Failures)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return db.write(ctx, what, func(t tx) error {
		if err := db.hold(ctx, t, claim, "taken", claim.Lease); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "UPDATE partitions SET checkpoint = ?, done = ?, total = COALESCE(NULLIF(?, 0), total) WHERE run = ? AND name = ?",
			textOrNull(progress.Checkpoint), progress.Done, progress.Total, int64(claim.Run), claim.Name); err != nil {
			return err
		}
		if err := stage(ctx, t, claim.Run, records); err != nil {
			return err
		}
		return keepFailures(ctx, t, claim.Run, failures)
	})
}

func keepFailures(ctx context.Context, t tx, run aggregation.RunID, failures []Failure) error {
	return insert(ctx, t, "INSERT INTO failures (run, id, reason, at)", " ON CONFLICT (run, id) DO UPDATE SET reason = excluded.reason, at = excluded.at",
		failures, func(f Failure) []any { return []any{int64(run), f.ID, clean(f.Reason), micros(f.At)} })
}

// stage writes records that are in order, so that two workers with the same ids take their locks in one order.
func stage(ctx context.Context, t tx, run aggregation.RunID, records []aggregation.Record) error {
	err := insert(ctx, t, "INSERT INTO staged (run, id, account, row_hash, read_at, pending)", ` ON CONFLICT (run, id) DO UPDATE SET
		account = COALESCE(excluded.account, staged.account),
		row_hash = COALESCE(NULLIF(excluded.row_hash, ''), staged.row_hash),
		read_at = CASE WHEN excluded.account IS NULL THEN staged.read_at ELSE excluded.read_at END`,
		records, func(r aggregation.Record) []any {
			return []any{int64(run), r.ID, textOrNull(r.Account), r.RowHash, micros(r.ReadAt), int64(0)}
		})
	if err != nil {
		return err
	}
	var whole []any
	for _, r := range records {
		if r.Account != nil {
			whole = append(whole, r.ID)
		}
	}
	for ids := range slices.Chunk(whole, mostRows) {
		if _, err := t.exec(ctx, "DELETE FROM failures WHERE run = ? AND id IN ("+marks(len(ids))+")", append([]any{int64(run)}, ids...)...); err != nil {
			return err
		}
	}
	return nil
}

// inOrder sorts records by id and makes one of those that vendors send twice, as Stage would with one after the other.
func inOrder(records []aggregation.Record) ([]aggregation.Record, error) {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b aggregation.Record) int { return cmp.Compare(a.ID, b.ID) })
	kept := records[:0]
	for _, r := range records {
		if err := checkID(r.ID); err != nil {
			return nil, err
		}
		if !utf8.Valid(r.Account) || bytes.IndexByte(r.Account, 0) >= 0 {
			return nil, fmt.Errorf("account %q is not JSON as a database keeps it (UTF-8 without NUL)", r.ID)
		}
		if last := len(kept) - 1; last >= 0 && kept[last].ID == r.ID {
			r.RowHash = cmp.Or(r.RowHash, kept[last].RowHash)
			if r.Account == nil {
				r.Account, r.ReadAt = kept[last].Account, kept[last].ReadAt
			}
			kept[last] = r
			continue
		}
		kept = append(kept, r)
	}
	return kept, nil
}

func failuresInOrder(failures []Failure) ([]Failure, error) {
	failures = slices.Clone(failures)
	slices.SortStableFunc(failures, func(a, b Failure) int { return cmp.Compare(a.ID, b.ID) })
	kept := failures[:0]
	for _, f := range failures {
		if err := checkID(f.ID); err != nil {
			return nil, err
		}
		if last := len(kept) - 1; last >= 0 && kept[last].ID == f.ID {
			kept[last] = f
			continue
		}
		kept = append(kept, f)
	}
	return kept, nil
}

// Failures walks a run's failures in the order of their ids.
func (db *DB) Failures(ctx context.Context, run aggregation.RunID) iter.Seq2[Failure, error] {
	return pages(ctx, db, fmt.Sprintf("failures of run %d", run), "SELECT id, reason, at FROM failures WHERE run = ?", []any{int64(run)}, "",
		func(scan scan) (f Failure, key string, err error) {
			var at int64
			err = scan(&f.ID, &f.Reason, &at)
			f.At = fromMicros(at)
			return f, f.ID, err
		})
}
