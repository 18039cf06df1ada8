package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"sluice/aggregation"
)

var quiet = slog.New(slog.DiscardHandler)

// How soon a partition whose owner died is another's: after the lease and one sweep.
const (
	defaultLease = 15 * time.Second
	defaultSweep = 5 * time.Second
)

// QueueOptions say what a node works at.
type QueueOptions struct {
	Workers map[string]int // by connection: partitions that this node works at at once
	// Work works at a claimed partition until it is finished, or gives it back for a time by itself and says for how long. Its context
	// ends when the queue stops or another has the partition.
	Work  func(ctx context.Context, claim aggregation.Claim) (pause time.Duration, err error)
	Log   *slog.Logger  // nil: none
	Owner string        // one life of a node; "" = host, process and chance
	Lease time.Duration // how long a silent owner keeps a partition; 0 = 15 s
	Sweep time.Duration // how often partitions of silent owners are looked for; 0 = 5 s
}

// Queue takes partitions from the database and has them worked at. A connection's partitions stand in a queue of their own, so that
// one connection never takes another's workers.
type Queue struct {
	db     *DB
	o      QueueOptions
	client queueClient

	working context.Context
	halt    context.CancelCauseFunc
	sweeper sync.WaitGroup
}

var errStopping = errors.New("store: the queue stops")

// Queue returns a queue that does nothing yet.
func (db *DB) Queue(o QueueOptions) (*Queue, error) {
	if o.Log == nil {
		o.Log = quiet
	}
	if o.Owner == "" {
		host, _ := os.Hostname() // a name for people; chance tells nodes apart
		o.Owner = fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8])
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	if o.Sweep <= 0 {
		o.Sweep = defaultSweep
	}
	q := &Queue{db: db, o: o}
	q.working, q.halt = context.WithCancelCause(context.Background())
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &jobWorker{queue: q}); err != nil {
		return nil, err
	}
	config := &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{}, Logger: quiet, ID: "",
		JobTimeout: -1, RescueStuckJobsAfter: time.Hour, CompletedJobRetentionPeriod: time.Hour,
		// It asks often and does not listen: the listener of River v0.49.0 spins for ever when its database goes away while it starts.
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond, PollOnly: true,
	}
	for connection, n := range o.Workers {
		config.Queues[queueName(connection)] = river.QueueConfig{MaxWorkers: max(1, n)}
	}
	if len(config.Queues) == 0 {
		return nil, errors.New("the queue has no connection to work for")
	}
	var err error
	q.client, err = db.engine.worker(config)
	return q, err
}

func (e *sqliteEngine) worker(config *river.Config) (queueClient, error) {
	return newWorker(riversqlite.New(e.writer), config)
}

func (e *postgresEngine) worker(config *river.Config) (queueClient, error) {
	return newWorker(riverpgxv5.New(e.writer), config)
}

func newWorker[T any](driver riverdriver.Driver[T], config *river.Config) (queueClient, error) {
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	return client, nil
}

// Start begins to take jobs.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", q.db.engine.explain(err))
	}
	q.sweeper.Go(q.sweepOften)
	return nil
}

// Stop takes no more jobs, ends the work under way and gives its partitions back to other nodes, who go on from their checkpoints.
func (q *Queue) Stop(ctx context.Context) error {
	q.halt(errStopping)
	err := q.client.Stop(ctx)
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, q.client.StopAndCancel(last))
	}
	q.sweeper.Wait()
	return err
}
