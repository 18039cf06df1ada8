package aggregation

import (
	"context"
	"iter"
	"time"

	"sluice/triggers"
)

// Work keeps what one claim reads. Each write is refused with ErrFenced once another has the partition, and makes its lease longer.
type Work interface {
	Lists
	Accounts
	Details
	// Called counts a call to the vendor that was held for so long before it went.
	Called(held time.Duration)
	// Warn keeps something that whoever reads of the run should know.
	Warn(ctx context.Context, text string) error
}

// Runs keeps runs and their partitions. Every partition that is to be worked at gets a job, in the transaction that makes it so.
type Runs interface {
	StartRun(ctx context.Context, scope Scope, plan string, partitions ...Partition) (Run, error)
	RetryRun(ctx context.Context, failed RunID) (Run, error)
	MoveRun(ctx context.Context, run RunID, to State, note string, events ...triggers.Event) error
	Run(ctx context.Context, run RunID) (Run, error)
	Warnings(ctx context.Context, run RunID) ([]string, error)
	// Tally counts what was staged for a run, and how many of it failed.
	Tally(ctx context.Context, run RunID) (staged, failed int, err error)
	Forget(ctx context.Context, run RunID) error
}

// Claims is what the holder of a partition does with it.
type Claims interface {
	Work(claim Claim) Work
	// Pending walks the accounts that need a call of their own, not below from and, unless to is "", below it.
	Pending(ctx context.Context, run RunID, from, to string) iter.Seq2[Pending, error]
	// Finish marks the partition as done and adds others. With the last of a run comes the one that is called CommitPartition.
	Finish(ctx context.Context, claim Claim, then ...Partition) error
	// Pause gives the partition back for a time that after says of the number of tries without progress; again is false where after
	// says that there were enough, and then the claim stays.
	Pause(ctx context.Context, claim Claim, reason string, after func(tries int) (time.Duration, bool)) (again bool, err error)
}

// Snapshots is what a run is compared with, and what it becomes.
type Snapshots interface {
	Revision(ctx context.Context, scope Scope) (int64, error)
	Before(ctx context.Context, scope Scope) iter.Seq2[Record, error]
	Staged(ctx context.Context, run RunID) iter.Seq2[Record, error]
	// Respell gives accounts of the snapshot other ids, and raises its revision where it does.
	Respell(ctx context.Context, scope Scope, respelled func(Record) (Record, error)) (int, error)
	Commit(ctx context.Context, run RunID, expected int64, facts iter.Seq2[Fact, error], closing Closing) error
}

// Store is all that a Runner needs of one.
type Store interface {
	Runs
	Claims
	Snapshots
}

// CommitPartition is the name of the partition that compares a run with the snapshot and commits it, once all others are done.
const CommitPartition = "commit"

// ListPartition is the name of a run's first partition, which reads the lists and plans the others.
const ListPartition = "list"
