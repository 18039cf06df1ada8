package store

import "sluice/aggregation"

// The words of aggregation, under which its rows are kept here.
type (
	RunID     = aggregation.RunID
	State     = aggregation.State
	Run       = aggregation.Run
	Counts    = aggregation.Counts
	Partition = aggregation.Partition
	Claim     = aggregation.Claim
	Want      = aggregation.Want
	Fact      = aggregation.Fact
	Closing   = aggregation.Closing
)

// States of a run.
const (
	Running   = aggregation.Running
	Held      = aggregation.Held
	Completed = aggregation.Completed
	Failed    = aggregation.Failed
	Cancelled = aggregation.Cancelled
)
