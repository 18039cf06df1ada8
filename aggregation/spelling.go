package aggregation

import (
	"context"
	"strings"
)

// spell returns an id as it is kept. Where a resource's ids are told apart without case, that is in small letters, so that the listing,
// joins and what was read before agree on it however the vendor spells it today. Only the letters A to Z are made small: of others it is not
// certain which are one, and databases would do it in ways of their own.
func spell(id string, fold bool) string {
	if !fold {
		return id
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, id)
}

// respell gives the ids of a snapshot the spelling in which a run reads them. One that was read before the resource's connector had
// fold_case would otherwise look as if everybody had gone and others had come.
func (r *Runner) respell(ctx context.Context, s subject) error {
	n, err := r.Store.Respell(ctx, s.run.Scope, func(record Record) (Record, error) {
		account, err := Parse(record.Account)
		if err != nil {
			return record, err
		}
		record.ID = spell(record.ID, true)
		account.ID = record.ID
		record.Account, err = Encode(account)
		return record, err
	})
	if n > 0 {
		r.log().Info("ids of a snapshot are spelled in small letters now", "connection", s.run.Scope.Connection, "resource", s.run.Scope.Resource, "accounts", n)
	}
	return kept(err)
}
