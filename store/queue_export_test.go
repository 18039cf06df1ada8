package store

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"sluice/triggers"
)

// Job is the job of the test.
type Job struct {
	Say string `json:"say"`
}

// Kind implements river.JobArgs.
func (Job) Kind() string { return "say" }

// worker says what its jobs say.
type worker struct {
	river.WorkerDefaults[Job]
	said chan<- string
}

func (w worker) Work(_ context.Context, job *river.Job[Job]) error {
	w.said <- job.Args.Say
	return nil
}

// InsertJob writes an event and a job in one transaction, which after says how to end.
func (db *DB) InsertJob(ctx context.Context, say string, after error) error {
	return db.write(ctx, "insert", func(t tx) error {
		if err := emit(ctx, t, []triggers.Event{{ID: say}}); err != nil {
			return err
		}
		var err error
		switch native := t.native().(type) {
		case *sql.Tx:
			err = insertJob(ctx, riversqlite.New(nil), native, say)
		case pgx.Tx:
			err = insertJob(ctx, riverpgxv5.New(nil), native, say)
		}
		if err == nil {
			err = after
		}
		return err
	})
}

func insertJob[T any](ctx context.Context, driver riverdriver.Driver[T], native T, say string) error {
	client, err := river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = client.InsertTx(ctx, native, Job{say}, nil)
	}
	return err
}

// Work works off jobs until stop is called, by the connections that the database writes with.
func (db *DB) Work(ctx context.Context, said chan<- string) (stop func(), err error) {
	switch e := db.engine.(type) {
	case *sqliteEngine:
		return work(ctx, riversqlite.New(e.writer), said)
	case *postgresEngine:
		return work(ctx, riverpgxv5.New(e.writer), said)
	}
	return nil, nil
}

func work[T any](ctx context.Context, driver riverdriver.Driver[T], said chan<- string) (func(), error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, worker{said: said})
	client, err := river.NewClient(driver, &river.Config{
		Logger: slog.New(slog.DiscardHandler), Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}},
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	return func() { _ = client.Stop(context.WithoutCancel(ctx)) }, nil
}
