package aggregation_test

import (
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	sixty := &connectors.Rule{Name: "one person", Limit: 60, Window: time.Minute, Scope: "address"}
	org := &connectors.Rule{Name: "bulk", Limit: 1, Window: 2 * time.Minute, Scope: "connection"}
	detail := []aggregation.Load{{Rule: nil, Calls: 1}, {Rule: sixty, Calls: 55_000}}
	one := aggregation.Estimated(detail, aggregation.Budget{})
	four := aggregation.Estimated(detail, aggregation.Budget{Addresses: 4})
	inverted := aggregation.Estimated([]aggregation.Load{{Rule: sixty, Calls: 400}, {Rule: sixty, Calls: 100}, {Rule: nil, Calls: 1}}, aggregation.Budget{})
	got := one.Words(55_000, "people", aggregation.Named{Name: "on 4", Estimate: four}, aggregation.Named{Name: "inverted", Estimate: inverted})
	if want := "55,000 people, 60/min on 1 address: 15.3 h; on 4: 3.8 h; inverted: 9 min"; got != want {
		t.Errorf("words: got %q, want %q", got, want)
	}
	for name, tt := range map[string]struct {
		loads  []aggregation.Load
		budget aggregation.Budget
		want   string
	}{
		"on four":          {detail, aggregation.Budget{Addresses: 4}, "55,001 calls, 240/min on 4 addresses: 3.8 h"},
		"half of it":       {detail, aggregation.Budget{Share: 0.5}, "55,001 calls, 30/min on 1 address: 30.6 h"},
		"all nodes as one": {[]aggregation.Load{{Rule: org, Calls: 30}}, aggregation.Budget{Addresses: 4}, "30 calls, 0.5/min on 4 addresses: 1.0 h"},
		"no limit":         {[]aggregation.Load{{Calls: 100}}, aggregation.Budget{Latency: 200 * time.Millisecond}, "100 calls: 20 s"},
		"slow vendor":      {[]aggregation.Load{{Rule: sixty, Calls: 120}}, aggregation.Budget{Latency: 3 * time.Second, Workers: 2}, "120 calls, 60/min on 1 address: 3 min"},
		"nothing":          {nil, aggregation.Budget{}, "0 calls: 0 s"},
		"days":             {[]aggregation.Load{{Rule: sixty, Calls: 500_000}}, aggregation.Budget{}, "500,000 calls, 60/min on 1 address: 5.8 d"},
	} {
		e := aggregation.Estimated(tt.loads, tt.budget)
		if got := e.Words(e.Calls, "calls"); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		total     int
		perMinute float64
		workers   int
		parts     int
		largest   int
	}{
		"nothing":         {0, 60, 1, 0, 0},
		"one address":     {55_000, 60, 1, 184, 299},  // five minutes each
		"four addresses":  {55_000, 240, 4, 184, 299}, // the same, and four at once
		"no limit":        {500_000, 0, 4, 100, 5_000},
		"few":             {5, 60, 4, 1, 5},
		"each has some":   {1_000, 6_000, 4, 16, 63},
		"a quick vendor":  {55_000, 60_000, 1, 11, 5_000},
		"a slow vendor":   {100, 0.5, 1, 10, 10},
		"no worker known": {100, 60, 0, 4, 25},
	} {
		parts := aggregation.Cut(tt.total, tt.perMinute, tt.workers)
		next, largest := 0, 0
		for _, p := range parts {
			if p.First != next || p.Count <= 0 {
				t.Errorf("%s: got a part %+v, want it to begin at %d", name, p, next)
			}
			next, largest = p.First+p.Count, max(largest, p.Count)
		}
		if next != tt.total || len(parts) != tt.parts || largest != tt.largest {
			t.Errorf("%s: got %d parts of at most %d, %d in all, want %d of %d, %d in all", name, len(parts), largest, next, tt.parts, tt.largest, tt.total)
		}
	}
}

// By numbers and without a total, a list costs the call that finds its end.
func TestNeedsOfTheEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		paging connectors.Paging
		want   int
	}{
		"offset":              {connectors.Paging{Style: "offset", Size: 100}, 4},
		"offset with a total": {connectors.Paging{Style: "offset", Size: 100, Total: q(".total")}, 3},
		"link":                {connectors.Paging{Style: "link", Size: 100}, 3},
	} {
		r := &aggregation.Reader{Resource: &connectors.Resource{Name: "users"}, Plan: &connectors.Plan{List: connectors.Listing{Paging: tt.paging}}}
		if needs, err := r.Needs(aggregation.Sizes{Accounts: 250}); err != nil || len(needs) != 1 || needs[0].Calls != tt.want {
			t.Errorf("%s: got %+v, %v, want %d calls", name, needs, err, tt.want)
		}
	}
}
