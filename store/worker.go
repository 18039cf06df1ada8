package store

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"sluice/aggregation"
)

// queueClient is what a Queue needs of River, whatever the database.
type queueClient interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// jobWorker is where River hands a job over.
type jobWorker struct {
	river.WorkerDefaults[job]
	queue *Queue
}

// Work implements river.Worker. What it returns decides about the job alone; the partition is where its claim left it.
func (w *jobWorker) Work(ctx context.Context, j *river.Job[job]) error {
	q := w.queue
	if q.working.Err() != nil {
		return river.JobSnooze(0) // for another node
	}
	claim, err := q.db.Claim(ctx, aggregation.Want{Run: aggregation.RunID(j.Args.Run), Name: j.Args.Partition, Owner: q.o.Owner, Lease: q.o.Lease})
	switch {
	case errors.Is(err, aggregation.ErrNone), errors.Is(err, aggregation.ErrState):
		return nil // another has it, or nobody should
	case err != nil:
		return err
	}
	pause, err := q.hold(ctx, claim)
	switch {
	case q.working.Err() != nil:
		return river.JobSnooze(0)
	case err != nil:
		return err
	case pause > 0:
		return river.JobSnooze(pause)
	}
	return nil
}

// hold works at a partition while a heartbeat keeps its lease. A partition that Work leaves with an error is given back.
func (q *Queue) hold(ctx context.Context, claim aggregation.Claim) (pause time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(q.working, func() { cancel(context.Cause(q.working)) })()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		q.beat(ctx, claim, cancel)
	}()
	pause, err = q.o.Work(ctx, claim)
	cause := context.Cause(ctx)
	cancel(nil)
	<-beating
	if err == nil {
		return pause, nil
	}
	if lost(err) || lost(cause) {
		return 0, nil
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), q.o.Lease)
	defer stop()
	released := q.db.Release(last, claim)
	if lost(released) {
		released = nil
	}
	if q.working.Err() == nil {
		q.o.Log.Warn("a partition was given back", "partition", claim.Name, "run", int64(claim.Run), "error", err)
	}
	return 0, errors.Join(err, released)
}

// lost tells whether the partition is not the worker's any more, about which there is nothing to say.
func lost(err error) bool {
	return errors.Is(err, aggregation.ErrFenced) || errors.Is(err, aggregation.ErrState)
}

// beat makes the lease longer while a call waits. One that is lost ends the work; a database that does not answer does not, because each
// write is fenced.
func (q *Queue) beat(ctx context.Context, claim aggregation.Claim, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(q.o.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := q.db.Heartbeat(ctx, claim); lost(err) {
				cancel(err)
				return
			}
		}
	}
}
