package store

import (
	"context"
	"errors"
	"slices"

	"sluice/aggregation"
)

// respelledAtOnce is how many accounts are in memory while a snapshot is respelled.
const respelledAtOnce = 250

// Respell gives accounts of a snapshot the ids that respelled says, in one transaction that raises the revision; only those with a capital
// letter in their id are shown to it. Where an account has the other id already, that one stays, and the one that is spelled otherwise goes.
// No event tells of it. It returns how many accounts that are.
func (db *DB) Respell(ctx context.Context, scope aggregation.Scope, respelled func(aggregation.Record) (aggregation.Record, error)) (n int, err error) {
	var first string
	err = db.read("ids in capitals", func(t tx) error { // most snapshots have none, and need no lock
		return t.one(ctx, "SELECT id FROM accounts WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?) AND id <> lower(id) LIMIT 1",
			[]any{scope.Connection, scope.Resource}, &first)
	})
	if errors.Is(err, aggregation.ErrNone) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = db.write(ctx, "respell accounts", func(t tx) error {
		n, err = respell(ctx, t, scope, respelled)
		return err
	})
	return n, err
}

func respell(ctx context.Context, t tx, scope aggregation.Scope, respelled func(aggregation.Record) (aggregation.Record, error)) (n int, err error) {
	var id, revision int64
	if err := t.one(ctx, "SELECT id, revision FROM scopes WHERE connection = ? AND resource = ? FOR UPDATE",
		[]any{scope.Connection, scope.Resource}, &id, &revision); err != nil {
		return 0, err
	}
	for last, more := "", true; more; {
		var page []aggregation.Record
		// What is written has no capitals, and does not come again.
		if err := t.each(ctx, "SELECT id, account, row_hash, read_at FROM accounts WHERE scope = ? AND id <> lower(id) AND id > ? ORDER BY id LIMIT ?",
			[]any{id, last, int64(respelledAtOnce)}, func(scan scan) error {
				r, _, err := scanRecord(scan)
				r.Account = slices.Clone(r.Account)
				page = append(page, r)
				return err
			}); err != nil {
			return 0, err
		}
		if more = len(page) == respelledAtOnce; len(page) > 0 {
			last = page[len(page)-1].ID
		}
		some, err := respellPage(ctx, t, id, page, respelled)
		if err != nil {
			return 0, err
		}
		n += some
	}
	if n == 0 {
		return 0, nil
	}
	return n, raise(ctx, t, id, revision)
}

func respellPage(ctx context.Context, t tx, scope int64, page []aggregation.Record, respelled func(aggregation.Record) (aggregation.Record, error)) (int, error) {
	var old []any
	var records []aggregation.Record
	for _, was := range page {
		is, err := respelled(was)
		if err != nil {
			return 0, err
		}
		if is.ID != was.ID {
			old, records = append(old, was.ID), append(records, is)
		}
	}
	records, err := inOrder(records)
	if err != nil {
		return 0, err
	}
	for ids := range slices.Chunk(old, mostRows) {
		if _, err := t.exec(ctx, "DELETE FROM accounts WHERE scope = ? AND id IN ("+marks(len(ids))+")", append([]any{scope}, ids...)...); err != nil {
			return 0, err
		}
	}
	return len(old), insert(ctx, t, "INSERT INTO accounts (scope, id, account, row_hash, read_at)", " ON CONFLICT (scope, id) DO NOTHING",
		records, func(r aggregation.Record) []any {
			return []any{scope, r.ID, string(r.Account), r.RowHash, micros(r.ReadAt)}
		})
}
