package transforms

import (
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// draft reads draft-ietf-httpapi-ratelimit-headers in all its ages:
//
//	-10  RateLimit-Policy: "burst";q=100;w=60     RateLimit: "burst";r=50;t=30
//	-07  RateLimit-Policy: 100;w=60               RateLimit: limit=100, remaining=50, reset=30
//	-06  RateLimit-Limit: 100, 100;w=60           RateLimit-Remaining: 50       RateLimit-Reset: 30
//	     or RateLimit-Policy as in -07 beside the three headers (express-rate-limit)
//
// A malformed field is ignored whole, as the draft demands, and reported.
func (a *answer) draft() {
	start := len(a.limits)
	a.draftPolicies()
	states := a.header["Ratelimit"]
	if len(states) > 0 {
		if !a.draftStates(start, states) && !a.draft07(start, states) {
			a.unreadable("Ratelimit", strings.Join(states, ", "))
		}
		return
	}
	a.draft06(start)
}

// draft06 reads the three headers, which say how the policy of their limit stands.
func (a *answer) draft06(start int) {
	policies := len(a.limits)
	a.policy(&threeHeaders)
	if len(a.limits) == policies {
		return
	}
	state := a.limits[policies]
	for i := start; i < policies; i++ {
		if l := &a.limits[i]; state.HasLimit && l.Limit == state.Limit || !state.HasLimit && policies-start == 1 {
			l.Remaining, l.HasRemaining = state.Remaining, state.HasRemaining
			l.Reset, l.ResetAfter = state.Reset, state.ResetAfter
			l.From.Remaining, l.From.Reset = state.From.Remaining, state.From.Reset
			if state.HasLimit {
				l.From.Limit = state.From.Limit
			}
			a.limits = a.limits[:policies] // further quotas in the limit's header are those of the policies again
			return
		}
	}
}

// A table of the three headers' names.
var threeHeaders = policyReader{
	limit: "Ratelimit-Limit", remaining: "Ratelimit-Remaining",
	reset: []timeField{{"Ratelimit-Reset", Delta}},
}

// draftPolicies reads RateLimit-Policy. Up to -07 a policy's item was its limit; since then it is a name with q.
func (a *answer) draftPolicies() {
	values := a.header["Ratelimit-Policy"]
	if len(values) == 0 {
		return
	}
	list, err := httpsfv.UnmarshalList(values)
	if err != nil {
		a.unreadable("Ratelimit-Policy", strings.Join(values, ", "))
		return
	}
	start := len(a.limits)
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		l := Limits{From: Origin{Limit: "Ratelimit-Policy"}}
		if ok {
			ok = l.policyItem(item)
		}
		if !ok {
			a.limits = a.limits[:start]
			a.unreadable("Ratelimit-Policy", strings.Join(values, ", "))
			return
		}
		a.limits = append(a.limits, l)
	}
}

func (l *Limits) policyItem(item httpsfv.Item) bool {
	quota, ok := countOf(item.Value)
	if name, named := item.Value.(string); named {
		l.Policy = name
		quota, ok = parameter(item, "q")
	}
	if !ok {
		return false
	}
	l.Limit, l.HasLimit = quota, true
	if w, ok := parameter(item, "w"); ok && w < plausible {
		l.Window = time.Duration(w) * time.Second
	}
	if unit, ok := item.Params.Get("qu"); ok {
		if l.Unit, _ = unit.(string); l.Unit == "requests" {
			l.Unit = ""
		}
	}
	return true
}

// draftStates reads RateLimit as a list of named items and joins each with its policy.
func (a *answer) draftStates(start int, values []string) bool {
	list, err := httpsfv.UnmarshalList(values)
	if err != nil || len(list) == 0 {
		return false
	}
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			return false
		}
		if _, ok := item.Value.(string); !ok {
			return false
		}
		if _, ok := parameter(item, "r"); !ok {
			return false
		}
	}
	for _, member := range list {
		item := member.(httpsfv.Item)
		l := a.policyNamed(start, item.Value.(string))
		l.Remaining, l.HasRemaining = parameter(item, "r")
		l.From.Remaining = "Ratelimit"
		if t, ok := parameter(item, "t"); ok && t < plausible {
			l.ResetAfter = time.Duration(t) * time.Second
			l.Reset, l.From.Reset = a.now.Add(l.ResetAfter).UTC(), "Ratelimit"
		}
	}
	return true
}

// policyNamed returns the Limits of that name among those since start, a new one if there is none.
func (a *answer) policyNamed(start int, name string) *Limits {
	for i := start; i < len(a.limits); i++ {
		if a.limits[i].Policy == name && !a.limits[i].HasRemaining {
			return &a.limits[i]
		}
	}
	a.limits = append(a.limits, Limits{Policy: name})
	return &a.limits[len(a.limits)-1]
}

// draft07 reads RateLimit as a dictionary; Postman sends this form.
func (a *answer) draft07(start int, values []string) bool {
	dictionary, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return false
	}
	limit, hasLimit := entry(dictionary, "limit")
	remaining, hasRemaining := entry(dictionary, "remaining")
	reset, hasReset := entry(dictionary, "reset")
	if !hasRemaining && !hasLimit || hasReset && reset >= plausible {
		return false
	}
	l := a.policyOf(start, limit, hasLimit)
	if hasLimit {
		l.Limit, l.HasLimit, l.From.Limit = limit, true, "Ratelimit"
	}
	if hasRemaining {
		l.Remaining, l.HasRemaining, l.From.Remaining = remaining, true, "Ratelimit"
	}
	if hasReset {
		l.ResetAfter = time.Duration(reset * float64(time.Second))
		l.Reset, l.From.Reset = a.now.Add(l.ResetAfter).UTC(), "Ratelimit"
	}
	return true
}

// policyOf returns the unnamed policy with that limit, to whose window the three values then belong, or a new one.
func (a *answer) policyOf(start int, limit float64, known bool) *Limits {
	for i := start; known && i < len(a.limits); i++ {
		if a.limits[i].Policy == "" && a.limits[i].Limit == limit {
			return &a.limits[i]
		}
	}
	a.limits = append(a.limits, Limits{})
	return &a.limits[len(a.limits)-1]
}

func parameter(item httpsfv.Item, name string) (float64, bool) {
	v, ok := item.Params.Get(name)
	if !ok {
		return 0, false
	}
	return countOf(v)
}

func entry(d *httpsfv.Dictionary, name string) (float64, bool) {
	member, ok := d.Get(name)
	if !ok {
		return 0, false
	}
	item, ok := member.(httpsfv.Item)
	if !ok {
		return 0, false
	}
	return countOf(item.Value)
}

// countOf accepts what can be a count or a distance: a number that is not negative.
func countOf(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), v >= 0
	case float64:
		return v, v >= 0
	}
	return 0, false
}
