package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/shadow"
)

// The limit of every trial: TeamDynamix's for one person.
const (
	calls  = 60
	length = time.Minute
)

// played is how many windows a trial lasts, and how often it is played with other chances.
const (
	playedWindows = 60
	playedSeeds   = 20
)

// species is a kind of limiter at a vendor, and what a configuration that knows it says.
type species struct {
	name  string
	make  func(phase time.Duration) limiter.Limiter
	rule  shadow.Rule // its Kind and Burst when configured; Unknown: no kind of ours is its
	least float64     // bars where nobody else spends: efficiency …
	most  float64     // … and refusals per 1,000 calls
}

// phase is where the windows of the trial with the first seed begin.
var phase = phaseOf(0)

// phaseOf is where the windows of a trial with a seed begin; none begin on a second.
func phaseOf(seed uint64) time.Duration {
	return (41*time.Second + 123*time.Millisecond + time.Duration(seed)*(37*time.Second+71*time.Millisecond)) % length
}

// zoo is every limiter of the bench.
var zoo = []species{
	{name: "fixed, random phase", make: func(at time.Duration) limiter.Limiter {
		return &limiter.Fixed{Limit: calls, Window: length, Phase: at}
	},
		rule: shadow.Rule{Kind: shadow.Fixed}, least: 0.97},
	{name: "fixed from first call", make: func(time.Duration) limiter.Limiter { return &limiter.FirstCall{Limit: calls, Window: length} },
		rule: shadow.Rule{Kind: shadow.FirstCall}, least: 0.97},
	{name: "sliding log", make: func(time.Duration) limiter.Limiter { return &limiter.SlidingLog{Limit: calls, Window: length} },
		rule: shadow.Rule{Kind: shadow.Sliding}, least: 0.97},
	{name: "… counting refusals", make: func(time.Duration) limiter.Limiter {
		return &limiter.SlidingLog{Limit: calls, Window: length, CountsRefused: true}
	},
		rule: shadow.Rule{Kind: shadow.Sliding}, least: 0.97},
	{name: "sliding counter", make: func(at time.Duration) limiter.Limiter {
		return &limiter.SlidingCounter{Limit: calls, Window: length, Phase: at}
	},
		least: 0.95, most: 5},
	{name: "token bucket", make: func(time.Duration) limiter.Limiter {
		return &limiter.Bucket{Limit: calls, Window: length, Burst: calls}
	},
		rule: shadow.Rule{Kind: shadow.Refill}, least: 0.97},
	{name: "leaky, burst 10", make: func(time.Duration) limiter.Limiter { return &limiter.Bucket{Limit: calls, Window: length, Burst: 10} },
		rule: shadow.Rule{Kind: shadow.Refill, Burst: 10}, least: 0.97, most: 2},
}

var roundTrips = []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second}

// circumstance is what varies from trial to trial.
type circumstance struct {
	configured bool
	trip       time.Duration
	jitter     float64
	headers    float64
	skew       time.Duration
	competitor float64
	learned    bool // not even the limit is configured
}

// figures are the sums of all seeds of a case.
type figures struct {
	outcome
	permitted int
}

func (f figures) efficiency() float64 { return float64(f.answered) / float64(f.permitted-f.theirGot) }
func (f figures) keeps() float64      { return float64(f.theirGot) / float64(max(1, f.theirAsked)) }

// play runs a case with each seed.
func (s species) play(c circumstance) (f figures) {
	for seed := range uint64(playedSeeds) {
		t := trial{
			limiter: s.make(phaseOf(seed)), rule: shadow.Rule{Limit: calls, Window: length}, limit: calls, window: length, windows: playedWindows,
			trip: c.trip, jitter: c.jitter, headers: c.headers, skew: c.skew, competitor: c.competitor, workers: 8, seed: seed + 1,
		}
		if c.configured {
			t.rule.Kind, t.rule.Burst = s.rule.Kind, s.rule.Burst
		}
		if c.learned {
			t.rule = shadow.Rule{}
		}
		o := t.run()
		f.answered += o.answered
		f.refused += o.refused
		f.theirAsked += o.theirAsked
		f.theirGot += o.theirGot
		f.permitted += calls * playedWindows
	}
	return f
}

