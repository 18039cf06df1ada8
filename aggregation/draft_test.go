package aggregation_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"testing"

	"sluice/aggregation"
)

// draft is a store in memory, true to what the interfaces ask of one. Checkpoints and rows go through JSON and copies, as they would
// through a database.
type draft struct {
	rows    []numbered
	at      json.RawMessage
	settled map[string]aggregation.Settled
	failed  map[string]aggregation.Failure
	kept    func() error // after each thing kept; nil: nothing
}

type numbered struct {
	aggregation.Row
	over string
	n    int
}

func (d *draft) Keep(_ context.Context, b aggregation.Batch, at aggregation.Checkpoint) error {
	d.rows = slices.DeleteFunc(d.rows, func(r numbered) bool { return r.Step == b.Step && r.over == b.Over && r.n >= b.First })
	for i, row := range b.Rows {
		row.JSON = bytes.Clone(row.JSON)
		d.rows = append(d.rows, numbered{row, b.Over, b.First + i})
	}
	var err error
	if d.at, err = json.Marshal(at); err != nil {
		return err
	}
	return d.then()
}

func (d *draft) then() error {
	if d.kept == nil {
		return nil
	}
	return d.kept()
}

// checkpoint is the last that was kept.
func (d *draft) checkpoint(t *testing.T) aggregation.Checkpoint {
	t.Helper()
	var at aggregation.Checkpoint
	if d.at != nil {
		if err := json.Unmarshal(d.at, &at); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

func (d *draft) Rows(_ context.Context, first, last int, from string) iter.Seq2[aggregation.Row, error] {
	var out []numbered
	for _, r := range d.rows {
		if r.Step >= first && r.Step <= last && r.ID >= from {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Step, b.Step), cmp.Compare(a.over, b.over), cmp.Compare(a.n, b.n))
	})
	return func(yield func(aggregation.Row, error) bool) {
		for _, r := range out {
			if !yield(r.Row, nil) {
				return
			}
		}
	}
}

func (d *draft) Settle(_ context.Context, batch []aggregation.Settled) error {
	if d.settled == nil {
		d.settled = map[string]aggregation.Settled{}
	}
	for _, s := range batch {
		d.settled[s.ID] = s
	}
	return d.then()
}

// pending are the accounts that need a call of their own and have not had it.
func (d *draft) pending() iter.Seq2[aggregation.Pending, error] {
	return func(yield func(aggregation.Pending, error) bool) {
		for _, id := range slices.Sorted(maps.Keys(d.settled)) {
			s := d.settled[id]
			if s.Row != nil && !yield(aggregation.Pending{ID: id, Row: s.Row, RowHash: s.RowHash}, nil) {
				return
			}
		}
	}
}

func (d *draft) Detail(_ context.Context, r aggregation.Record) error {
	d.settled[r.ID] = aggregation.Settled{Record: r}
	return d.then()
}

func (d *draft) Fail(_ context.Context, f aggregation.Failure) error {
	if d.failed == nil {
		d.failed = map[string]aggregation.Failure{}
	}
	d.failed[f.ID] = f
	s := d.settled[f.ID]
	s.Row, s.Reason = nil, f.Reason
	d.settled[f.ID] = s
	return d.then()
}

// accounts are the canonical accounts by id; "" where there is none.
func (d *draft) accounts() map[string]string {
	out := map[string]string{}
	for id, s := range d.settled {
		out[id] = string(s.Account)
	}
	return out
}

// records are what a run compares with the snapshot, in order.
func (d *draft) records() []aggregation.Record {
	var out []aggregation.Record
	for _, id := range slices.Sorted(maps.Keys(d.settled)) {
		out = append(out, d.settled[id].Record)
	}
	return out
}

func sequence(records []aggregation.Record) iter.Seq2[aggregation.Record, error] {
	return func(yield func(aggregation.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}
