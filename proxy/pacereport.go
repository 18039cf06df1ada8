package proxy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/proxy/pace"
	"sluice/transforms"
)

// policy is a limit that the answers of a route without a rule have named: by a name, else by its window. The zero policy is that of
// answers that name one limit and call it nothing.
type policy struct {
	name   string
	window time.Duration
	bucket string // the bucket that counts it
}

// policyOf says which limit l is about.
func policyOf(l *transforms.Limits) policy {
	if l.Policy != "" {
		return policy{name: l.Policy}
	}
	return policy{window: l.Window}
}

func (p policy) nameless() bool { return p.name == "" && p.window == 0 }

// is tells whether two are about the same limit.
func (p policy) is(other policy) bool { return p.name == other.name && p.window == other.window }

// suffix tells the policy's bucket from others of its route.
func (p policy) suffix() string {
	const longest = 40 // the name may be the vendor's word, and becomes a label
	name := p.shown()
	return " " + strings.ToValidUTF8(name[:min(len(name), longest)], "") // the cut may be inside a letter
}

// maxPolicies bounds how many limits of one route are learned: their names are the vendor's to choose.
const maxPolicies = 8

// paced tells whether calls are what a limit counts. Bytes are not ours to pace, and how many calls may be under way, which the IETF's
// draft can tell, is paced where a rule says so: the headers say it of a moment that has passed.
func paced(l *transforms.Limits) bool {
	return (l.Unit == "" || l.Unit == "requests") && (l.HasLimit || l.HasRemaining || l.HasReset())
}

// learn remembers which limits the answers of a route without a rule name. From then on its calls need a place under each.
func (p *pacer) learn(call *Call) {
	for i := range call.Limits {
		if l := &call.Limits[i]; l.Unit != "" && !paced(l) {
			call.Note("pace", "the limit %q counts %s and is not paced", l.Policy, l.Unit)
		}
	}
	if len(p.conn.Rules(call.Route)) > 0 || !p.conn.Connector.LearnLimits {
		return
	}
	for i := range call.Limits {
		if l := &call.Limits[i]; paced(l) {
			p.gates.seen(call.Route.Name, policyOf(l))
		}
	}
}

// known lists the limits that the answers of a route have named, the first of which is counted by the route's first bucket.
func (g *gates) known(route string) []policy {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.policies[route]
}

// further is known without the first.
func (g *gates) further(route string) []policy {
	if known := g.known(route); len(known) > 1 {
		return known[1:]
	}
	return nil
}

// seen adds a policy to those of a route. One that has no name yet may get one; one that is named is never another.
func (g *gates) seen(route string, named policy) {
	if isKnown(g.known(route), named) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.policies[route]
	switch {
	case isKnown(known, named) || len(known) >= maxPolicies:
		return
	case len(known) == 0:
		named.bucket = route
		g.policies[route] = []policy{named}
		return
	}
	fresh := append([]policy(nil), known...) // callers hold the old one
	if fresh[0].nameless() {
		named.bucket = route
		fresh[0] = named
	} else {
		named.bucket = route + named.suffix()
		fresh = append(fresh, named)
	}
	g.policies[route] = fresh
}

// isKnown tells whether a policy is among known; one that is called nothing is the first.
func isKnown(known []policy, p policy) bool {
	for i := range known {
		if known[i].is(p) || p.nameless() {
			return true
		}
	}
	return false
}

// reports puts what an answer said of limits in the terms of each gate's bucket. Of a refusal that says which limit is spent, the other
// ones are innocent: they are not shut, and no lesson is drawn about them.
func (p *pacer) reports(room []pace.Report, call *Call, gates []*gate) []pace.Report {
	var foundRoom [4]*transforms.Limits
	found := p.bindings(foundRoom[:0], call, gates)
	wait, culprit := time.Duration(0), false
	for i := range call.Limits {
		if l := &call.Limits[i]; l.HasRetry {
			wait = max(wait, l.RetryAfter)
		}
	}
	for _, l := range found {
		room = append(room, report(call, l, wait))
		culprit = culprit || spent(l)
	}
	if call.Refused && culprit {
		for i := range room {
			room[i].Refused = spent(found[i])
		}
	}
	return room
}