// cell is one case of a table.
type cell struct {
	species      species
	circumstance circumstance
	figures      figures
}

// playAll plays cells on all processors.
func playAll(cells []*cell) {
	var all sync.WaitGroup
	next := make(chan *cell)
	for range 2 {
		all.Go(func() {
			for c := range next {
				c.figures = c.species.play(c.circumstance)
			}
		})
	}
	for _, c := range cells {
		next <- c
	}
	close(next)
	all.Wait()
}

// aloneColumns are the circumstances in which nobody else spends, round trips and the kind's configuration aside.
var aloneColumns = []struct {
	name         string
	circumstance circumstance
}{
	{"all headers", circumstance{headers: 1}},
	{"clock +5 s", circumstance{headers: 1, skew: 5 * time.Second}},
	{"clock −5 s", circumstance{headers: 1, skew: -5 * time.Second}},
	{"on half", circumstance{headers: 0.5}},
	{"no headers", circumstance{}},
}

// benchPacing plays the governor against every limiter and prints what came of it, the bars last.
func benchPacing(context.Context, []string) error {
	fmt.Printf("Virtual time: %d calls per %s, 8 callers who want to go as fast as permitted, %d windows, %d seeds. Efficiency in %% of what the\nlimit permits / refusals per 1,000 answered calls.\n\n",
		calls, length, playedWindows, playedSeeds)
	b := bars{least: 2, tdx: 2}
	b.alone()
	b.others()
	b.learned()
	b.bursts()
	for _, miss := range b.missed {
		fmt.Println("missed:", miss)
	}
	fmt.Printf("pacing_tdx_efficiency=%.4f\npacing_min_efficiency=%.4f\npacing_max_429_per_1000=%.2f\n", b.tdx, b.least, b.most)
	return nil
}

// bars gathers what the bars are about.
type bars struct {
	tdx, least, most float64
	missed           []string
}

func (b *bars) miss(ok bool, format string, args ...any) {
	if !ok {
		b.missed = append(b.missed, fmt.Sprintf(format, args...))
	}
}

// alone is the table of all cases in which nobody else spends.
func (b *bars) alone() {
	var cells []*cell
	for _, s := range zoo {
		for _, configured := range []bool{false, true} {
			if configured && s.rule.Kind == shadow.Unknown {
				continue
			}
			for _, trip := range roundTrips {
				for _, column := range aloneColumns {
					c := column.circumstance
					c.configured, c.trip = configured, trip
					cells = append(cells, &cell{species: s, circumstance: c})
				}
			}
		}
	}
	playAll(cells)
	fmt.Printf("%-22s %-10s %6s", "limiter", "kind", "trip")
	for _, column := range aloneColumns {
		fmt.Printf("  %-14s", column.name)
	}
	for i, c := range cells {
		if i%len(aloneColumns) == 0 {
			fmt.Printf("\n%-22s %-10s %6s", c.species.name, kindWord(c.circumstance), c.circumstance.trip)
		}
		fmt.Printf("  %5.1f %% / %-4.1f", 100*c.figures.efficiency(), c.figures.perThousand())
		b.judge(c, aloneColumns[i%len(aloneColumns)].name)
	}
	fmt.Print("\n\n")
}

// judge holds a case in which nobody else spends against its bars.
func (b *bars) judge(c *cell, column string) {
	f, s := c.figures, c.species
	b.least, b.most = min(b.least, f.efficiency()), max(b.most, f.perThousand())
	if s.rule.Kind == shadow.FirstCall && c.circumstance == (circumstance{configured: true, trip: 300 * time.Millisecond, headers: 1}) {
		b.tdx = f.efficiency()
		b.miss(b.tdx >= 0.99 && f.refused == 0, "TeamDynamix's kind, configured, 300 ms: %.2f %%, %d refusals", 100*b.tdx, f.refused)
	}
	b.miss(f.efficiency() >= s.least && f.perThousand() <= s.most, "%s, %s, %s, %s: %.2f %% / %.2f", s.name, kindWord(c.circumstance), c.circumstance.trip,
		column, 100*f.efficiency(), f.perThousand())
}

