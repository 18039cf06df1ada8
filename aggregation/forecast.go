package aggregation

import "slices"

// Forecast says what a run of a scope would cost by a plan, "" being the connection's own, and makes no call. Where a plan's own condition
// says which accounts need a call, n.Detail is the share of those.
func (r *Runner) Forecast(scope Scope, plan string, n Sizes, b Budget) (Estimate, error) {
	s, err := r.subject(Run{Scope: scope, Plan: plan})
	if err != nil {
		return Estimate{}, err
	}
	reader := &Reader{Resource: s.resource, Plan: s.plan, Others: s.connection.Connector.Resource}
	needs, err := reader.Needs(n)
	if err != nil {
		return Estimate{}, err
	}
	loads := make([]Load, len(needs))
	var unknown []string
	for i, need := range needs {
		loads[i] = Load{s.rule(need.Method, need.Path), need.Calls}
		if need.Unknown != "" && !slices.Contains(unknown, need.Unknown) {
			unknown = append(unknown, need.Unknown)
		}
	}
	if b.Addresses == 0 {
		b.Addresses = s.addresses()
	}
	made := Estimated(loads, b)
	made.Unknown = unknown
	return made, nil
}

// Left says what calls for so many accounts cost, once the lists of a run are read and what is left is known.
func (r *Runner) Left(run Run, accounts int) (Estimate, error) {
	s, err := r.subject(run)
	if err != nil || s.plan.Detail == nil {
		return Estimate{}, err
	}
	return Estimated([]Load{{s.rule(s.plan.Detail.Method, s.plan.Detail.Path), accounts}}, Budget{Addresses: s.addresses()}), nil
}

// Standing is how far a run is, over all its partitions.
type Standing struct {
	Parts     int     `json:"parts"`
	PartsDone int     `json:"partsDone"`
	Done      int64   `json:"done"`  // of Total
	Total     int64   `json:"total"` // accounts that need a call of their own; 0 until the lists are read
	Rows      int64   `json:"rows"`  // of the lists
	Calls     int64   `json:"calls"`
	Held      float64 `json:"heldSeconds"`       // that calls waited before they went, added up
	Waiting   string  `json:"waiting,omitempty"` // why a partition pauses; "": none does
	Taken     bool    `json:"taken"`             // somebody has a partition
}

// StandingOf adds partitions up.
func StandingOf(parts []Partition) (s Standing) {
	for _, p := range parts {
		s.Parts++
		switch p.State {
		case "done":
			s.PartsDone++
		case "taken":
			s.Taken = true
		}
		s.Calls += p.Calls
		s.Held += p.Held.Seconds()
		if p.Reason != "" {
			s.Waiting = p.Name + ": " + p.Reason
		}
		switch p.Name {
		case ListPartition:
			s.Rows += p.Done
		case CommitPartition:
		default:
			s.Done += p.Done
			s.Total += p.Total
		}
	}
	return s
}
