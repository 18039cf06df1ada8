package aggregation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"sluice/internal/fault"
)

// An error of the vendor's for one account says nothing of whether it is the account or the vendor that is at fault: the next account tells.
// So an account is put aside, and tried again whenever another could be read. Where several in a row are put aside, an account that was read
// before is asked for, and if there is no answer for that one either, it is the vendor.
const (
	mostDoubted  = 3  // calls in a row that may fail before it may be the vendor
	enoughTries  = 3  // of an account, with an answer for another in between, before it has failed by itself
	mostTries    = 10 // of an account, where others could be read at a later try
	mostVouchers = 2  // accounts that are asked for to see whether the vendor answers
)

// aside is an account for which the vendor has erred.
type aside struct {
	Pending
	tries int
	err   error // of the last try
}

// detailing is one Detail.
type detailing struct {
	reader    *Reader
	to        Details
	asides    []aside
	doubted   int       // calls since the vendor has answered last
	failed    int       // accounts that failed since one could be read
	recovered int       // accounts that could be read at a later try: the vendor's errors are of the moment, and it takes more of them
	known     Variables // of the account that was read last
}

// outcome is what became of one try.
type outcome uint8

const (
	read    outcome = iota + 1
	failed          // by itself
	doubted         // the account stays pending
)

// next reads the next account. Those that are aside are tried again once the vendor has answered.
func (d *detailing) next(ctx context.Context, p Pending) error {
	a := aside{Pending: p}
	switch was, err := d.try(ctx, &a); {
	case err != nil || was == failed:
		return err
	case was == doubted:
		d.asides = append(d.asides, a)
		if d.doubted < mostDoubted {
			return nil
		}
		if err := d.vouched(ctx, a); err != nil {
			return err
		}
	}
	return d.again(ctx)
}

// rest tries those that are aside when there are no others.
func (d *detailing) rest(ctx context.Context) error {
	for len(d.asides) > 0 {
		if err := d.vouched(ctx, d.asides[0]); err != nil {
			return err
		}
		if err := d.again(ctx); err != nil {
			return err
		}
	}
	return nil
}

// again tries each account that is aside once more. One that was tried often enough has failed by itself.
func (d *detailing) again(ctx context.Context) error {
	all := d.asides
	d.asides = nil
	for i := range all {
		was, err := d.try(ctx, &all[i])
		switch {
		case err != nil:
			return err
		case was == read:
			d.recovered++
		case was == doubted && all[i].tries >= min(enoughTries+d.recovered, mostTries):
			failure, _ := failureOf(all[i].ID, all[i].err)
			if err := d.fail(ctx, failure); err != nil {
				return err
			}
		case was == doubted:
			d.asides = append(d.asides, all[i])
		}
		if d.doubted >= mostDoubted {
			if err := d.vouched(ctx, all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// try reads one account and keeps what came of it, unless that is in doubt.
func (d *detailing) try(ctx context.Context, a *aside) (outcome, error) {
	record, err := d.reader.detail(ctx, a.Pending)
	if err == nil {
		d.doubted, d.failed, d.known = 0, 0, Variables{Key: a.ID}
		if d.known.Row, err = parseDocument(a.Row); err == nil {
			err = d.to.Detail(ctx, record)
		}
		if err != nil {
			err = fmt.Errorf("account %s: %w", a.ID, err)
		}
		return read, err
	}
	if failure, own := failureOf(a.ID, err); own {
		return failed, d.fail(ctx, failure)
	}
	if !doubtful(err) {
		return doubted, fmt.Errorf("account %s: %w", a.ID, err)
	}
	a.tries++
	a.err = err
	d.doubted++
	return doubted, nil
}

// fail keeps an account as failed.
func (d *detailing) fail(ctx context.Context, f Failure) error {
	if err := d.to.Fail(ctx, f); err != nil {
		return fmt.Errorf("account %s: %w", f.ID, err)
	}
	if d.failed++; d.failed >= maxInARow {
		return fmt.Errorf("%w: %d of them, the last: %s", ErrFailing, d.failed, f.Reason)
	}
	return nil
}

// vouched makes sure that the vendor answers for an account that it has; else it returns the error of the one that is in doubt.
func (d *detailing) vouched(ctx context.Context, a aside) error {
	sure, err := d.reader.answers(ctx, d.known, func(id string) bool {
		return id == a.ID || slices.ContainsFunc(d.asides, func(other aside) bool { return other.ID == id })
	})
	if err == nil && !sure {
		err = fmt.Errorf("account %s: %w", a.ID, a.err)
	}
	if err == nil {
		d.doubted = 0
	}
	return err
}

// answers tells whether the vendor answers for an account that it has: last, or without one of those that are known, but for some.
func (r *Reader) answers(ctx context.Context, last Variables, but func(id string) bool) (bool, error) {
	if last.Key != "" {
		return r.answersFor(ctx, last)
	}
	if r.Known == nil {
		return false, nil
	}
	asked := 0
	for id, err := range r.Known(ctx) {
		switch {
		case err != nil:
			return false, err
		case but(id):
			continue
		}
		if sure, err := r.answersFor(ctx, Variables{Key: id}); sure || err != nil {
			return sure, err
		}
		if asked++; asked == mostVouchers {
			break
		}
	}
	return false, nil
}

func (r *Reader) answersFor(ctx context.Context, v Variables) (bool, error) {
	_, err := r.document(ctx, v)
	if err == nil {
		return true, nil
	}
	if _, own := failureOf(v.Key, err); own || doubtful(err) {
		return false, nil
	}
	return false, fmt.Errorf("account %s: %s: %w", v.Key, routeOf(r.Plan.Detail), err)
}

// doubtful tells whether an error may be of one account or of the vendor: it was sent a request, and its answer is an error, a refusal of
// rights, or none that can be read to its end. A 401 is such a refusal, too: TeamDynamix answers it where a permission is missing, and what it
// says of the token is weighed on the request's way.
func doubtful(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Status >= 500 || status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized
	}
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		return refused.Stage == "transform" || refused.Code == "vendor_timeout" || refused.Code == "vendor_protocol"
	}
	_, way := errors.AsType[*wayError](err)
	return way && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// known are accounts that the vendor most likely has: those that a run has seen in its lists, and that could be read before or were read
// by now. A run that reads failed accounts again has seen those alone.
func (r *Runner) known(ctx context.Context, run Run) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		old, stopOld := pull("snapshot", stored(r.Store.Before(ctx, run.Scope)))
		defer stopOld()
		now, stopNow := pull("run", stored(r.Store.Staged(ctx, run.ID)))
		defer stopNow()
		for pair, err := range pairs(old, now) {
			was, is := pair[0], pair[1]
			switch {
			case err != nil:
				yield("", err)
				return
			case was != nil && (is != nil || !run.Whole()):
				if !yield(was.ID, nil) {
					return
				}
			case is != nil && is.Account != nil && !yield(is.ID, nil):
				return
			}
		}
	}
}