func kindWord(c circumstance) string {
	if c.configured {
		return "configured"
	}
	return "found"
}

// others is the table of somebody else spending a fifth of the limit.
func (b *bars) others() {
	var cells []*cell
	for _, s := range zoo {
		for _, trip := range roundTrips {
			for _, configured := range []bool{false, true} {
				cells = append(cells, &cell{species: s, circumstance: circumstance{configured: configured, trip: trip, headers: 1, competitor: 0.2}})
			}
		}
	}
	playAll(cells)
	fmt.Printf("Somebody else wants 20 %%: efficiency of what they leave / refusals per 1,000 / share of their calls that they keep\n%-22s %6s  %-26s  %-26s",
		"limiter", "trip", "kind found", "kind configured")
	for i, c := range cells {
		f, s := c.figures, c.species
		if i%2 == 0 {
			fmt.Printf("\n%-22s %6s", s.name, c.circumstance.trip)
		}
		fmt.Printf("  %5.1f %% / %-5.1f / %3.0f %%   ", 100*f.efficiency(), f.perThousand(), 100*f.keeps())
		most := 6.0
		if s.rule.Kind == shadow.Sliding {
			most = 25
		}
		if s.name == "… counting refusals" || s.rule.Kind == shadow.Unknown {
			continue // no bar
		}
		b.miss(f.efficiency() >= 0.95 && f.perThousand() <= most && f.keeps() >= 0.8, "others at 20 %%, %s, %s, %s: %.1f %% / %.1f, they keep %.0f %%", s.name,
			kindWord(c.circumstance), c.circumstance.trip, 100*f.efficiency(), f.perThousand(), 100*f.keeps())
	}
	fmt.Print("\n\n")
}

// learned is the table of a limit of which nothing is configured.
func (b *bars) learned() {
	var cells []*cell
	for _, s := range zoo {
		for _, trip := range roundTrips {
			cells = append(cells, &cell{species: s, circumstance: circumstance{trip: trip, headers: 1, learned: true}})
		}
	}
	playAll(cells)
	fmt.Printf("Nothing configured, limit and window learned from headers (no bar)\n%-22s", "limiter")
	for _, trip := range roundTrips {
		fmt.Printf("  %-14s", trip)
	}
	for i, c := range cells {
		if i%len(roundTrips) == 0 {
			fmt.Printf("\n%-22s", c.species.name)
		}
		fmt.Printf("  %5.1f %% / %-4.1f", 100*c.figures.efficiency(), c.figures.perThousand())
	}
	fmt.Print("\n\n")
}

// bursts is the table of callers who come in bursts before a fixed window.
func (b *bars) bursts() {
	fmt.Printf("Bursty arrivals on a fixed window of random phase: mean wait × the oracle's, who knows the window to the nanosecond\n%-10s %6s  %-10s  %-10s\n", "load", "trip", "found", "configured")
	for _, load := range []float64{0.5, 0.7} {
		arrivals := bursts(load, calls, length, playedWindows, 3)
		for _, trip := range roundTrips {
			oracle := oracleWaits(arrivals, calls, length, phase, trip)
			fmt.Printf("%-10.1f %6s", load, trip)
			for _, kind := range []shadow.Kind{shadow.Unknown, shadow.Fixed} {
				t := trial{limiter: zoo[0].make(phase), rule: shadow.Rule{Limit: calls, Window: length, Kind: kind}, limit: calls, window: length,
					windows: playedWindows + 5, trip: trip, headers: 1, arrivals: arrivals, seed: 1}
				o := t.run()
				ratio := float64(o.waited) / float64(oracle)
				fmt.Printf("  %-10.3f", ratio)
				b.miss(ratio <= 1.1 && o.refused == 0 && o.sent == len(arrivals), "bursts, load %.1f, %s, kind %v: %.3f × the oracle's wait, %d refusals, %d of %d sent",
					load, trip, kind, ratio, o.refused, o.sent, len(arrivals))
			}
			fmt.Println()
		}
	}
	fmt.Println()
}
