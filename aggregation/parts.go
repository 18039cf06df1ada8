package aggregation

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"sluice/connectors"
)

// rangeOf is the spec of a detail partition: the accounts not below From and, unless To is "", below it.
type rangeOf struct {
	From string `json:"from"`
	To   string `json:"to,omitempty"`
}

// list reads the lists, settles them, and plans what is left. After a crash it goes on at its checkpoint; settling is done again. A run that
// reads failed accounts again has its rows already.
func (r *Runner) list(ctx context.Context, s subject, claim Claim, reader *Reader, work Work) error {
	pending := -1
	if s.run.Whole() {
		if s.resource.FoldCase {
			if err := r.respell(ctx, s); err != nil {
				return err
			}
		}
		tally, err := r.settle(ctx, s, claim, reader, work)
		if err != nil {
			return err
		}
		pending = tally.Pending
	}
	parts, err := r.cut(ctx, s, pending)
	if err != nil {
		return err
	}
	return kept(r.Store.Finish(ctx, claim, parts...))
}

// checkpointOf is where the last worker at a partition was; zero at its beginning.
func checkpointOf(claim Claim) (at Checkpoint, err error) {
	if claim.Checkpoint == nil {
		return at, nil
	}
	if err := json.Unmarshal(claim.Checkpoint, &at); err != nil {
		return at, fmt.Errorf("checkpoint: %w", err)
	}
	return at, nil
}

// settle reads the lists and settles them.
func (r *Runner) settle(ctx context.Context, s subject, claim Claim, reader *Reader, work Work) (tally Tally, err error) {
	at, err := checkpointOf(claim)
	if err != nil {
		return tally, err
	}
	if err := reader.List(ctx, work, at); err != nil {
		return tally, err
	}
	var only ChangedOnly
	if s.connection.Aggregation.ChangedOnly {
		only = ChangedOnly{Before: stored(r.Store.Before(ctx, s.run.Scope)), MaxAge: s.resource.MaxAge}
	} else if moves, err := reader.joinsMove(); err != nil {
		return tally, err
	} else if moves {
		only = ChangedOnly{Before: stored(r.Store.Before(ctx, s.run.Scope)), Off: true}
	}
	if tally, err = r.settleAll(ctx, s, reader, work, only); err != nil {
		return tally, err
	}
	if tally.Doubled > 0 {
		err = work.Warn(ctx, thousands(tally.Doubled)+" rows of the listing were of an account that had one already: the list moved while it was read")
	}
	if tally.Lost > 0 && err == nil {
		err = work.Warn(ctx, thousands(tally.Lost)+" accounts have lost something by joins that are read by numbers of rows, which pass somebody over when another "+
			"leaves while they are read; they stay as they were unless the next run says so too")
	}
	if tally.Strays > 0 && err == nil {
		err = work.Warn(ctx, thousands(tally.Strays)+" rows of joins were of accounts that the listing does not have")
	}
	return tally, err
}

// cut plans the detail partitions. pending is how many accounts need a call, -1 where that is not known.
func (r *Runner) cut(ctx context.Context, s subject, pending int) ([]Partition, error) {
	waiting := func() iter.Seq2[Pending, error] { return stored(r.Store.Pending(ctx, s.run.ID, "", "")) }
	if pending < 0 {
		pending = 0
		for _, err := range waiting() {
			if err != nil {
				return nil, err
			}
			pending++
		}
	}
	cut := Cut(pending, s.perMinute(), nodesPlanned*s.connection.Aggregation.WorkersPerNode)
	parts := make([]Partition, 0, len(cut))
	specs := make([]rangeOf, 0, len(cut))
	n := 0
	for p, err := range waiting() {
		if err != nil {
			return nil, err
		}
		if len(specs) < len(cut) && cut[len(specs)].First == n {
			if last := len(specs) - 1; last >= 0 {
				specs[last].To = p.ID
			}
			specs = append(specs, rangeOf{From: p.ID})
		}
		n++
	}
	for i, spec := range specs {
		b, err := json.Marshal(spec)
		if err != nil {
			return nil, err
		}
		parts = append(parts, Partition{Name: fmt.Sprintf("detail-%04d", i+1), Spec: b, Total: int64(cut[i].Count)})
	}
	return parts, nil
}

// nodesPlanned is for how many nodes partitions are cut: nodes that join later shall find work too.
const nodesPlanned = 4

// perMinute is what the limit of the plan's detail call permits over all addresses; 0 where none binds.
func (s subject) perMinute() float64 {
	if s.plan.Detail == nil {
		return 0
	}
	return Budget{Addresses: s.addresses(), Share: 1}.perMinute(s.rule(s.plan.Detail.Method, s.plan.Detail.Path))
}

// addresses is how many source addresses the connection's calls leave from.
func (s subject) addresses() int { return max(1, len(s.connection.Wire.Egress)) }

// rule is the narrowest limit by calls and time of a call; nil where there is none.
func (s subject) rule(method, path string) (narrowest *connectors.Rule) {
	route := s.connection.Route(method, "/"+trimSlash(path))
	if route == nil {
		return nil
	}
	var least float64
	for _, rule := range s.connection.Rules(route) {
		if each := (Budget{Addresses: 1, Share: 1}).perMinute(rule); each > 0 && (narrowest == nil || each < least) {
			narrowest, least = rule, each
		}
	}
	return narrowest
}

// detail reads the accounts of a range. Those that were read before a crash are not pending any more.
func (r *Runner) detail(ctx context.Context, s subject, claim Claim, reader *Reader, work Work) error {
	var span rangeOf
	if err := json.Unmarshal(claim.Spec, &span); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if s.plan.Detail == nil {
		return fmt.Errorf("plan %s has no call for one account any more", s.plan.Name)
	}
	if err := reader.Detail(ctx, stored(r.Store.Pending(ctx, s.run.ID, span.From, span.To)), work); err != nil {
		return err
	}
	return kept(r.Store.Finish(ctx, claim))
}