// spent tells whether limits say that nothing is left of them.
func spent(l *transforms.Limits) bool { return l != nil && l.HasRemaining && l.Remaining < 1 }

// report puts what an answer said of one limit, if anything, in the terms of a bucket. wait is how long the answer asks to wait.
func report(call *Call, l *transforms.Limits, wait time.Duration) pace.Report {
	rep := pace.Report{Refused: call.Refused, RetryAfter: wait}
	if l == nil {
		return rep
	}
	rep.HasLimit, rep.Limit = l.HasLimit && l.Limit >= 1, l.Limit
	nonsense := l.HasLimit && l.Limit < 1 // a vendor who permits nothing says something else
	rep.HasRemaining, rep.Remaining, rep.Cost = l.HasRemaining && !nonsense, l.Remaining, l.Cost
	rep.Window = l.Window
	rep.HasReset, rep.ResetAfter = l.HasReset(), max(0, l.ResetAfter)
	return rep
}

// bindings finds for each gate the limits of an answer that it is about; nil when the answer says nothing of it.
//
// A rule that names a policy is about that one alone. Another one is about the limits of its own window, else about those of its own size.
// Where neither is found it takes the first that no other gate has found and that do not say another window; the only gate of a
// call takes the first whatever they say, because the vendor knows best. What counts calls under way is in no header.
func (p *pacer) bindings(found []*transforms.Limits, call *Call, gates []*gate) []*transforms.Limits {
	if len(p.conn.Rules(call.Route)) == 0 {
		for i, known := range p.gates.known(call.Route.Name) {
			if i < len(gates) { // what this very answer has named first has no gate of this call
				found = append(found, named(call.Limits, known, i == 0))
			}
		}
		return append(found, make([]*transforms.Limits, len(gates)-len(found))...)
	}
	for _, g := range gates {
		found = append(found, fitting(call.Limits, g))
	}
	for i, g := range gates {
		if found[i] != nil || g.policy != "" || g.rule.Concurrent > 0 {
			continue
		}
		found[i] = find(call.Limits, func(l *transforms.Limits) bool {
			return len(gates) == 1 || (l.Window == 0 || l.Window == g.rule.Window) && !slices.Contains(found, l)
		})
	}
	return found
}

// fitting finds the limits that are surely those of a gate's rule.
func fitting(limits []transforms.Limits, g *gate) *transforms.Limits {
	switch {
	case g.rule.Concurrent > 0:
		return nil
	case g.policy != "":
		return find(limits, func(l *transforms.Limits) bool { return isCalled(l, g.policy) })
	}
	if l := find(limits, func(l *transforms.Limits) bool { return l.Window > 0 && l.Window == g.rule.Window }); l != nil {
		return l
	}
	return find(limits, func(l *transforms.Limits) bool { return l.HasLimit && int(l.Limit) == g.rule.Limit })
}

// find returns the first limits that are paced and wanted, nil when there are none.
func find(limits []transforms.Limits, wanted func(*transforms.Limits) bool) *transforms.Limits {
	for i := range limits {
		if paced(&limits[i]) && wanted(&limits[i]) {
			return &limits[i]
		}
	}
	return nil
}

// named finds the limits of a policy that was learned. What is called nothing is the first one's.
func named(limits []transforms.Limits, known policy, first bool) *transforms.Limits {
	l := find(limits, func(l *transforms.Limits) bool { return policyOf(l).is(known) })
	if l == nil && first {
		l = find(limits, func(l *transforms.Limits) bool { return policyOf(l).nameless() })
	}
	return l
}

// isCalled tells whether limits have a name; w=SECONDS is that of a window which the vendor does not call otherwise.
func isCalled(l *transforms.Limits, name string) bool {
	if l.Policy != "" || l.Window == 0 {
		return l.Policy == name
	}
	seconds, byWindow := strings.CutPrefix(name, "w=")
	if !byWindow {
		return false
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	return err == nil && l.Window == time.Duration(n)*time.Second
}
