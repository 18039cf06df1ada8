package aggregation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"sluice/connectors"
)

// Reader reads one resource of one connection by one of its plans, in three parts that may run in jobs of their own: List calls for the
// listing and the joins, Settle puts their rows together and says which accounts need a call of their own, and Detail makes those calls.
// All that has to survive a crash lies with the interfaces below, so that the memory of a Reader does not grow with the people it reads.
type Reader struct {
	Pager    Pager
	Resource *connectors.Resource
	Plan     *connectors.Plan
	Others   func(name string) *connectors.Resource // the connector's, for the lists that joins go over
	Now      func() time.Time                       // nil: time.Now
	// Known gives accounts that the vendor most likely has, to see whether it answers at all; nil: those that were just read alone.
	Known func(ctx context.Context) iter.Seq2[string, error]
}

// Row is a row of one of the lists that a plan reads.
type Row struct {
	Step int             // which list, counted from 0: the lists that joins go over, then the resource's own, then the joins
	ID   string          // its key; of a join, the key of the account that it adds to
	JSON json.RawMessage // canonical; of a join, what it adds
}

// Batch is rows of one list that are kept together. Whatever is kept of the same Step and Over numbered First or above is of a call that
// was broken off, and goes before these rows come.
type Batch struct {
	Step  int
	Over  string // of a join, the key of the row that the call is for
	First int    // number of the first row among those of Step and Over
	Rows  []Row  // may be none
	Gone  bool   // of a join: the vendor does not have the row Over any more, which is worth a warning
	Again bool   // the run has been as far before: tries that have failed since then still count
}

// Checkpoint is where List goes on. It is small and kept as JSON; its zero value is the beginning.
type Checkpoint struct {
	Step int      `json:"step"`
	Over string   `json:"over,omitempty"`
	Page Position `json:"page"`
	Done bool     `json:"done,omitempty"` // there is nothing left to list
	Plan string   `json:"plan,omitempty"` // tells by which lists Step counts
	Most Mark     `json:"most,omitzero"`  // how far the run has been, which may be farther than this
}

// Lists keeps the rows that a run has listed, until it is settled.
type Lists interface {
	// Keep keeps a batch and the checkpoint, both or neither.
	Keep(ctx context.Context, b Batch, at Checkpoint) error
	// Rows returns the rows of the steps first to last whose ID is not below from, in order of ID (bytewise), then step, then over, then
	// number. Calls are made and batches of other steps are kept while the sequence is read.
	Rows(ctx context.Context, first, last int, from string) iter.Seq2[Row, error]
}

// List reads the listing and the joins from a checkpoint on. Each page is kept before the next call goes, so that a crash repeats at most
// the call under way. An error ends it; what Retryable says of it tells whether the same checkpoint is worth another try.
func (r *Reader) List(ctx context.Context, lists Lists, from Checkpoint) error {
	steps, _, err := r.steps()
	if err != nil {
		return err
	}
	if lists, err = newMarker(lists, steps, from); err != nil || from.Done {
		return err
	}
	for i := from.Step; i < len(steps); i++ {
		if i > from.Step {
			from = Checkpoint{Step: i}
		}
		if err := r.listStep(ctx, lists, steps, from); err != nil {
			return fmt.Errorf("%s: %w", steps[i].name, err)
		}
	}
	return lists.Keep(ctx, Batch{Step: len(steps)}, Checkpoint{Step: len(steps), Done: true})
}

// listStep reads one list, or the lists of one join over all its rows.
func (r *Reader) listStep(ctx context.Context, lists Lists, steps []step, from Checkpoint) error {
	s := &steps[from.Step]
	if s.join == nil || s.over < 0 {
		return r.listOne(ctx, lists, s, from, Variables{})
	}
	last, left := "", 0
	for row, err := range lists.Rows(ctx, s.over, s.over, from.Over) {
		switch {
		case err != nil:
			return err
		case row.ID == last:
			continue // the list moved while it was read, and has the row twice
		}
		last = row.ID
		at := Checkpoint{Step: from.Step, Over: row.ID}
		if row.ID == from.Over {
			at = from
		}
		var v Variables
		if v, err = overVariables(row); err != nil {
			return err
		}
		err = r.listOne(ctx, lists, s, at, v)
		// A later page that is refused is no word about the row: its list is read again from the beginning.
		if gone(err) && !spoilt(err) && left < maxLeft {
			left++
			err = lists.Keep(ctx, Batch{Step: at.Step, Over: at.Over, Gone: true}, Checkpoint{Step: at.Step, Over: at.Over, Page: Position{Done: true}})
		}
		if err != nil {
			return fmt.Errorf("for %s: %w", row.ID, err)
		}
	}
	return nil
}

// maxLeft is how many rows that a join goes over may have left the vendor since they were listed. Where more seem to have, it is the
// join's path that is wrong, and going on would take from everybody what the join tells.
const maxLeft = 10

// overVariables are $key and $over of a join's call.
func overVariables(row Row) (Variables, error) {
	over, err := parseDocument(row.JSON)
	return Variables{Key: row.ID, Over: over}, err
}

// listOne reads one list to its end. One that turns out not to be whole is dropped, so that the next try begins at its beginning.
func (r *Reader) listOne(ctx context.Context, lists Lists, s *step, from Checkpoint, v Variables) error {
	err := r.Pager.Pages(ctx, s.list, v, from.Page, func(p Page) error {
		b := Batch{Step: from.Step, Over: from.Over, First: p.First, Rows: make([]Row, 0, len(p.Rows))}
		for i, item := range p.Rows {
			row, ok, err := s.row(from.Step, item, v.Over)
			if err != nil {
				return fmt.Errorf("row %d: %w", p.First+i+1, err)
			}
			if ok {
				b.Rows = append(b.Rows, row)
			}
		}
		return lists.Keep(ctx, b, Checkpoint{Step: from.Step, Over: from.Over, Page: p.At})
	})
	if !spoilt(err) {
		return err
	}
	if dropped := lists.Keep(ctx, Batch{Step: from.Step, Over: from.Over}, Checkpoint{Step: from.Step, Over: from.Over}); dropped != nil {
		return errors.Join(err, dropped)
	}
	return err
}
