package aggregation

import (
	"context"
	"encoding/json"
	"slices"
)

// A join by numbers of rows passes somebody over when another leaves while it is read, and the account then seems to have lost what the join
// tells. To read every such join twice would double a run for what seldom happens. So only those who seem to have lost something are
// looked at again: by the plan's call for one account, or else by the next run, as with accounts that are missing in such a list.

// settleAll settles what was listed. Where more accounts seem to have lost something than the guard lets pass, they are not asked for one by
// one, which might be a call for everybody: what the joins say is kept, and the same guard holds the run before it is committed.
func (r *Runner) settleAll(ctx context.Context, s subject, reader *Reader, work Work, only ChangedOnly) (Tally, error) {
	tally, err := reader.Settle(ctx, work, only, work)
	if err != nil || tally.Asked == 0 {
		return tally, err
	}
	before := 0
	for _, err := range counted(stored(r.Store.Before(ctx, s.run.Scope)), &before) {
		if err != nil {
			return tally, err
		}
	}
	if Guard(s.connection.Aggregation.Guard).Check(Counts{Before: before, Changed: tally.Asked}) == "" {
		return tally, nil
	}
	only.Sure = true
	return reader.Settle(ctx, work, only, work)
}

// joinsMove tells whether a join, or a list that joins go over, is read by numbers of rows.
func joinsMove(steps []step, own int) bool {
	for i := range steps {
		if i != own && numbered(&steps[i].list.Paging) {
			return true
		}
	}
	return false
}

func (r *Reader) joinsMove() (bool, error) {
	steps, own, err := r.steps()
	return joinsMove(steps, own), err
}

// doubt sees to an account that was made of lists alone, and that seems to have lost something since the snapshot.
func (s *settler) doubt(out *Settled, merged json.RawMessage, prior *Record) error {
	if prior == nil || prior.Account == nil || prior.RowHash == lostHash {
		return nil
	}
	lost, err := s.reader.lost(prior.Account, out.Account)
	switch {
	case err != nil || !lost:
		return err
	case s.reader.Plan.Detail != nil:
		out.Account, out.ReadAt, out.Row = nil, prior.ReadAt, merged
		s.tally.Pending++
		s.tally.Asked++
	default:
		out.Account, out.RowHash, out.ReadAt = prior.Account, lostHash, prior.ReadAt
		s.tally.Lost++
	}
	return nil
}

// lost tells whether an account has an entitlement no more, or no value of an attribute that it had one of. What is not mapped any more
// is no loss.
func (r *Reader) lost(before, after json.RawMessage) (bool, error) {
	was, err := Parse(before)
	if err != nil {
		return false, err
	}
	is, err := Parse(after)
	if err != nil {
		return false, err
	}
	for kind, held := range was.Entitlements {
		if r.Resource.Map.Entitlements[kind] == nil {
			continue
		}
		for _, one := range held {
			if _, found := slices.BinarySearch(is.Entitlements[kind], one); !found {
				return true, nil
			}
		}
	}
	for name, value := range was.Attributes {
		if now, mapped := is.Attributes[name]; mapped && value != nil && now == nil {
			return true, nil
		}
	}
	return false, nil
}
