package aggregation

import (
	"errors"
	"time"

	"sluice/triggers"
)

// RunID numbers the runs of a database, from 1.
type RunID int64

// State is where a run stands.
type State string

// States of a run. Completed comes by Commit alone, and none comes after it.
const (
	Running   State = "running"
	Held      State = "held" // until an operator approves it
	Completed State = "completed"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Run is one reading of a scope.
type Run struct {
	ID        RunID
	Scope     Scope
	Plan      string
	RetryOf   RunID // whose failed accounts alone it reads again; 0: it reads the whole scope
	Approved  bool  // an operator has seen how much is gone or changed
	State     State
	Started   time.Time
	Completed time.Time // zero until it is over
	Counts    Counts
	Errors    []string
	Warnings  []string
	Note      string // why it is held, has failed or was cancelled
}

// Whole tells whether a run reads its whole scope, so that who is missing is gone.
func (r Run) Whole() bool { return r.RetryOf == 0 }

// Over tells whether nothing more comes of a run by itself.
func (r Run) Over() bool { return r.State != Running }

// Fact is a change of the snapshot and the events that tell of it.
type Fact struct {
	Change Change
	Events []triggers.Event
}

// Closing is what a run leaves behind when it completes.
type Closing struct {
	Claim    Claim // of the partition that commits, which is done with it; zero: none
	Counts   Counts
	Errors   []string
	Warnings []string
	Events   []triggers.Event // of the run itself, after those of its accounts
}

// What a caller of a store may want to tell apart.
var (
	ErrNone       = errors.New("there is none")
	ErrAway       = errors.New("the database does not answer, or takes nothing now")
	ErrOpenRun    = errors.New("the scope has a run that is not over yet")
	ErrState      = errors.New("the run is in another state")
	ErrFenced     = errors.New("the partition has another owner by now")
	ErrUnfinished = errors.New("the run has partitions that are not done")
	ErrRevision   = errors.New("the snapshot is another one by now")
	ErrDropped    = errors.New("what the run has read is not kept any more")
)
