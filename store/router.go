package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"sluice/triggers"
)

// Predicate tells whether a payload, as triggers.Decode reads it, passes a subscription's filter. why says why not; it is asked of those alone
// that are remembered, because to explain costs many times as much as to match. An error says that nobody knows.
type Predicate func(payload any) (passes bool, why func() string, err error)

// router says who subscribes to what. It reads the subscriptions again when they have changed.
type router struct {
	compile func(filter string) (Predicate, error)

	mu      sync.Mutex
	version int64 // of the counter of changes, -1 before they were read first
	routes  map[string][]route
}

// route is one enabled subscription of a trigger that events are delivered to.
type route struct {
	subscription string
	passes       Predicate // nil: everything passes
}

// at returns the routes as this transaction sees the subscriptions.
func (r *router) at(ctx context.Context, t tx) (map[string][]route, error) {
	var version int64
	err := t.one(ctx, "SELECT COALESCE(MAX(n), 0) FROM counters WHERE name = ?", []any{changes}, &version)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if version == r.version {
		return r.routes, nil
	}
	all, err := subscriptions(ctx, t)
	if err != nil {
		return nil, err
	}
	routes := map[string][]route{}
	for _, s := range all {
		if !s.Enabled || !s.Delivers() {
			continue
		}
		passes, err := r.predicate(s)
		if err != nil {
			passes = broken(err)
		}
		routes[s.TriggerID] = append(routes[s.TriggerID], route{s.ID, passes})
	}
	r.version, r.routes = version, routes
	return routes, nil
}

// predicate compiles a subscription's filter.
func (r *router) predicate(s triggers.Subscription) (Predicate, error) {
	switch {
	case s.Filter == nil || *s.Filter == "":
		return nil, nil
	case r.compile == nil:
		return nil, fmt.Errorf("no filters can be read here")
	}
	return r.compile(*s.Filter)
}

// broken knows of nothing whether it passes. A filter is looked at before it is kept, so it comes of a newer Sluice that knew more.
func broken(err error) Predicate {
	return func(any) (bool, func() string, error) { return false, nil, fmt.Errorf("it cannot be read: %w", err) }
}

// decoded is an event's payload, decoded when a filter first asks.
type decoded struct {
	data  json.RawMessage
	value any
	done  bool
	err   error
}

func (d *decoded) passes(p Predicate) (passes bool, why func() string, err error) {
	if p == nil {
		return true, nil, nil
	}
	if !d.done {
		d.done = true
		d.value, d.err = triggers.Decode(d.data)
	}
	if d.err != nil {
		return false, func() string { return "the payload is no JSON" }, nil //nolint:nilerr // that is the reason
	}
	return p(d.value)
}
