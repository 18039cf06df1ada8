package aggregation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// commit compares a run with the snapshot. It walks both twice: once to count, which decides whether the run is held, and once
// within the transaction that makes the changes and their events.
func (r *Runner) commit(ctx context.Context, s subject, claim Claim, reader *Reader, work Work) error {
	revision, err := r.Store.Revision(ctx, s.run.Scope)
	if err != nil {
		return kept(err)
	}
	counts, err := r.counts(ctx, s)
	if err != nil {
		return err
	}
	guard := Guard(s.connection.Aggregation.Guard)
	reason := guard.Check(counts)
	if reason == "" && s.run.Whole() {
		reason = guard.Unread(counts)
	}
	if reason != "" && !s.run.Approved {
		return r.hold(ctx, s, counts, reason)
	}
	if counts.Removed > 0 && doubts(s.run, reader) {
		if err := r.ask(ctx, s, claim, reader, work); err != nil {
			return err
		}
		if counts, err = r.counts(ctx, s); err != nil {
			return err
		}
	}
	warnings, err := r.Store.Warnings(ctx, s.run.ID)
	if err != nil {
		return kept(err)
	}
	origin := r.origin(s)
	outcome := Outcome{Status: "Success", Started: s.run.Started, Ended: origin.Time, Counts: counts, Warnings: warnings}
	collected, err := origin.Collected(outcome)
	if err != nil {
		return err
	}
	completed, err := origin.Completed(outcome)
	if err != nil {
		return err
	}
	closing := Closing{Claim: claim, Counts: counts, Warnings: warnings}
	closing.Events = append(closing.Events, collected, completed)
	if err := r.Store.Commit(ctx, s.run.ID, revision, r.facts(ctx, s, origin), closing); err != nil {
		return kept(err)
	}
	// Whoever waited for the run may end this process now, and the rest is soon done.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if err := r.Store.Forget(last, s.run.ID); err != nil {
		r.log().Warn("what was read for a run is kept longer than need be", "run", int64(s.run.ID), "error", err)
	}
	return nil
}

// forgetWithin is what a stop waits for, at the most, while what a run has read is dropped.
const forgetWithin = 8 * time.Second

// origin is where a run's events come from. A run's number is never used again, and stays when the run is resumed.
func (r *Runner) origin(s subject) Origin {
	o := Origin{Tenant: r.Tenant, Scope: s.run.Scope, Revision: int64(s.run.ID), Time: r.now()}
	if s.resource != nil {
		o.Kind = s.resource.Kind
	}
	return o
}

// Changes compares what a run has read with the snapshot: what it would change.
func (r *Runner) Changes(ctx context.Context, run Run) iter.Seq2[Change, error] {
	return changes(ctx, r.Store, run, nil)
}

func changes(ctx context.Context, from Snapshots, run Run, before *int) iter.Seq2[Change, error] {
	old := stored(from.Before(ctx, run.Scope))
	if before != nil {
		old = counted(old, before)
	}
	return Diff(old, stored(from.Staged(ctx, run.ID)), run.Whole())
}

func counted[T any](all iter.Seq2[T, error], n *int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value, err := range all {
			*n++
			if !yield(value, err) {
				return
			}
		}
	}
}

// counts counts what a run changes.
func (r *Runner) counts(ctx context.Context, s subject) (counts Counts, err error) {
	if counts.Scanned, counts.Failed, err = r.Store.Tally(ctx, s.run.ID); err != nil {
		return counts, kept(err)
	}
	for change, err := range changes(ctx, r.Store, s.run, &counts.Before) {
		switch {
		case err != nil:
			return counts, err
		case change.Kind == Created && change.ID != spell(change.ID, s.resource.FoldCase):
			return counts, errSpelling
		}
		counts.Add(change)
	}
	counts.Unchanged = max(0, counts.Scanned-counts.Added-counts.Changed-counts.Failed)
	return counts, nil
}

// errSpelling says that a run has read ids before its resource's connector had fold_case: against a snapshot that is respelled by now, each
// of them would look like somebody new.
var errSpelling = errors.New("what the run has read was read before fold_case, and the snapshot is spelled in small letters by now: begin a new run")

// facts are a run's changes with their events.
func (r *Runner) facts(ctx context.Context, s subject, origin Origin) iter.Seq2[Fact, error] {
	return func(yield func(Fact, error) bool) {
		for change, err := range changes(ctx, r.Store, s.run, nil) {
			fact := Fact{Change: change}
			if err == nil {
				fact.Events, err = origin.OfChange(change)
			}
			if !yield(fact, err) || err != nil {
				return
			}
		}
	}
}

// hold stops a run until an operator approves it.
func (r *Runner) hold(ctx context.Context, s subject, counts Counts, reason string) error {
	origin := r.origin(s)
	event, err := origin.Held(Outcome{Status: "Held", Started: s.run.Started, Ended: origin.Time, Counts: counts}, reason)
	if err != nil {
		return err
	}
	return kept(r.Store.MoveRun(ctx, s.run.ID, Held, reason, event))
}

// fail ends a run, and says why.
func (r *Runner) fail(ctx context.Context, run Run, reason string) error {
	r.log().Error("an aggregation has failed", "run", int64(run.ID), "connection", run.Scope.Connection, "resource", run.Scope.Resource, "reason", reason)
	return r.end(ctx, run, Failed, "Failed", reason)
}

// Cancel ends a run that is not over. It can be resumed.
func (r *Runner) Cancel(ctx context.Context, id RunID) error {
	run, err := r.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	return r.end(ctx, run, Cancelled, "Terminated", "cancelled by an operator")
}

func (r *Runner) end(ctx context.Context, run Run, to State, status, reason string) error {
	s, _ := r.subject(run) // which may be what is wrong
	origin := r.origin(s)
	event, err := origin.Completed(Outcome{Status: status, Started: run.Started, Ended: origin.Time.UTC().Truncate(time.Microsecond), Errors: []string{reason}})
	if err != nil {
		return fmt.Errorf("run %d: %w", run.ID, err)
	}
	return kept(r.Store.MoveRun(ctx, run.ID, to, reason, event))
}
