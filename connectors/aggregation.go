package connectors

// Aggregation says how the resources of a connection are read.
type Aggregation struct {
	ChangedOnly    bool // an account whose row did not change is read again only when its last reading is older than Resource.MaxAge
	WorkersPerNode int  // partitions that one node reads at once; at least 1
	Guard          Guard
	Schedules      []Schedule

	plans map[string]*Plan // by resource, where the connection chose one
}

// Guard says when so much is gone or changed at once that a run is held until an operator approves it: more than Percent of the accounts,
// and at least Minimum of them.
type Guard struct {
	Percent float64 // 0 to 100
	Minimum int
}

// Plan returns the plan by which the connection reads a resource of its connector: the one that it chose, or the first.
func (c *Connection) Plan(r *Resource) *Plan {
	if chosen := c.Aggregation.plans[r.Name]; chosen != nil {
		return chosen
	}
	return r.Plan("")
}
