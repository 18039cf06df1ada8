package store

import "sluice/aggregation"

// The words of aggregation, under which its rows are kept here.
type (
	// RunID is aggregation.RunID.
	RunID = aggregation.RunID
	// State is aggregation.State.
	State = aggregation.State
	// Run is aggregation.Run.
	Run = aggregation.Run
	// Counts is aggregation.Counts.
	Counts = aggregation.Counts
	// Partition is aggregation.Partition.
	Partition = aggregation.Partition
	// Claim is aggregation.Claim.
	Claim = aggregation.Claim
	// Want is aggregation.Want.
	Want = aggregation.Want
	// Fact is aggregation.Fact.
	Fact = aggregation.Fact
	// Closing is aggregation.Closing.
	Closing = aggregation.Closing
)

// States of a run.
const (
	Running   = aggregation.Running
	Held      = aggregation.Held
	Completed = aggregation.Completed
	Failed    = aggregation.Failed
	Cancelled = aggregation.Cancelled
)
