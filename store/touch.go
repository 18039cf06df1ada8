package store

import (
	"context"
	"slices"
	"strings"

	"sluice/aggregation"
)

// Touch makes the next run read accounts in full although their rows may not have changed: somebody wrote to them. An id is compared as it
// is, in lower and in upper case, because vendors that ignore case are written to in any. It returns how many accounts that are.
func (db *DB) Touch(ctx context.Context, scope aggregation.Scope, ids ...string) (touched int64, err error) {
	var spellings []any
	for _, id := range ids {
		all := []string{id, strings.ToLower(id), strings.ToUpper(id)}
		slices.Sort(all)
		for _, spelled := range slices.Compact(all) {
			spellings = append(spellings, spelled)
		}
	}
	err = db.write(ctx, "touch accounts", func(t tx) error {
		touched = 0
		for some := range slices.Chunk(spellings, mostRows) {
			if _, err := t.exec(ctx, `UPDATE staged SET row_hash = '' WHERE run IN (SELECT r.id FROM runs r JOIN scopes s ON s.id = r.scope
				WHERE s.connection = ? AND s.resource = ? AND r.state <> 'completed') AND row_hash <> '' AND id IN (`+marks(len(some))+")",
				append([]any{scope.Connection, scope.Resource}, some...)...); err != nil {
				return err
			}
			n, err := t.exec(ctx, `UPDATE accounts SET row_hash = ''
				WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?) AND row_hash <> '' AND id IN (`+marks(len(some))+")",
				append([]any{scope.Connection, scope.Resource}, some...)...)
			if err != nil {
				return err
			}
			touched += n
		}
		return nil
	})
	return touched, err
}
