package connectors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// count is what a rule says when defaults, and a connection's override, have been laid over each other. It is checked and becomes a
// Rule; what is not said is zero.
type count struct {
	name                     string
	limit, concurrent, burst int
	window, penalty          time.Duration
	starts, scope, policy    string
	spread                   bool
}

// rules compiles the limits of a connector's file; they wait for their routes.
func (b *connectorBuild) rules() {
	names := map[string]string{}
	for i, entry := range b.written.Limits.Rules {
		key := index(rulesSection, i)
		made := b.written.Limits.count(entry)
		for _, wrong := range append(made.faults(), b.made.policyFaults(made)...) {
			b.fault(key+"."+wrong.key, "%s", wrong.message)
		}
		if made.window <= 0 && entry.Concurrent == nil {
			b.fault(key+".window", "must be longer than 0s: say how long the vendor counts, such as 60s, here or in limits.window")
		}
		if earlier, taken := names[made.name]; taken && made.name != "" {
			b.fault(key, "%q is already the name of %s: give this rule a name of its own", made.name, earlier)
		}
		names[made.name] = key
		b.made.counts = append(b.made.counts, made)
		b.made.rules = append(b.made.rules, made.rule())
	}
}

// count lays the connector's defaults under an entry. Calls under way are counted without a window, so the defaults that speak of one
// are not theirs.
func (l *limitsEntry) count(e ruleEntry) count {
	c := count{
		name: e.Name, window: e.Window, starts: e.Starts, burst: e.Burst, spread: e.Spread, policy: e.Policy,
		scope: cmp.Or(e.Scope, l.Scope), penalty: l.Penalty,
	}
	if c.name == "" && len(e.Match) > 0 {
		c.name = e.Match[0]
	}
	if e.Penalty != nil {
		c.penalty = *e.Penalty
	}
	if e.Limit != nil {
		c.limit = *e.Limit
	}
	if e.Concurrent != nil {
		c.concurrent = *e.Concurrent
		return c
	}
	c.window, c.starts = cmp.Or(c.window, l.Window), cmp.Or(c.starts, l.Starts)
	return c
}

// over lays what a connection says over c. A limit in place of calls under way, or the other way round, leaves nothing of what c
// said of the other kind.
func (o *limitOverride) over(c count) count {
	switch {
	case o.Concurrent > 0:
		c.limit, c.window, c.starts, c.burst, c.spread = 0, 0, "", 0, false
	case o.Limit > 0 && c.concurrent > 0:
		c.concurrent, c.starts = 0, startsUnknown
	}
	c.limit, c.concurrent, c.burst = cmp.Or(o.Limit, c.limit), cmp.Or(o.Concurrent, c.concurrent), cmp.Or(o.Burst, c.burst)
	c.window, c.starts = cmp.Or(o.Window, c.window), cmp.Or(o.Starts, c.starts)
	c.scope, c.policy = cmp.Or(o.Scope, c.scope), cmp.Or(o.Policy, c.policy)
	if !takesBurst(c.starts) && o.Burst == 0 {
		c.burst = 0 // it belonged to what c started with
	}
	if o.Penalty != nil {
		c.penalty = *o.Penalty
	}
	if o.Spread != nil {
		c.spread = *o.Spread
	}
	return c
}

// The values of starts that a check asks for.
const (
	startsClock   = "clock"
	startsBucket  = "bucket"
	startsUnknown = "unknown"
)

// takesBurst tells whether a number of calls at once says something that limit does not.
func takesBurst(starts string) bool { return starts == startsBucket || starts == startsUnknown }

// day is what the windows of a clock divide.
const day = 24 * time.Hour

// rule is what a checked count becomes.
func (c count) rule() *Rule {
	r := &Rule{
		Name: c.name, Limit: c.limit, Window: c.window, Starts: c.starts, Concurrent: c.concurrent,
		Penalty: c.penalty, Policy: c.policy, Scope: c.scope, Spread: c.spread,
	}
	if takesBurst(c.starts) {
		r.Burst = cmp.Or(c.burst, c.limit)
	}
	return r
}

// countFault is what is wrong with one key of a count.
type countFault struct{ key, message string }

