package aggregation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// lottery draws accounts by chance: those with the lowest hashes of seed and id. Whoever draws again with the same seed gets the same ones,
// in whatever order they come.
type lottery struct {
	seed  uint64
	most  int
	drawn []ticket // in order of their hashes
}

type ticket struct {
	hash uint64
	id   string
}

// offer lets an id take part. It tells whether the id is among those drawn so far, and which one it has driven out.
func (l *lottery) offer(id string) (in bool, out string) {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], l.seed)
	sum := sha256.Sum256(append(seed[:], id...))
	t := ticket{binary.BigEndian.Uint64(sum[:8]), id}
	at, known := slices.BinarySearchFunc(l.drawn, t, func(a, b ticket) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id)) })
	switch {
	case known:
		return true, ""
	case at >= l.most:
		return false, ""
	}
	if l.drawn = slices.Insert(l.drawn, at, t); len(l.drawn) > l.most {
		out = l.drawn[l.most].id
		l.drawn = l.drawn[:l.most]
	}
	return true, out
}

// ids are those drawn, in order of their bytes.
func (l *lottery) ids() []string {
	ids := make([]string, 0, len(l.drawn))
	for _, t := range l.drawn {
		ids = append(ids, t.id)
	}
	slices.Sort(ids)
	return ids
}

// mostHeld is how many rows a sample may need. What joins go over is kept whole, and is small at every vendor that is known.
const mostHeld = 250_000

var errHeldTooMany = fmt.Errorf("more than %s rows are needed to put the sample together", thousands(mostHeld))

// listKey is one list of a step.
type listKey struct {
	step int
	over string
}

// heldRow is a row and its number in its list.
type heldRow struct {
	Row
	n int
}

// heldLists are Lists in memory that keep of the accounts' rows those of a sample alone. They are good for one reading.
type heldLists struct {
	own     int             // the step of the resource's own list
	whole   bool            // a join goes over the own list, so that all of its rows are needed
	drawing *lottery        // draws among the own list's rows; nil: wanted says who is in the sample
	wanted  map[string]bool // the sample
	listed  int             // rows of the own list
	at      Checkpoint

	rows map[listKey][]heldRow
	held int
}

// Keep implements Lists.
func (l *heldLists) Keep(_ context.Context, b Batch, at Checkpoint) error {
	l.at = at
	key := listKey{b.Step, b.Over}
	kept := l.rows[key]
	before := len(kept)
	kept = slices.DeleteFunc(kept, func(r heldRow) bool { return r.n >= b.First })
	if b.Step == l.own {
		l.listed = b.First + len(b.Rows)
		if l.drawing != nil && b.First == 0 {
			l.drawing.drawn = nil
			clear(l.wanted)
		}
	}
	for i, row := range b.Rows {
		if l.needs(row) {
			kept = append(kept, heldRow{row, b.First + i})
		}
	}
	if b.Step == l.own && !l.whole {
		kept = slices.DeleteFunc(kept, func(r heldRow) bool { return !l.wanted[r.ID] })
	}
	l.rows[key] = kept
	if l.held += len(kept) - before; l.held > mostHeld {
		return errHeldTooMany
	}
	return nil
}

// needs tells whether a row is kept, and lets those of the own list take part in the lottery.
func (l *heldLists) needs(row Row) bool {
	if row.Step < l.own {
		return true
	}
	if row.Step == l.own && l.drawing != nil {
		in, out := l.drawing.offer(row.ID)
		if in {
			l.wanted[row.ID] = true
		}
		delete(l.wanted, out)
	}
	return l.wanted[row.ID] || row.Step == l.own && l.whole
}

// Rows implements Lists.
func (l *heldLists) Rows(_ context.Context, first, last int, from string) iter.Seq2[Row, error] {
	type placed struct {
		heldRow
		over string
	}
	var all []placed
	for key, rows := range l.rows {
		if key.step < first || key.step > last {
			continue
		}
		for _, row := range rows {
			if row.ID >= from {
				all = append(all, placed{row, key.over})
			}
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Step, b.Step), cmp.Compare(a.over, b.over), cmp.Compare(a.n, b.n))
	})
	return func(yield func(Row, error) bool) {
		for _, row := range all {
			if !yield(row.Row, nil) {
				return
			}
		}
	}
}

// settledOf gathers what is settled of a sample.
type settledOf struct {
	wanted map[string]bool
	all    map[string]Settled
}

// Settle implements Accounts.
func (s settledOf) Settle(_ context.Context, batch []Settled) error {
	for _, one := range batch {
		if s.wanted[one.ID] {
			s.all[one.ID] = one
		}
	}
	return nil
}

// sampled reads the lists of the plan and settles the accounts of a sample: those that wanted has, or else those that drawing draws.
func (r *Reader) sampled(ctx context.Context, wanted map[string]bool, drawing *lottery, try func(func() error) error) (all map[string]Settled, listed int, err error) {
	steps, own, err := r.steps()
	if err != nil {
		return nil, 0, err
	}
	lists := &heldLists{own: own, drawing: drawing, wanted: wanted, rows: map[listKey][]heldRow{}}
	for _, s := range steps {
		lists.whole = lists.whole || s.join != nil && s.over == own
	}
	if err := try(func() error {
		err := r.List(ctx, lists, lists.at)
		if errors.Is(err, errHeldTooMany) {
			return errHeldTooMany
		}
		return err
	}); err != nil {
		return nil, 0, err
	}
	out := settledOf{wanted, map[string]Settled{}}
	_, err = r.Settle(ctx, lists, ChangedOnly{}, out)
	return out.all, lists.listed, err
}
