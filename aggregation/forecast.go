package aggregation

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
	for i, need := range needs {
		loads[i] = Load{s.rule(need.Method, need.Path), need.Calls}
	}
	if b.Addresses == 0 {
		b.Addresses = max(1, len(s.connection.Wire.Egress))
	}
	return Estimated(loads, b), nil
}

// Standing is how far a run is, over all its partitions.
type Standing struct {
	Parts, PartsDone int
	Done, Total      int64 // accounts that need a call of their own; Total is 0 until the lists are read
	Rows             int64 // of the lists
	Calls            int64
	Held             float64 // seconds that calls waited before they went, added up
	Waiting          string  // why a partition pauses; "": none does
}

// StandingOf adds partitions up.
func StandingOf(parts []Partition) (s Standing) {
	for _, p := range parts {
		s.Parts++
		if p.State == "done" {
			s.PartsDone++
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
