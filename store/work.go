package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"sluice/aggregation"
)

// Work is what one claim reads, kept. Each of its writes is refused with ErrFenced once another has the partition, makes the lease longer,
// and, unless it says otherwise, counts as progress. Counts of calls go to the database with the write that follows them.
type Work struct {
	db          *DB
	claim       aggregation.Claim
	calls, held atomic.Int64
}

var (
	_ aggregation.Store = (*DB)(nil)
	_ aggregation.Work  = (*Work)(nil)
)

// Work returns the keeper of what a claim reads.
func (db *DB) Work(claim aggregation.Claim) aggregation.Work { return &Work{db: db, claim: claim} }

// Called counts a call to the vendor that was held for so long before it went.
func (w *Work) Called(held time.Duration) {
	w.calls.Add(1)
	w.held.Add(held.Microseconds())
}

// write is a fenced transaction that counts as progress; done accounts or rows more are read when it is over.
func (w *Work) write(ctx context.Context, what string, done int64, work func(tx) error) error {
	return w.fenced(ctx, what, done, false, work)
}

// fenced is a fenced transaction. One that only does again what was done before leaves the count of failed tries as it is.
func (w *Work) fenced(ctx context.Context, what string, done int64, again bool, work func(tx) error) error {
	progress := ", tries = 0, reason = ''"
	if again {
		progress = ""
	}
	calls, held := w.calls.Swap(0), w.held.Swap(0)
	err := w.db.write(ctx, what+" for "+w.claim.String(), func(t tx) error {
		if err := w.db.hold(ctx, t, w.claim, "taken", w.claim.Lease); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "UPDATE partitions SET done = done + ?, calls = calls + ?, held = held + ?"+progress+" WHERE run = ? AND name = ?",
			done, calls, held, int64(w.claim.Run), w.claim.Name); err != nil {
			return err
		}
		return work(t)
	})
	if err != nil {
		w.calls.Add(calls)
		w.held.Add(held)
		return err
	}
	if !again {
		w.db.trouble.kept()
	}
	return nil
}

// Keep implements aggregation.Lists.
func (w *Work) Keep(ctx context.Context, b aggregation.Batch, at aggregation.Checkpoint) error {
	checkpoint, err := json.Marshal(at)
	if err != nil {
		return err
	}
	for _, row := range b.Rows {
		if err := checkID(row.ID); err != nil {
			return fmt.Errorf("keep rows: %w", err)
		}
	}
	run, step := int64(w.claim.Run), int64(b.Step)
	return w.fenced(ctx, "keep rows", int64(len(b.Rows)), b.Again, func(t tx) error {
		if _, err := t.exec(ctx, "DELETE FROM listed WHERE run = ? AND step = ? AND over_id = ? AND n >= ?", run, step, b.Over, int64(b.First)); err != nil {
			return err
		}
		n := int64(b.First)
		err := insert(ctx, t, "INSERT INTO listed (run, step, over_id, n, id, doc)", "", b.Rows, func(r aggregation.Row) []any {
			n++
			return []any{run, step, b.Over, n - 1, r.ID, string(r.JSON)}
		})
		if err != nil {
			return err
		}
		if b.Gone {
			if err := warn(ctx, t, w.claim.Run, fmt.Sprintf("list %d: the vendor does not have %s any more", b.Step+1, b.Over)); err != nil {
				return err
			}
		}
		_, err = t.exec(ctx, "UPDATE partitions SET checkpoint = ? WHERE run = ? AND name = ?", string(checkpoint), run, w.claim.Name)
		return err
	})
}

// place is where a row stands among those that Rows walks.
type place struct {
	step, n  int64
	id, over string
}

// Rows implements aggregation.Lists. It reads page by page, and keeps nothing open.
func (w *Work) Rows(ctx context.Context, first, last int, from string) iter.Seq2[aggregation.Row, error] {
	return func(yield func(aggregation.Row, error) bool) {
		at := place{id: from, step: -1}
		for {
			page, err := w.page(ctx, int64(first), int64(last), &at)
			if err != nil {
				yield(aggregation.Row{}, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if len(page) < mostPage {
				return
			}
		}
	}
}

func (w *Work) page(ctx context.Context, first, last int64, at *place) (page []aggregation.Row, err error) {
	run, from := int64(w.claim.Run), *at
	err = w.db.read(fmt.Sprintf("rows of run %d", run), func(t tx) error {
		return t.each(ctx, `SELECT step, over_id, n, id, doc FROM listed WHERE run = ? AND step BETWEEN ? AND ?
			AND (id, step, over_id, n) > (?, ?, ?, ?) ORDER BY id, step, over_id, n LIMIT ?`,
			[]any{run, first, last, from.id, from.step, from.over, from.n, int64(mostPage)}, func(scan scan) error {
				var doc []byte
				err := scan(&at.step, &at.over, &at.n, &at.id, &doc)
				page = append(page, aggregation.Row{Step: int(at.step), ID: at.id, JSON: slices.Clone(doc)})
				return err
			})
	})
	return page, err
}

// warn keeps something that whoever reads of the run should know.
func warn(ctx context.Context, t tx, run aggregation.RunID, text string) error {
	_, err := t.exec(ctx, "INSERT INTO warnings (run, text) VALUES (?, ?) ON CONFLICT DO NOTHING", int64(run), clean(text))
	return err
}

// Warn implements aggregation.Work.
func (w *Work) Warn(ctx context.Context, text string) error {
	return w.write(ctx, "keep a warning", 0, func(t tx) error { return warn(ctx, t, w.claim.Run, text) })
}

// Warnings are those of a run before it is committed.
func (db *DB) Warnings(ctx context.Context, run aggregation.RunID) (texts []string, err error) {
	err = db.read(fmt.Sprintf("warnings of run %d", run), func(t tx) error {
		return t.each(ctx, "SELECT text FROM warnings WHERE run = ? ORDER BY text", []any{int64(run)}, func(scan scan) error {
			var text string
			err := scan(&text)
			texts = append(texts, text)
			return err
		})
	})
	return texts, err
}
