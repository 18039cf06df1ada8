package connectors

import (
	"maps"
	"slices"
)

// aggregation checks what a connection says of reading against what its connector can.
func (b *setBuild) aggregation(key string, e *aggregationEntry, vendor *Connector) Aggregation {
	made := Aggregation{
		ChangedOnly: e.ChangedOnly, WorkersPerNode: e.WorkersPerNode, Guard: Guard(e.Guard), plans: map[string]*Plan{},
	}
	var known []string
	for _, r := range vendor.Resources {
		known = append(known, r.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Plans)) {
		at, resource := joinKey(key+".plans", name), vendor.Resource(name)
		if resource == nil {
			b.fault(at, "connector %s has no resource %q: %s", vendor.Name, name, suggest(name, known))
			continue
		}
		if made.plans[name] = resource.Plan(e.Plans[name]); made.plans[name] != nil {
			continue
		}
		var plans []string
		for _, p := range resource.Plans {
			plans = append(plans, p.Name)
		}
		b.fault(at, "%s of connector %s has no plan %q: %s", name, vendor.Name, e.Plans[name], suggest(e.Plans[name], plans))
	}
	return made
}
