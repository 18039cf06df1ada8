package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// scope is how much the lanes bench plays.
type scope struct {
	aggregation int    // bulk calls, all of which are played
	flood, fair int    // windows
	seeds       uint64 // how often each is played with other luck
}

var wholeDay = scope{aggregation: 55_000, flood: 60, fair: 300, seeds: 3}

const (
	aggregators = 8
	longestRun  = 1200 // windows in which the aggregation must be done
	shippedHold = 25 * time.Second
	atLeisure   = time.Hour // the patience of callers who wait as long as it takes
)

// lanesTrial is what lanes are tried before: the vendor's limiter by its name in the zoo, what is configured of it, and how long callers
// wait at most, by which the governor spaces calls over the window; 0 = it does not.
type lanesTrial struct {
	name, limiter string
	kind          shadow.Kind
	hold          time.Duration
}

var lanesTrials = []lanesTrial{
	{"first call, as shipped", "fixed from first call", shadow.FirstCall, shippedHold},
	{"first call, unknown", "fixed from first call", shadow.Unknown, shippedHold},
	{"sliding log", "sliding log", shadow.Sliding, shippedHold},
	{"sliding log, unknown", "sliding log", shadow.Unknown, shippedHold},
	{"unspaced: first call", "fixed from first call", shadow.FirstCall, 0},
	{"unspaced: first call, unknown", "fixed from first call", shadow.Unknown, 0},
	{"unspaced: sliding log", "sliding log", shadow.Sliding, 0},
	{"unspaced: sliding, unknown", "sliding log", shadow.Unknown, 0},
}

func (t lanesTrial) queue(parties []party, windows int, seed uint64) queue {
	rule := shadow.Rule{Limit: calls, Window: length, Kind: t.kind, Patience: t.hold, BulkFloor: pace.DefaultFloor}
	return queue{limiter: makeLimiter(t.limiter), rule: rule, parties: parties, windows: windows, seed: seed}
}

// office is an aggregation beside the calls of two connectors that somebody waits for, four in a minute, and a termination in two minutes.
func office(aggregation int) []party {
	return []party{
		{consumer: "aggregation", lane: shadow.Bulk, workers: aggregators, wanted: aggregation, patience: atLeisure},
		{consumer: "provisioning", lane: shadow.Interactive, perWindow: 2, patience: atLeisure},
		{consumer: "portal", lane: shadow.Interactive, perWindow: 2, patience: atLeisure},
		{consumer: "terminations", lane: shadow.Critical, perWindow: 0.5, patience: atLeisure},
	}
}

// flood is an aggregation beside 16 interactive callers who never stop.
func flood() []party {
	parties := office(0)
	for i := range parties {
		if parties[i].lane == shadow.Interactive {
			parties[i].workers, parties[i].perWindow = 8, 0
		}
	}
	return parties
}

// unequal is ten consumers of one lane that want 1 to 10 times as much: 110 calls in a window that permits 60, and none waits two windows.
func unequal(lane shadow.Lane) (parties []party) {
	for i := range 10 {
		parties = append(parties, party{
			consumer: fmt.Sprintf("consumer %d", i+1), lane: lane, perWindow: 2 * float64(i+1), patience: 2 * length,
		})
	}
	return parties
}

// lanesFigures is what the bars are held against: of all that was played, the worst.
type lanesFigures struct {
	median     float64 // of an interactive call's wait, in round trips
	longest    float64 // wait of an interactive call, in windows
	behind     int     // grants to others while a critical call waited
	floor      float64 // share of bulk under the flood, of all calls that are not critical
	unfairness float64 // how far a consumer is from its max-min fair share, of that
	efficiency float64 // of the aggregation and of the flood
	refused    int

	p99, critical time.Duration // the 99th percentile of interactive waits, and the longest wait of a critical call; no bar
	took          time.Duration // until the aggregation was done
}

func (f lanesFigures) worst(g lanesFigures) lanesFigures {
	return lanesFigures{
		median: max(f.median, g.median), longest: max(f.longest, g.longest), behind: f.behind + g.behind,
		floor: min(f.floor, g.floor), unfairness: max(f.unfairness, g.unfairness), efficiency: min(f.efficiency, g.efficiency),
		refused: f.refused + g.refused, p99: max(f.p99, g.p99), critical: max(f.critical, g.critical), took: max(f.took, g.took),
	}
}

