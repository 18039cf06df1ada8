package store

import (
	"context"
	"slices"
	"strings"

	"sluice/aggregation"
)

// Touch makes the next run read accounts in full although their rows may not have changed: somebody wrote to them. An id is compared as it
// is, in lower and in upper case, because vendors that ignore case are written to in any. It returns how many accounts that are. The time is
// noted, so that a run that began before, which may have read the account before it was written to, leaves the mark for the next one.
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
		now, err := db.now(ctx, t)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(spellings, mostRows) {
			n, err := t.exec(ctx, `UPDATE accounts SET row_hash = '', read_at = ?
				WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?) AND id IN (`+marks(len(some))+")",
				append([]any{micros(now), scope.Connection, scope.Resource}, some...)...)
			if err != nil {
				return err
			}
			touched += n
		}
		return nil
	})
	return touched, err
}
