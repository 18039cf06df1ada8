package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"sluice/aggregation"
)

// mostPage is how many rows an iterator holds at once.
const mostPage = 250

// Revision is how often the scope's snapshot was committed; 0 before the first time.
func (db *DB) Revision(ctx context.Context, scope aggregation.Scope) (revision int64, err error) {
	err = db.read("revision of the snapshot", func(t tx) error {
		err := t.one(ctx, "SELECT revision FROM scopes WHERE connection = ? AND resource = ?", []any{scope.Connection, scope.Resource}, &revision)
		if errors.Is(err, aggregation.ErrNone) {
			return nil
		}
		return err
	})
	return revision, err
}

const snapshotQuery = "SELECT id, account, row_hash, read_at FROM accounts WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?)"

// Before walks the snapshot of a scope in the order of the ids' bytes, on either database. A page is read as it is when its turn comes:
// who must know that it was all of one revision asks for that before and after, or commits with it.
func (db *DB) Before(ctx context.Context, scope aggregation.Scope) iter.Seq2[aggregation.Record, error] {
	return pages(ctx, db, fmt.Sprintf("snapshot of %s %s", scope.Connection, scope.Resource),
		snapshotQuery, []any{scope.Connection, scope.Resource}, "", scanRecord)
}

// Staged walks what was staged for a run, in the order of the ids' bytes.
func (db *DB) Staged(ctx context.Context, run aggregation.RunID) iter.Seq2[aggregation.Record, error] {
	return db.StagedAfter(ctx, run, "")
}

// StagedAfter is Staged from behind an id: where a worker goes on, or where its partition begins.
func (db *DB) StagedAfter(ctx context.Context, run aggregation.RunID, id string) iter.Seq2[aggregation.Record, error] {
	return pages(ctx, db, fmt.Sprintf("what was staged for run %d", run), "SELECT id, account, row_hash, read_at FROM staged WHERE run = ?",
		[]any{int64(run)}, id, scanRecord)
}

// Known returns what the snapshot has of some ids, such as those of a page of the listing: whose row has not changed need not be read again.
func (db *DB) Known(ctx context.Context, scope aggregation.Scope, ids ...string) (known map[string]aggregation.Record, err error) {
	known = make(map[string]aggregation.Record, len(ids))
	for chunk := range slices.Chunk(ids, mostRows) {
		args := []any{scope.Connection, scope.Resource}
		for _, id := range chunk {
			args = append(args, id)
		}
		query := snapshotQuery + " AND id IN (" + marks(len(chunk)) + ")"
		err := db.read("look accounts up", func(t tx) error {
			return t.each(ctx, query, args, func(scan scan) error {
				r, id, err := scanRecord(scan)
				known[id] = r
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

func scanRecord(scan scan) (r aggregation.Record, key string, err error) {
	var account []byte
	var at int64
	err = scan(&r.ID, &account, &r.RowHash, &at)
	r.Account, r.ReadAt = account, fromMicros(at)
	return r, r.ID, err
}

// pages walks the rows of a query that ends in its WHERE, by the column id, from behind after; no id is empty. Memory is that of one page; nothing is
// open while the caller works. An error ends it.
func pages[T any](ctx context.Context, db *DB, what, query string, args []any, after string, item func(scan) (T, string, error)) iter.Seq2[T, error] {
	query += " AND id > ? ORDER BY id LIMIT ?"
	return func(yield func(T, error) bool) {
		page := make([]T, 0, mostPage)
		for last := after; ; {
			page = page[:0]
			err := db.read(what, func(t tx) error {
				return t.each(ctx, query, append(args[:len(args):len(args)], last, int64(mostPage)), func(scan scan) error {
					value, key, err := item(scan)
					page, last = append(page, value), key
					return err
				})
			})
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, value := range page {
				if !yield(value, nil) {
					return
				}
			}
			if len(page) < mostPage {
				return
			}
		}
	}
}
