package aggregation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"sluice/connectors"
)

// Runner works at the partitions of runs, one claim at a time:
//
//	list      List, Settle, and then it cuts what is pending into the partitions that follow
//	detail-…  Detail over the accounts of its range
//	commit    Diff, Guard, and then it holds the run or commits it
//
// It keeps nothing between two claims, so that any node may go on with any partition. Its methods are safe for concurrent use.
type Runner struct {
	Store Store
	Set   func() *connectors.Set // the configuration in force
	// Client reaches a connection's vendor. Its calls bear an id, by which the log tells whose they are, and each is told to called.
	Client func(connection, id string, called func(held time.Duration)) (*http.Client, error)
	Tenant string
	Log    *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
	Pauses Pauses
}

// Pauses say how a partition is tried again after an error that may pass. The zero Pauses are the default ones.
type Pauses struct {
	First, Most time.Duration // 1 s, doubled up to 60 s
	Tries       int           // without anything kept in between, before the run has failed; 10
}

// after is the pause after so many tries.
func (p Pauses) after(tries int) (time.Duration, bool) {
	if p.First <= 0 {
		p.First = time.Second
	}
	if p.Most <= 0 {
		p.Most = time.Minute
	}
	if p.Tries <= 0 {
		p.Tries = 10
	}
	pause := p.First
	for range tries - 1 {
		pause = min(2*pause, p.Most)
	}
	return pause, tries < p.Tries
}

// Start begins a run of a scope by a plan, "" being the connection's own. Whoever works for the connection takes it up.
func (r *Runner) Start(ctx context.Context, scope Scope, plan string) (Run, error) {
	s, err := r.subject(Run{Scope: scope, Plan: plan})
	if err != nil {
		return Run{}, err
	}
	return r.Store.StartRun(ctx, scope, s.plan.Name, Partition{Name: ListPartition})
}

// subject is what a run is about, in the configuration in force.
type subject struct {
	run        Run
	connection *connectors.Connection
	resource   *connectors.Resource
	plan       *connectors.Plan
}

func (r *Runner) subject(run Run) (subject, error) {
	s := subject{run: run, connection: r.Set().Connections[run.Scope.Connection]}
	if s.connection == nil {
		return s, fmt.Errorf("there is no connection %q in the configuration", run.Scope.Connection)
	}
	if s.resource = s.connection.Connector.Resource(run.Scope.Resource); s.resource == nil {
		return s, fmt.Errorf("connector %s has no resource %q", s.connection.Connector.Name, run.Scope.Resource)
	}
	if s.plan = s.connection.Plan(s.resource); run.Plan != "" {
		s.plan = s.resource.Plan(run.Plan)
	}
	if s.plan == nil {
		return s, fmt.Errorf("%s of connector %s has no plan %q", s.resource.Name, s.connection.Connector.Name, run.Plan)
	}
	return s, nil
}

// reader reads under an id.
func (r *Runner) reader(s subject, id string, called func(held time.Duration)) (*Reader, error) {
	client, err := r.Client(s.connection.Name, id, called)
	if err != nil {
		return nil, err
	}
	return &Reader{
		Pager: Pager{Client: client, Base: s.connection.Base}, Resource: s.resource, Plan: s.plan,
		Others: s.connection.Connector.Resource, Now: r.Now,
	}, nil
}

// Work works at a claimed partition. It gives back a pause after which it is worth another try; an error says that the store failed, that
// the claim is lost or that ctx has ended. What the vendor or the configuration does wrong ends the run as failed, and is no error.
func (r *Runner) Work(ctx context.Context, claim Claim) (pause time.Duration, err error) {
	run, err := r.Store.Run(ctx, claim.Run)
	if err != nil {
		return 0, err
	}
	err = r.part(ctx, run, claim, &witness{r.Store.Work(claim)})
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, ErrFenced), errors.Is(err, ErrState), ctx.Err() != nil:
		return 0, err
	case errors.As(err, new(*storeError)):
		return 0, err
	case !Retryable(err):
		return 0, r.fail(ctx, run, fmt.Sprintf("%s: %v", claim.Name, err))
	}
	again, paused := r.Store.Pause(ctx, claim, err.Error(), func(tries int) (time.Duration, bool) {
		next, more := r.Pauses.after(tries)
		pause = next
		return next, more
	})
	switch {
	case paused != nil:
		return 0, paused
	case again:
		r.log().Warn("a partition is tried again", "run", int64(run.ID), "partition", claim.Name, "pause", pause, "error", err)
		return pause, nil
	}
	return 0, r.fail(ctx, run, fmt.Sprintf("%s: given up after several tries: %v", claim.Name, err))
}

// part does what a partition is for.
func (r *Runner) part(ctx context.Context, run Run, claim Claim, work Work) error {
	s, err := r.subject(run)
	if err != nil {
		return err
	}
	reader, err := r.reader(s, fmt.Sprintf("run-%d.%s", run.ID, claim.Name), work.Called)
	if err != nil {
		return err
	}
	reader.Known = func(ctx context.Context) iter.Seq2[string, error] { return r.known(ctx, run) }
	switch claim.Name {
	case ListPartition:
		return r.list(ctx, s, claim, reader, work)
	case CommitPartition:
		return r.commit(ctx, s, claim, reader, work)
	}
	return r.detail(ctx, s, claim, reader, work)
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