// faults says what of a count does not go together.
func (c count) faults() (all []countFault) {
	wrong := func(key, format string, args ...any) {
		all = append(all, countFault{key, fmt.Sprintf(format, args...)})
	}
	if c.concurrent > 0 {
		for _, said := range []struct {
			key string
			is  bool
		}{{"window", c.window != 0}, {"starts", c.starts != ""}, {"burst", c.burst != 0}, {"spread", c.spread}} {
			if said.is {
				wrong(said.key, "means nothing beside concurrent, which counts calls under way and has no window: "+
					"remove it, or say limit instead of concurrent")
			}
		}
		return all
	}
	if c.burst > 0 && !takesBurst(c.starts) {
		wrong("burst", "means nothing where starts is %s, because all of a window's calls may go at once: "+
			"say starts: bucket, or make the burst a rule of its own with a short window", c.starts)
	}
	if c.starts == startsClock && c.window > 0 && (c.window > day || day%c.window != 0) {
		wrong("window", "is %s, but a window that starts by the clock must divide a day, such as 1h or 24h: "+
			"change it, or say starts: fixed", brief(c.window))
	}
	return all
}

// policyFaults refuses a policy that no header of the vendor can name.
func (v *Connector) policyFaults(c count) []countFault {
	if c.policy == "" || v.unread {
		return nil
	}
	if v.Limits == nil {
		return []countFault{{"policy", "can name nothing: limits.headers does not say where answers tell limits; add it, or remove policy"}}
	}
	if v.Limits.Names(c.policy) {
		return nil
	}
	message := fmt.Sprintf("there is no policy %q: limits.headers gives its limits no names; add policy there, or remove it here", c.policy)
	if names := v.Limits.Policies(); len(names) > 0 {
		message = fmt.Sprintf("limits.headers has no policy %q: %s", c.policy, suggest(c.policy, names))
	}
	return []countFault{{"policy", message}}
}

// overrides lays the connection's limits over those of its connector.
func (b *setBuild) overrides(key string, entry *connectionEntry, vendor *Connector, made *Connection) {
	replaced := map[*Rule]*Rule{}
	var names []string
	for i, rule := range vendor.rules {
		names = append(names, rule.Name)
		own := rule
		if o, found := entry.Limits[rule.Name]; found {
			own = b.override(key+".limits."+rule.Name, &o, vendor, vendor.counts[i])
			replaced[rule] = own
		}
		if own != nil {
			made.limits = append(made.limits, own)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entry.Limits)) {
		if !slices.Contains(names, name) {
			b.fault(key+".limits."+name, "connector %s has no limit of this name: %s", vendor.Name, suggest(name, names))
		}
	}
	if len(replaced) == 0 {
		return
	}
	made.rules = map[*Route][]*Rule{}
	for _, route := range vendor.all {
		own := make([]*Rule, 0, len(route.Rules))
		for _, rule := range route.Rules {
			if other, found := replaced[rule]; found {
				rule = other
			}
			if rule != nil {
				own = append(own, rule)
			}
		}
		made.rules[route] = own
	}
}

// override returns the rule that holds instead of one that was made of c; nil for none. What is wrong with c itself has been said at its
// connector.
func (b *setBuild) override(key string, o *limitOverride, vendor *Connector, c count) *Rule {
	if o.Off {
		return nil
	}
	own := o.over(c)
	switch {
	case o.Limit > 0 && o.Concurrent > 0:
		b.fault(key, "says both limit and concurrent: a rule counts calls in a window or calls under way; remove one")
		return own.rule()
	case own.window <= 0 && own.concurrent == 0 && c.concurrent > 0:
		b.fault(key+".window", "is required beside limit, because the connector's rule counts calls under way and has none: "+
			"say how long the vendor counts, such as 60s")
	}
	known := append(c.faults(), vendor.policyFaults(c)...)
	for _, wrong := range append(own.faults(), vendor.policyFaults(own)...) {
		if !slices.Contains(known, wrong) {
			b.fault(key+"."+wrong.key, "%s", wrong.message)
		}
	}
	return own.rule()
}
