package aggregation

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"sluice/connectors"
)

// Need is how many calls of one route a plan makes.
type Need struct {
	Method, Path string // as the template has them, to find the route and its limits
	Calls        int
	Unknown      string // the resource whose number of accounts would have to be known; "": Calls is all there is
}

// Sizes is what is known, or guessed, of a vendor before a run.
type Sizes struct {
	Accounts int            // of the resource itself; below 0: not known
	Rows     map[string]int // of the other resources that joins go over; one that is not in it is not known
	Detail   float64        // share of the accounts that need a call of their own, 0 to 1; of a first run of plan `detail` it is 1
}

// Needs returns the calls that a plan makes, in the order of its lists. Of a list that says no page size it counts one call; each call
// of a join is taken for one page. What depends on a number that is not known counts as none, or as one page, and says so.
func (r *Reader) Needs(n Sizes) ([]Need, error) {
	steps, own, err := r.steps()
	if err != nil {
		return nil, err
	}
	rows := func(s int) (count int, unknown string) {
		count, known := n.Rows[steps[s].name]
		if s == own {
			count, known = n.Accounts, n.Accounts >= 0
		}
		if !known {
			return 0, steps[s].name
		}
		return count, ""
	}
	var out []Need
	for i, s := range steps {
		need := Need{Method: s.list.Request.Method, Path: s.list.Request.Path, Calls: 1}
		switch {
		case s.join != nil && s.over >= 0:
			need.Calls, need.Unknown = rows(s.over)
			need.Calls *= 1 + oneMore(&s.list.Paging)
		case s.join == nil && paged(&s.list.Paging):
			need.Calls, need.Unknown = rows(i)
			need.Calls = pages(need.Calls, &s.list.Paging)
		}
		out = append(out, need)
	}
	if d := r.Plan.Detail; d != nil {
		need := Need{Method: d.Method, Path: d.Path}
		if count, unknown := rows(own); n.Detail > 0 {
			need.Calls, need.Unknown = int(math.Ceil(n.Detail*float64(count))), unknown
		}
		out = append(out, need)
	}
	return out, nil
}

// paged tells whether the number of a list's rows says how many calls it takes.
func paged(p *connectors.Paging) bool { return p.Size > 0 && p.Style != styleNone && p.Style != "" }

// pages is how many calls a list of so many rows takes.
func pages(rows int, p *connectors.Paging) int {
	if !paged(p) {
		return 1
	}
	return max(1, (rows+p.Size-1)/p.Size) + oneMore(p)
}

// oneMore is the call that finds a list at its end, where its last page does not say that it is.
func oneMore(p *connectors.Paging) int {
	if numbered(p) && p.Total == nil {
		return 1
	}
	return 0
}

// Load is the calls that one limit counts.
type Load struct {
	Rule  *connectors.Rule // nil or without a window: no limit that is known
	Calls int
}

// Budget is what a run may spend.
type Budget struct {
	Addresses int           // source addresses that the vendor counts apart; 0 = 1
	Share     float64       // of each limit, what live traffic leaves; 0 = all of it
	Workers   int           // calls under way at once; 0 = 1
	Latency   time.Duration // of a call; bounds what no limit bounds. 0 = it costs no time
}

// Estimate is what a run will cost.
type Estimate struct {
	Calls     int
	PerMinute float64 // that the limit in which most time goes permits; 0 where no limit binds
	Addresses int
	Limits    int // how many limits the calls are under, those that are under none counting as one more
	Duration  time.Duration
	Unknown   []string // resources whose number of accounts is not known, so that all of this is too little
}

// Estimated returns what a run with these loads costs. Limits are spent one after the other, as a plan's lists are read one after
// the other: the sum of their times is the run's.
func Estimated(loads []Load, b Budget) Estimate {
	b.Addresses, b.Workers = max(1, b.Addresses), max(1, b.Workers)
	if b.Share <= 0 || b.Share > 1 {
		b.Share = 1
	}
	e := Estimate{Addresses: b.Addresses}
	var longest, total float64 // minutes
	rules := map[*connectors.Rule]bool{}
	for _, load := range loads {
		if load.Calls > 0 {
			rules[load.Rule] = true
		}
		e.Calls += load.Calls
		perMinute := b.perMinute(load.Rule)
		took := float64(load.Calls) * b.Latency.Minutes() / float64(b.Workers)
		if perMinute > 0 {
			took = max(took, float64(load.Calls)/perMinute)
		}
		if perMinute > 0 && took >= longest && load.Calls > 0 {
			longest, e.PerMinute = took, perMinute
		}
		total += took
	}
	e.Duration, e.Limits = time.Duration(total*float64(time.Minute)), len(rules)
	return e
}

// perMinute is how many calls a limit permits in a minute, over all addresses where it counts by them; 0 where it does not bind.
func (b Budget) perMinute(r *connectors.Rule) float64 {
	if r == nil || r.Limit <= 0 || r.Window <= 0 {
		return 0
	}
	rate := b.Share * float64(r.Limit) / r.Window.Minutes()
	if r.Scope == "address" {
		rate *= float64(b.Addresses)
	}
	return rate
}

// Named is an estimate of the same reading under other circumstances.
type Named struct {
	Name string // "on 4", "inverted"
	Estimate
}

// Words shows what reading so many accounts costs, and what it would otherwise: "55,000 people, 60/min on 1 address: 15.3 h; on 4: 3.8 h;
// inverted: 9 min".
func (e Estimate) Words(accounts int, resource string, others ...Named) string {
	what := thousands(accounts) + " " + resource
	if accounts < 0 {
		what = resource // as many as there are: the calls do not depend on it
	}
	out := e.words(what)
	for _, other := range others {
		out += "; " + other.Name + ": " + span(other.Duration)
	}
	return out
}

// String is the estimate without a word of what is read: "55,000 calls, 240/min on 4 addresses: 3.8 h".
func (e Estimate) String() string { return e.words(e.HowMany()) }

// HowMany is the number of calls: "1 call", "55,000 calls".
func (e Estimate) HowMany() string {
	if e.Calls == 1 {
		return "1 call"
	}
	return thousands(e.Calls) + " calls"
}

func (e Estimate) words(what string) string {
	out := []string{what}
	if e.PerMinute > 0 {
		each := strconv.FormatFloat(e.PerMinute, 'f', -1, 64)
		if e.PerMinute != math.Trunc(e.PerMinute) {
			each = strconv.FormatFloat(e.PerMinute, 'f', 1, 64)
		}
		word := "addresses"
		if e.Addresses == 1 {
			word = "address"
		}
		out = append(out, fmt.Sprintf("%s/min on %d %s", each, e.Addresses, word))
	}
	return strings.Join(out, ", ") + ": " + span(e.Duration)
}

// span writes a duration as one number: 15.3 h, 9 min, 20 s.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return strconv.FormatFloat(d.Hours()/24, 'f', 1, 64) + " d"
	case d >= time.Hour:
		return strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " h"
	case d >= time.Minute:
		return strconv.FormatFloat(math.Ceil(d.Minutes()), 'f', 0, 64) + " min"
	}
	return strconv.FormatFloat(math.Ceil(d.Seconds()), 'f', 0, 64) + " s"
}
