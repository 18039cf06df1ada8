package aggregation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluice/connectors"
)

// Check says what Verify compares: a sample of the accounts as Plan reads them, each by a call of its own, with what Other makes of the same
// accounts by its lists and joins, or with the snapshot.
type Check struct {
	Scope  Scope
	Plan   string
	Other  string // "": the snapshot
	Made   string // the plan by which the snapshot was read last; "": not known
	Sample int
	Seed   uint64 // the same one draws the same accounts
	Say    func(text string)
	Found  func(Finding) error // of every account that is not the same, in order of ID
}

// Verdict is what is said of one account of a sample.
type Verdict uint8

// What can be said.
const (
	Same       Verdict = iota + 1
	Differs            // the account stayed as it was, and the other side says otherwise of it
	Moved              // the account itself changed meanwhile, or since the snapshot was read
	Vanished           // the vendor does not have it any more
	Unreadable         // the vendor refused it, or it cannot be mapped, so that there is nothing to compare with
)

// Finding is an account that is not the same on both sides.
type Finding struct {
	ID         string
	Verdict    Verdict
	Attributes []Attribute // of Differs: Old is the plan's value, New the other side's
	Reason     string      // where it is no attribute that differs
	ReadAt     time.Time   // when the snapshot's account was read; zero without a snapshot
}

// Checked is what a check came to.
type Checked struct {
	Sample        int             // accounts that were drawn
	Found         map[Verdict]int // accounts by what is said of them
	Listed, Other int             // accounts in the plan's list and on the other side
	Calls         int
}

// PlanOfEach is the plan of a resource that asks for every single account, with which the others can be compared; nil: there is none.
func PlanOfEach(r *connectors.Resource) *connectors.Plan {
	for _, p := range r.Plans {
		if p.Detail != nil && p.If == nil {
			return p
		}
	}
	return nil
}

// Verify compares a sample, and keeps nothing. With a plan on the other side the single accounts are read before its lists, and those that
// differ once more after them: who was the same both times did not change while the lists were read.
func (r *Runner) Verify(ctx context.Context, c Check) (Checked, error) {
	v := &verifier{runner: r, check: c, out: Checked{Found: map[Verdict]int{}}}
	s, err := r.subject(Run{Scope: c.Scope, Plan: c.Plan})
	if err != nil {
		return v.out, err
	}
	if s.plan.Detail == nil || s.plan.If != nil {
		return v.out, fmt.Errorf("plan %s of %s does not ask for every single account", s.plan.Name, s.resource.Name)
	}
	if v.reader, err = v.readerOf(s); err != nil {
		return v.out, err
	}
	if c.Other == "" {
		err = v.snapshot(ctx)
	} else {
		err = v.plans(ctx)
	}
	return v.out, err
}

// verifier is one Verify.
type verifier struct {
	runner *Runner
	check  Check
	out    Checked
	reader *Reader            // of the plan that asks for each
	rows   map[string]Settled // what its lists say of the sample
	first  map[string]reading // the first reading of each
	// other is what the other side has of an account.
	other func(ctx context.Context, id string) (reading, error)
	// moved tells of an account that differs whether it is known to have changed since the other side was read.
	moved func(ctx context.Context, id string) (bool, error)
}

// reading is an account, or why there is none.
type reading struct {
	account json.RawMessage
	reason  string
	gone    bool // the vendor does not have it
	readAt  time.Time
}

func (v *verifier) readerOf(s subject) (*Reader, error) {
	return v.runner.reader(s, "verify."+s.resource.Name, func(time.Duration) { v.out.Calls++ })
}

