package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/aggregation"
)

// Respell gives accounts of a snapshot the ids that respelled says, in one transaction that raises the revision; only those with a capital
// letter in their id are shown to it. Where an account has the other id already, that one stays, and the one that is spelled otherwise goes.
// No event tells of it. It returns how many accounts that are.
func (db *DB) Respell(ctx context.Context, scope aggregation.Scope, respelled func(aggregation.Record) (aggregation.Record, error)) (n int, err error) {
	var old []any
	var records []aggregation.Record
	for r, err := range pages(ctx, db, "ids in capitals", snapshotQuery+" AND id <> lower(id)", []any{scope.Connection, scope.Resource}, "", scanRecord) {
		was := r.ID
		if err == nil {
			r, err = respelled(r)
		}
		if err != nil {
			return 0, fmt.Errorf("respell accounts: %w", err)
		}
		if r.ID != was {
			old, records = append(old, was), append(records, r)
		}
	}
	if len(records) == 0 {
		return 0, nil
	}
	records, err = inOrder(records)
	if err != nil {
		return 0, fmt.Errorf("respell accounts: %w", err)
	}
	return len(old), db.write(ctx, "respell accounts", func(t tx) error { return respell(ctx, t, scope, old, records) })
}

func respell(ctx context.Context, t tx, scope aggregation.Scope, old []any, records []aggregation.Record) error {
	var id, revision int64
	if err := t.one(ctx, "SELECT id, revision FROM scopes WHERE connection = ? AND resource = ? FOR UPDATE",
		[]any{scope.Connection, scope.Resource}, &id, &revision); err != nil {
		return err
	}
	for ids := range slices.Chunk(old, mostRows) {
		if _, err := t.exec(ctx, "DELETE FROM accounts WHERE scope = ? AND id IN ("+marks(len(ids))+")", append([]any{id}, ids...)...); err != nil {
			return err
		}
	}
	return errors.Join(raise(ctx, t, id, revision),
		insert(ctx, t, "INSERT INTO accounts (scope, id, account, row_hash, read_at)", " ON CONFLICT (scope, id) DO NOTHING",
			records, func(r aggregation.Record) []any {
				return []any{id, r.ID, string(r.Account), r.RowHash, micros(r.ReadAt)}
			}))
}
