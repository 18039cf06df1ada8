package main

import (
	"context"
	"fmt"
	"time"

	"sluice/aggregation"
)

// standing is how far a run is, with the accounts that it could not read.
type standing struct {
	aggregation.Standing
	Failed int64 `json:"failed"`
}

func (h *aggregateHouse) standing(ctx context.Context, id aggregation.RunID) (s standing, err error) {
	parts, err := h.db.Partitions(ctx, id)
	if err == nil {
		s.Failed, err = h.db.Failed(ctx, id)
	}
	s.Standing = aggregation.StandingOf(parts)
	return s, err
}

// expectation is what is known of a run before it is over. Its zero value is nothing.
type expectation struct {
	listCalls int64   // of the lists, 0 where that is not known
	listing   float64 // calls per minute that the limits permit while the lists are read; 0 where none binds
	detail    float64 // and while single accounts are read
}

// expect finds what can be expected of a run. The configuration may have changed since it began; then nothing can.
func (h *aggregateHouse) expect(ctx context.Context, run aggregation.Run) (e expectation) {
	connection := h.set.Connections[run.Scope.Connection]
	if connection == nil || connection.Connector == nil {
		return e
	}
	sizes, err := h.sizes(ctx, run.Scope, accountsGiven{read: -1})
	if err != nil {
		return e
	}
	sizes.Detail = 0
	if lists, err := h.runner.Forecast(run.Scope, run.Plan, sizes, aggregation.Budget{}); err == nil {
		if lists.Limits == 1 { // calls of several limits add up to more than any of them permits
			e.listing = lists.PerMinute
		}
		if len(lists.Unknown) == 0 {
			e.listCalls = int64(lists.Calls)
		}
	}
	if each, err := h.runner.Left(run, 1); err == nil {
		e.detail = each.PerMinute
	}
	return e
}

// watch shows a run until it is over.
func (h *aggregateHouse) watch(ctx context.Context, env environment, id aggregation.RunID) error {
	show := newAggregateProgress(env.stderr)
	defer show.finish()
	told := false
	for {
		run, err := h.db.Run(ctx, id)
		if err != nil {
			return h.unwatched(env, id, err, ctx.Err() != nil)
		}
		at, err := h.standing(ctx, id)
		if err != nil {
			return h.unwatched(env, id, err, ctx.Err() != nil)
		}
		if run.Over() {
			show.finish()
			return h.ended(env.stdout, run, at)
		}
		if show.expected == nil {
			e := h.expect(ctx, run)
			show.expected = &e
		}
		if at.Total > 0 && !told {
			told = true
			h.listed(env, run, at)
		}
		if err := h.serving.look(env.stderr, run, at, time.Now()); err != nil {
			return err
		}
		if err := h.blocked(id); err != nil {
			show.finish()
			return err
		}
		show.at(run, at, time.Now())
		if err := sleep(ctx, lookAtRun); err != nil {
			show.finish()
			return h.unwatched(env, id, err, true)
		}
	}
}

// blocked is the error of a store that this process, which works, could not write for long; the run waits for somebody who can.
func (h *aggregateHouse) blocked(id aggregation.RunID) error {
	if h.unwritten == nil {
		return nil
	}
	err := h.unwritten()
	if err == nil {
		return nil
	}
	return exitWith(exitBlocked, fmt.Errorf("run %d stays as it is, and sluice aggregate resume %d goes on with it: %w", id, id, err))
}

// unwatched says what becomes of a run that is not watched any more.
func (h *aggregateHouse) unwatched(env environment, id aggregation.RunID, err error, stopped bool) error {
	switch {
	case !stopped:
	case h.serving != nil:
		_, _ = fmt.Fprintf(env.stderr, "run %d goes on in %s; sluice aggregate status %d tells how far it is\n", id, h.serving.who, id)
	default:
		_, _ = fmt.Fprintf(env.stderr, "run %d stays as it is; sluice aggregate resume %d goes on with it\n", id, id)
	}
	return err
}

// listed says once, when the lists are read, how many accounts are left and how long they take.
func (h *aggregateHouse) listed(env environment, run aggregation.Run, at standing) {
	left, err := h.runner.Left(run, int(at.Total-at.Done))
	if err != nil {
		return // the configuration has changed since it began
	}
	_, _ = fmt.Fprintf(env.stderr, "run %d, %s: the lists are read; %s%s\n", run.ID, run.Scope.Resource, left, expectedBy(time.Now(), left.Duration))
}
