package aggregation

import (
	"context"
	"iter"
	"slices"
)

// doubts tells whether who is missing in the listing is to be asked for before it counts as gone. A listing may hide some of the accounts
// that it had: rights are taken away for a part of them, fewer than the guard holds, or their ids are spelled in another case. One by
// numbers of rows passes accounts over besides. Where an operator has looked, the listing's own word counts.
func doubts(run Run, reader *Reader) bool {
	return reader.Moves() || reader.Plan.Detail != nil && !run.Approved
}

// ask sees to the accounts that a listing does not have, and asks the vendor for each. Where the plan has no call for that, an account
// that is missing in a listing by numbers counts as there until the next run misses it too, unless an operator has said that it is gone:
// somebody who left while it was read makes such a listing pass another over. One for which the vendor errs, while it answers for others,
// counts as there, and so does one of which its answer says neither.
func (r *Runner) ask(ctx context.Context, s subject, claim Claim, reader *Reader, work Work) error {
	at, err := checkpointOf(claim)
	if err != nil {
		return err
	}
	a := asking{run: s.run, reader: reader}
	for missing, err := range r.missing(ctx, s.run) {
		if err != nil {
			return err
		}
		if missing.ID <= at.Over {
			continue // the vendor has said already that they are gone; who is there is not missing any more
		}
		there, gone, err := a.one(ctx, missing)
		switch {
		case err != nil:
			return err
		case !gone:
			err = work.Settle(ctx, []Settled{{Record: there}})
		case reader.Plan.Detail != nil: // a call has told, which nobody shall make again
			err = work.Keep(ctx, Batch{Step: stepOfNone}, Checkpoint{Over: missing.ID})
		}
		if err != nil {
			return err
		}
	}
	return a.warn(ctx, work)
}

// stepOfNone is the step of a Batch without rows, of which only the checkpoint is to be kept.
const stepOfNone = -1

// asking asks for those who are missing, and counts those who count as there all the same.
type asking struct {
	run                        Run
	reader                     *Reader
	passedOver, hidden, silent int
	doubted                    []string // for whom the vendor has erred since it answered last
}

// one asks for one account. Who is there is what the run has of them.
func (a *asking) one(ctx context.Context, missing Record) (there Record, gone bool, err error) {
	gone, known, err := a.reader.Gone(ctx, missing.ID)
	there = Record{ID: missing.ID}
	switch {
	case err != nil:
		return there, false, a.unclear(ctx, missing.ID, err)
	case !known:
		if gone = a.run.Approved || missing.RowHash == missedHash; gone {
			return there, true, nil
		}
		a.passedOver++
		there.Account, there.RowHash, there.ReadAt = missing.Account, missedHash, missing.ReadAt
	case !gone:
		a.hidden++
	}
	a.doubted = nil
	return there, gone, nil
}

// unclear counts an account of which the vendor has said neither that it is there nor that it is gone, and returns the error that ends the
// asking. An answer that is about this account alone ends nothing: the run would come to it, and fail, every time.
func (a *asking) unclear(ctx context.Context, id string, because error) error {
	if _, own := failureOf(id, because); own {
		a.silent++
		a.doubted = nil
		return nil
	}
	if !doubtful(because) {
		return because
	}
	a.silent++
	return a.doubt(ctx, id, because)
}

// doubt makes sure that the vendor answers for others, once it has erred for several in a row.
func (a *asking) doubt(ctx context.Context, id string, because error) error {
	if a.doubted = append(a.doubted, id); len(a.doubted) < mostDoubted {
		return nil
	}
	sure, err := a.reader.answers(ctx, Variables{}, func(id string) bool { return slices.Contains(a.doubted, id) })
	if err == nil && !sure {
		err = because
	}
	a.doubted = nil
	return err
}

// warn says who counts as there.
func (a *asking) warn(ctx context.Context, work Work) error {
	if a.silent > 0 {
		if err := work.Warn(ctx, thousands(a.silent)+" accounts are missing in the listing, and the vendor gives no clear answer when it is asked for them; "+
			"they count as there and unchanged until it does"); err != nil {
			return err
		}
	}
	if a.passedOver > 0 {
		return work.Warn(ctx, thousands(a.passedOver)+" accounts are missing in a listing by numbers of rows, which passes somebody over when another leaves "+
			"while it is read; they count as gone if the next run misses them too")
	}
	if a.hidden > 0 && !a.reader.Moves() {
		return work.Warn(ctx, thousands(a.hidden)+" accounts are missing in the listing although the vendor has them, and count as there and unchanged; "+
			"the credential may lack rights to list them, or their ids are spelled in another case")
	}
	return nil
}

// Marks that stand in the snapshot for the hash of a row. They are two, because each must be seen twice: whom joins passed over in one run
// and the listing in the next is not gone.
const (
	missedHash = "missed" // the last listing did not have the row
	lostHash   = "lost"   // by the last joins the account had lost something
)

// missing walks the accounts of the snapshot that a run has not seen.
func (r *Runner) missing(ctx context.Context, run Run) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		old, stopOld := pull("snapshot", stored(r.Store.Before(ctx, run.Scope)))
		defer stopOld()
		now, stopNow := pull("run", stored(r.Store.Staged(ctx, run.ID)))
		defer stopNow()
		for pair, err := range pairs(old, now) {
			switch {
			case err != nil:
				yield(Record{}, err)
				return
			case pair[0] == nil || pair[1] != nil:
			case !yield(*pair[0], nil):
				return
			}
		}
	}
}
