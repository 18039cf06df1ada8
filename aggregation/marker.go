package aggregation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"sluice/connectors"
	"sluice/transforms"
)

// errOtherLists ends a run whose connector was changed so that the numbers of its lists, under which rows are kept, mean other lists now.
var errOtherLists = errors.New("the connector's lists are not those with which the run began, and what it has read fits them no more; begin a new run")

// marker is a Lists that writes into each checkpoint what is needed to go on there: by which lists its numbers count, and how far the
// reading has been. What lies before that is read again after an answer that was cut or a list that was not whole, and is no progress: a
// vendor who always fails at one place would otherwise be asked for ever.
type marker struct {
	Lists
	plan string
	most Mark
}

// Mark is how far a run has been in its lists.
type Mark struct {
	Step  int    `json:"step,omitempty"`
	Over  string `json:"over,omitempty"`
	Pages int    `json:"pages,omitempty"`
}

// beyond tells whether m lies farther than other. The rows that a join goes over come in the order of their ids.
func (m Mark) beyond(other Mark) bool {
	switch {
	case m.Step != other.Step:
		return m.Step > other.Step
	case m.Over != other.Over:
		return m.Over > other.Over
	}
	return m.Pages > other.Pages
}

// newMarker goes on from a checkpoint, unless it is of other lists.
func newMarker(lists Lists, steps []step, from Checkpoint) (*marker, error) {
	m := &marker{Lists: lists, plan: fingerprint(steps), most: from.Most}
	if from != (Checkpoint{}) && from.Plan != m.plan {
		return nil, errOtherLists
	}
	return m, nil
}

// Keep implements Lists.
func (m *marker) Keep(ctx context.Context, b Batch, at Checkpoint) error {
	most := Mark{at.Step, at.Over, at.Page.Pages}
	if b.Again = !most.beyond(m.most); b.Again {
		most = m.most
	}
	at.Plan, at.Most = m.plan, most
	err := m.Lists.Keep(ctx, b, at)
	if err == nil {
		m.most = most
	}
	return err
}

// fingerprint tells lists apart by all that decides which rows they give and what a position in them means.
func fingerprint(steps []step) string {
	h := sha256.New()
	for i := range steps {
		s := &steps[i]
		p := &s.list.Paging
		say(h, s.name, s.over, s.key, s.list.Items)
		sayCall(h, &s.list.Request)
		say(h, p.Style, p.Param, p.Size, p.SizeBy, p.First, p.Rel, p.Next, p.Total)
		if s.fold {
			say(h, "fold_case")
		}
		if s.join != nil {
			say(h, s.join.Over, s.join.Add)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// making tells apart in which way an account is made of its row: whether by a call of its own, by which, and by which programs.
func (r *Reader) making() []byte {
	h := sha256.New()
	say(h, r.Resource.Key, r.Resource.Map.Name, r.Resource.Map.Active, r.Resource.Map.Attributes)
	for _, kind := range slices.Sorted(maps.Keys(r.Resource.Map.Entitlements)) {
		say(h, kind, r.Resource.Map.Entitlements[kind])
	}
	if r.Plan.Detail != nil {
		sayCall(h, r.Plan.Detail)
		say(h, r.Plan.If)
	}
	return h.Sum(nil)
}

func sayCall(to io.Writer, r *connectors.Request) {
	say(to, r.Method, r.Path, r.Body)
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		say(to, name, r.Query[name])
	}
}

// say writes values so that no two sequences of them look alike.
func say(to io.Writer, values ...any) {
	for _, v := range values {
		if q, ok := v.(*transforms.Query); ok {
			if v = ""; q != nil {
				v = "jq " + q.String()
			}
		}
		_, _ = fmt.Fprintf(to, "%q\n", fmt.Sprint(v)) // a hash never fails
	}
}