// try repeats what fails for a reason that passes.
func (v *verifier) try(ctx context.Context, do func() error) error {
	for tries := 1; ; tries++ {
		err := do()
		if err == nil || !Retryable(err) || ctx.Err() != nil {
			return err
		}
		pause, more := v.runner.Pauses.after(tries)
		if !more {
			return fmt.Errorf("given up after several tries: %w", err)
		}
		v.check.Say(fmt.Sprintf("trying again in %s: %v", pause, err))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// lists reads the lists of a reader's plan.
func (v *verifier) lists(ctx context.Context, reader *Reader, wanted map[string]bool, drawing *lottery) (map[string]Settled, int, error) {
	all, listed, err := reader.sampled(ctx, wanted, drawing, func(do func() error) error { return v.try(ctx, do) })
	if err == nil {
		v.check.Say(fmt.Sprintf("the lists of plan %s are read: %s %s", reader.Plan.Name, thousands(listed), reader.Resource.Name))
	}
	return all, listed, err
}

// readEach reads every account of the sample for the first time.
func (v *verifier) readEach(ctx context.Context, ids []string) error {
	v.out.Sample, v.first = len(ids), make(map[string]reading, len(ids))
	for _, id := range ids {
		one, err := v.read(ctx, v.reader, v.rows, id)
		if err != nil {
			return err
		}
		v.first[id] = one
	}
	v.check.Say(fmt.Sprintf("%s accounts of the sample are read one by one", thousands(len(ids))))
	return nil
}

// read reads one account of those that a reader's lists have settled.
func (v *verifier) read(ctx context.Context, reader *Reader, rows map[string]Settled, id string) (out reading, err error) {
	s, listed := rows[id]
	switch {
	case !listed:
		return reading{reason: fmt.Sprintf("the list of plan %s does not have it", reader.Plan.Name)}, nil
	case s.Reason != "":
		return reading{reason: fmt.Sprintf("plan %s: %s", reader.Plan.Name, s.Reason)}, nil
	case s.Row == nil:
		return reading{account: s.Account}, nil
	}
	err = v.try(ctx, func() error {
		record, err := reader.detail(ctx, Pending{ID: id, Row: s.Row, RowHash: s.RowHash})
		if err == nil {
			out = reading{account: record.Account}
			return nil
		}
		failure, own := failureOf(id, err)
		if !own {
			return fmt.Errorf("account %s: %w", id, err)
		}
		out = reading{reason: fmt.Sprintf("plan %s: %s", reader.Plan.Name, failure.Reason), gone: gone(err)}
		return nil
	})
	return out, err
}

// judge compares the sample.
func (v *verifier) judge(ctx context.Context, ids []string) error {
	for _, id := range ids {
		found, err := v.judgeOne(ctx, id)
		if err != nil {
			return err
		}
		v.out.Found[found.Verdict]++
		if found.Verdict != Same {
			if err := v.check.Found(found); err != nil {
				return err
			}
		}
	}
	return nil
}

// judgeOne compares one account, and reads it again before it says that it differs.
func (v *verifier) judgeOne(ctx context.Context, id string) (Finding, error) {
	is := v.first[id]
	other, err := v.other(ctx, id)
	found := Finding{ID: id, Verdict: Same, ReadAt: other.readAt}
	if err != nil || is.account != nil && bytes.Equal(is.account, other.account) {
		return found, err
	}
	found.Reason = is.reason
	if is.gone {
		found.Verdict = Vanished
		return found, nil
	}
	if _, listed := v.rows[id]; listed && is.account == nil {
		found.Verdict = Unreadable
		return found, nil
	}
	if moved, err := v.moved(ctx, id); err != nil || moved {
		found.Verdict = Moved
		return found, err
	}
	return v.judgeAgain(ctx, found, is, other)
}

// judgeAgain reads an account that seems to differ once more.
func (v *verifier) judgeAgain(ctx context.Context, found Finding, is, other reading) (Finding, error) {
	if is.account == nil { // it is not listed
		gone, err := v.gone(ctx, found.ID)
		if found.Verdict = Differs; gone {
			found.Verdict = Vanished
		}
		return found, err
	}
	again, err := v.read(ctx, v.reader, v.rows, found.ID)
	switch {
	case err != nil:
		return found, err
	case again.gone:
		found.Verdict, found.Reason = Vanished, again.reason
		return found, nil
	case !bytes.Equal(is.account, again.account):
		found.Verdict = Moved
		return found, nil
	}
	found.Verdict, found.Reason = Differs, other.reason
	if other.account != nil {
		found.Attributes, err = attributesBetween(is.account, other.account)
	}
	return found, err
}

// gone asks the vendor for an account that its list does not have.
func (v *verifier) gone(ctx context.Context, id string) (yes bool, err error) {
	err = v.try(ctx, func() error {
		yes, _, err = v.reader.Gone(ctx, id)
		return err
	})
	if err == nil {
		return yes, nil
	}
	if _, own := failureOf(id, err); own {
		return false, nil // it answers for it, if not well
	}
	return false, err
}
