package aggregation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNoSnapshot says that there is nothing yet to compare with.
var ErrNoSnapshot = errors.New("there is no snapshot yet")

// plans compares the plan that asks for each account with another one.
func (v *verifier) plans(ctx context.Context) error {
	s, err := v.runner.subject(Run{Scope: v.check.Scope, Plan: v.check.Other})
	if err != nil {
		return err
	}
	reader, err := v.readerOf(s)
	if err != nil {
		return err
	}
	sample := map[string]bool{}
	drawing := &lottery{seed: v.check.Seed, most: v.check.Sample}
	if v.rows, v.out.Listed, err = v.lists(ctx, v.reader, sample, drawing); err != nil {
		return err
	}
	ids := drawing.ids()
	if err := v.readEach(ctx, ids); err != nil {
		return err
	}
	rows, listed, err := v.lists(ctx, reader, sample, nil)
	if err != nil {
		return err
	}
	v.out.Other = listed
	v.other = func(ctx context.Context, id string) (reading, error) { return v.read(ctx, reader, rows, id) }
	v.moved = func(context.Context, string) (bool, error) { return false, nil }
	return v.judge(ctx, ids)
}

// snapshot compares the plan that asks for each account with the snapshot.
func (v *verifier) snapshot(ctx context.Context) error {
	revision, err := v.runner.Store.Revision(ctx, v.check.Scope)
	if err != nil {
		return err
	}
	if revision == 0 {
		return ErrNoSnapshot
	}
	drawing := &lottery{seed: v.check.Seed, most: v.check.Sample}
	kept := map[string]Record{}
	for record, err := range v.runner.Store.Before(ctx, v.check.Scope) {
		if err != nil {
			return err
		}
		v.out.Other++
		in, out := drawing.offer(record.ID)
		if in {
			kept[record.ID] = record
		}
		delete(kept, out)
	}
	ids, sample := drawing.ids(), map[string]bool{}
	for _, id := range ids {
		sample[id] = true
	}
	if v.rows, v.out.Listed, err = v.lists(ctx, v.reader, sample, nil); err != nil {
		return err
	}
	if err := v.readEach(ctx, ids); err != nil {
		return err
	}
	v.other = func(_ context.Context, id string) (reading, error) {
		return reading{account: kept[id].Account, readAt: kept[id].ReadAt}, nil
	}
	v.moved = func(ctx context.Context, id string) (bool, error) { return v.changedSince(ctx, kept[id], revision) }
	return v.judge(ctx, ids)
}

// changedSince tells whether an account is known to have changed since the snapshot was read: its row in the list says so, where that was
// read by the same plan, or another snapshot was committed meanwhile.
func (v *verifier) changedSince(ctx context.Context, was Record, revision int64) (bool, error) {
	row, listed := v.rows[was.ID]
	if listed && v.check.Made == v.reader.Plan.Name && was.RowHash != "" && was.RowHash != row.RowHash {
		return true, nil
	}
	now, err := v.runner.Store.Revision(ctx, v.check.Scope)
	return now != revision, err
}

// Age is how long ago the snapshot's account was read, for people; "" without a snapshot.
func (f Finding) Age(now time.Time) string {
	if f.ReadAt.IsZero() {
		return ""
	}
	return fmt.Sprintf("read %s ago", span(now.Sub(f.ReadAt)))
}
