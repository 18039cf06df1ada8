package aggregation

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sluice/connectors"
	"sluice/transforms"
)

// step is one list of a plan.
type step struct {
	name string
	list *connectors.Listing
	key  *transforms.Query // of a row
	fold bool              // its ids are told apart without case
	join *connectors.Join  // nil: the rows are kept as they are
	over int               // of a join: the step whose rows it goes over; -1: it is one call
}

// steps returns the lists of the plan in the order in which they are read, and which of them is the resource's own.
func (r *Reader) steps() (steps []step, own int, err error) {
	over := map[string]int{"": -1}
	for i := range r.Plan.Joins {
		name := r.Plan.Joins[i].Over
		if _, known := over[name]; known || name == r.Resource.Name {
			continue
		}
		other := r.Others(name)
		if other == nil || len(other.Plans) == 0 {
			return nil, 0, fmt.Errorf("plan %s: joins over %s, which is no resource of the connector", r.Plan.Name, name)
		}
		over[name] = len(steps)
		steps = append(steps, step{name: name, list: &other.Plans[0].List, key: other.Key, fold: other.FoldCase, over: -1})
	}
	own = len(steps)
	over[r.Resource.Name] = own
	steps = append(steps, step{name: r.Resource.Name, list: &r.Plan.List, key: r.Resource.Key, fold: r.Resource.FoldCase, over: -1})
	for i := range r.Plan.Joins {
		join := &r.Plan.Joins[i]
		steps = append(steps, step{name: fmt.Sprintf("join %d", i+1), list: &join.List, key: join.Owner, fold: r.Resource.FoldCase, join: join, over: over[join.Over]})
	}
	return steps, own, nil
}

// row makes of an item what is kept of it; ok is false for one of a join that adds nothing to anybody.
func (s *step) row(n int, item, over any) (row Row, ok bool, err error) {
	if s.join == nil {
		id, ok := s.key.Text(item)
		if !ok {
			return Row{}, false, fmt.Errorf("key: %s gives neither a text nor a number", s.key)
		}
		if !keepable(id) {
			return Row{}, false, fmt.Errorf("key: %s gives a text with a NUL, or of more than %d bytes, which no database keeps as a key", s.key, mostKey)
		}
		b, err := canonicalJSON(item)
		return Row{n, spell(id, s.fold), b}, true, err
	}
	owner, err := s.key.Value(item, over)
	if err != nil {
		return Row{}, false, fmt.Errorf("owner: %w", err)
	}
	id, ok := textOf(owner)
	if !ok && owner != nil {
		return Row{}, false, fmt.Errorf("owner: %s gives neither a text nor a number", s.key)
	}
	if id == "" || !keepable(id) { // which no account has
		return Row{}, false, nil
	}
	add, err := s.join.Add.Value(item, over)
	if err != nil {
		return Row{}, false, fmt.Errorf("add: %w", err)
	}
	if add == nil {
		return Row{}, false, nil
	}
	if _, object := add.(map[string]any); !object {
		return Row{}, false, fmt.Errorf("add: %s gives no object", s.join.Add)
	}
	b, err := canonicalJSON(add)
	return Row{n, spell(id, s.fold), b}, true, err
}

// mostKey is how long an account's id may be: an index of PostgreSQL keeps no entry of more than 2,704 bytes, and a row of a join has two ids.
const mostKey = 1000

// keepable tells whether a database keeps an id. One that it refused would look like a fault of the store, after which the same answer is
// read again and again.
func keepable(id string) bool {
	return len(id) <= mostKey && !strings.Contains(id, "\x00") && utf8.ValidString(id)
}