// measure plays the aggregation, the flood and the unequal consumers of each lane.
func (t lanesTrial) measure(ctx context.Context, s scope) (lanesFigures, error) {
	all := lanesFigures{floor: 1, efficiency: 1}
	for seed := range s.seeds {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		q := t.queue(office(s.aggregation), longestRun, seed)
		all = all.worst(judge(q, q.run()))
		all = all.worst(t.floods(s.flood, seed))
		for lane := range shadow.Lane(shadow.Lanes) {
			q := t.queue(unequal(lane), s.fair, seed)
			o := q.run()
			all.refused += o.refused
			all.unfairness = max(all.unfairness, unfairness(o.parties))
		}
	}
	return all, nil
}

// judge reads an aggregation.
func judge(q queue, o traffic) lanesFigures {
	interactive, critical := o.waits(q.parties, shadow.Interactive), o.waits(q.parties, shadow.Critical)
	slices.Sort(interactive)
	return lanesFigures{
		median:  float64(interactive[len(interactive)/2]) / float64(roundTrip),
		longest: float64(interactive[len(interactive)-1]) / float64(q.rule.Window),
		behind:  o.behind, refused: o.refused, floor: 1, efficiency: o.efficiency(q.rule),
		p99: interactive[len(interactive)*99/100], critical: slices.Max(critical), took: o.took,
	}
}

// floods plays the flood.
func (t lanesTrial) floods(windows int, seed uint64) lanesFigures {
	q := t.queue(flood(), windows, seed)
	o := q.run()
	var granted [shadow.Lanes]int
	for _, lane := range o.grants {
		granted[lane]++
	}
	bulk := float64(granted[shadow.Bulk])
	return lanesFigures{
		behind: o.behind, refused: o.refused, floor: bulk / (bulk + float64(granted[shadow.Interactive])), efficiency: o.efficiency(q.rule),
	}
}

// unfairness is how far the consumer that is farthest from its max-min fair share of all answered calls is from it.
func unfairness(parties []demand) (worst float64) {
	wants, total := make([]float64, len(parties)), 0
	for i, d := range parties {
		wants[i] = float64(d.came)
		total += d.answered
	}
	for i, fair := range maxMin(wants, float64(total)) {
		worst = max(worst, math.Abs(float64(parties[i].answered)-fair)/fair)
	}
	return worst
}

// maxMin shares what there is: who wants less than an equal part gets what it wants, and the others share the rest alike.
func maxMin(wants []float64, there float64) []float64 {
	shares := make([]float64, len(wants))
	order := make([]int, len(wants))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if wants[a] < wants[b] {
			return -1
		}
		return 1
	})
	for n, i := range order {
		shares[i] = min(wants[i], there/float64(len(order)-n))
		there -= shares[i]
	}
	return shares
}

// benchLanes plays an aggregation of 55,000 calls, all of it, with more urgent calls in between; a flood of them; and unequal consumers.
func benchLanes(ctx context.Context, _ []string) error {
	fmt.Printf("%d bulk calls by %d callers, 4 interactive calls a minute, 1 critical call in 2 minutes; %d calls a minute are permitted,\n"+
		"a round trip takes %v; worst of %d seeds each\n\n", wholeDay.aggregation, aggregators, calls, roundTrip, wholeDay.seeds)
	fmt.Printf("%-30s %9s %8s %5s | %7s %7s %7s | %8s %6s | %6s %7s\n",
		"limit", "took", "used", "429s", "median", "99 %", "longest", "critical", "behind", "floor", "unfair")
	all := lanesFigures{floor: 1, efficiency: 1}
	for _, t := range lanesTrials {
		f, err := t.measure(ctx, wholeDay)
		if err != nil {
			return err
		}
		all = all.worst(f)
		fmt.Printf("%-30s %9s %7.2f%% %5d | %6.1fs %6.1fs %6.1fs | %7.1fs %6d | %5.2f%% %6.2f%%\n",
			t.name, f.took.Round(time.Minute), 100*f.efficiency, f.refused, f.median*roundTrip.Seconds(), f.p99.Seconds(),
			f.longest*length.Seconds(), f.critical.Seconds(), f.behind, 100*f.floor, 100*f.unfairness)
	}
	fmt.Printf("\npacing_lanes_efficiency=%.4f\npacing_lanes_429=%d\n", all.efficiency, all.refused)
	fmt.Printf("pacing_interactive_median_round_trips=%.2f\n", all.median)
	fmt.Printf("pacing_interactive_max_windows=%.3f\n", all.longest)
	fmt.Printf("pacing_critical_behind=%d\n", all.behind)
	fmt.Printf("pacing_bulk_floor=%.4f\n", all.floor)
	fmt.Printf("pacing_fairness_error=%.4f\n", all.unfairness)
	return nil
}
