package connectors

import (
	"fmt"
	"maps"
	"slices"
	"time"
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
	for i := range e.Schedules {
		made.Schedules = append(made.Schedules, b.schedule(fmt.Sprintf("%s.schedules[%d]", key, i), &e.Schedules[i], vendor, known))
	}
	return made
}

// schedule checks when which resources are read by themselves.
func (b *setBuild) schedule(key string, e *scheduleEntry, vendor *Connector, known []string) Schedule {
	made := Schedule{Resources: e.Resources, Jitter: e.Jitter}
	if len(made.Resources) == 0 {
		made.Resources = known
	}
	for i, name := range e.Resources {
		switch {
		case vendor.Resource(name) == nil:
			b.fault(fmt.Sprintf("%s.resources[%d]", key, i), "connector %s has no resource %q: %s", vendor.Name, name, suggest(name, known))
		case slices.Contains(e.Resources[:i], name):
			b.fault(fmt.Sprintf("%s.resources[%d]", key, i), "%q is named twice", name)
		}
	}
	zone, err := time.LoadLocation(e.Zone)
	if err != nil || e.Zone == "Local" {
		b.fault(key+".zone", "%q is no time zone: write UTC or one of the IANA database, such as Europe/Berlin", e.Zone)
		zone = time.UTC
	}
	if made.times, err = parseTimes(e.Cron, zone); err != nil && e.Cron != "" {
		b.fault(key+".cron", "%v", err)
	}
	return made
}
