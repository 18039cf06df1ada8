package aggregation

import (
	"encoding/json"
	"fmt"
	"time"
)

// Partition is a part of a run that one worker does at a time.
type Partition struct {
	Name       string          // within its run; Claim takes them in the order of their names
	State      string          // open, taken or done
	Spec       json.RawMessage // what to do, as the planner wrote it
	Checkpoint json.RawMessage // how far it got, as the last worker wrote it; nil at first
	Done       int64           // of Total, for the progress bar
	Total      int64
	Owner      string        // of the last claim
	LeaseUntil time.Time     // by the database's clock
	Generation int64         // of the last claim; 0 is none
	Tries      int64         // that ended in an error since something was kept last
	Reason     string        // why the last of them ended
	Calls      int64         // to the vendor
	Held       time.Duration // that calls waited before they went
}

// Claim is a worker's hold on a partition. Each of its writes makes the lease as long again as Lease.
type Claim struct {
	Run   RunID
	Lease time.Duration
	Partition
}

// Want says which partition a worker would take.
type Want struct {
	Run   RunID
	Name  string        // "": any
	Owner string        // one life of a node
	Lease time.Duration // how long a partition whose owner is not heard stays its own
}

// String names the partition in errors.
func (c Claim) String() string {
	return fmt.Sprintf("partition %s of run %d (generation %d)", c.Name, c.Run, c.Generation)
}
