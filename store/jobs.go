package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"sluice/aggregation"
)

// job says that somebody should look at a partition. It is a hint: a claim decides who works, so two jobs of one partition do no harm, and one
// that is lost is made again by the sweep.
type job struct {
	Run       int64  `json:"run"`
	Partition string `json:"partition"`
}

const jobKind = "partition"

// Kind implements river.JobArgs.
func (job) Kind() string { return jobKind }

var queueShape = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// queueName is the queue of a connection. River has its own mind of names: those that it refuses stand under their hash.
func queueName(connection string) string {
	if len(connection) <= 64 && queueShape.MatchString(connection) {
		return connection
	}
	sum := sha256.Sum256([]byte(connection))
	return "x" + hex.EncodeToString(sum[:16])
}

// enqueue makes a job for each of some partitions of a run, in the transaction that makes them ready. The order of names keeps two who do so
// from waiting for each other.
func (db *DB) enqueue(ctx context.Context, t tx, run aggregation.RunID, jobs []job) error {
	if len(jobs) == 0 {
		return nil
	}
	var connection string
	if err := t.one(ctx, "SELECT s.connection FROM runs r JOIN scopes s ON s.id = r.scope WHERE r.id = ?", []any{int64(run)}, &connection); err != nil {
		return err
	}
	slices.SortFunc(jobs, func(a, b job) int { return cmp.Compare(a.Partition, b.Partition) })
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		j.Run = int64(run)
		params[i] = river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: queueName(connection)}}
	}
	made, err := db.engine.enqueue(ctx, t, params)
	if err != nil {
		return err
	}
	for i, result := range made {
		if _, err := t.exec(ctx, "UPDATE partitions SET job = ? WHERE run = ? AND name = ?", result.Job.ID, int64(run), jobs[i].Partition); err != nil {
			return err
		}
	}
	return nil
}

// enqueueReady makes jobs for all partitions of a run that are not done.
func (db *DB) enqueueReady(ctx context.Context, t tx, run aggregation.RunID) error {
	var jobs []job
	err := t.each(ctx, "SELECT name FROM partitions WHERE run = ? AND state <> 'done'", []any{int64(run)}, func(scan scan) error {
		var j job
		err := scan(&j.Partition)
		jobs = append(jobs, j)
		return err
	})
	if err != nil {
		return err
	}
	return db.enqueue(ctx, t, run, jobs)
}

func (e *sqliteEngine) enqueue(ctx context.Context, t tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	client, err := river.NewClient(riversqlite.New(e.writer), &river.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	return client.InsertManyTx(ctx, t.native().(*sql.Tx), params)
}

func (e *postgresEngine) enqueue(ctx context.Context, t tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	client, err := river.NewClient(riverpgxv5.New(e.writer), &river.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	return client.InsertManyTx(ctx, t.native().(pgx.Tx), params)
}
