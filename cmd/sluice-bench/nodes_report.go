package main

import (
	"context"
	"fmt"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/lease"
)

// nodesSpan is how long the nodes bench takes, in windows of virtual time, and nodesSeeds how often each trial is played with other luck.
const (
	nodesSpan  = 30
	nodesSeeds = 5
)

// crowd is four nodes, and who of them wants how much.
type crowd struct {
	name    string
	workers []int
	demand  []float64
}

// crowds want more than the limit. The demand of the last is a fifth more, eight parts of eleven on the first node.
var crowds = []crowd{
	{"equal", []int{8, 8, 8, 8}, nil},
	{"one busy", []int{8, 0, 0, 0}, nil},
	{"8:1:1:1", make([]int, 4), []float64{1.2 * 8 / 11, 1.2 / 11, 1.2 / 11, 1.2 / 11}},
}

// counted are the limiters that permit a limit in any span of a window, however they count.
var counted = []string{"fixed, random phase", "fixed from first call", "sliding log", "token bucket"}

func makeLimiter(name string) limiter.Limiter {
	for _, s := range zoo {
		if s.name == name {
			return s.make(phase)
		}
	}
	return nil
}

// newFleet is four nodes with luck of a seed.
func newFleet(c crowd, limiter string, windows int, seed uint64) fleet {
	return fleet{
		limiter: makeLimiter(limiter), windows: windows, workers: c.workers, demand: c.demand, seed: seed,
		terms: lease.Terms{Limit: calls, Window: length, TTL: 5 * time.Second, Transit: roundTrip, Share: 1. / float64(len(c.workers))},
	}
}

// nodesFigures is what the bars are held against.
type nodesFigures struct {
	efficiency     float64 // answered calls of what the limit permits, least of all trials
	refused        int
	killedRefused  int
	killedReused   float64       // permitted calls of the others in the window after next, of the limit, least of all trials
	killedAgain    time.Duration // until the others had 95 % of the limit in a window's time, most of all trials
	goneRefused    int           // the store gone for two windows, and back with its state
	goneUsed       float64       // permitted calls of the two windows, of two limits, least of all trials
	emptiedRefused int           // the same, and back without; or emptied in a moment
	cutPerThousand float64       // one node cut off for four windows from the store that the others reach, most of all trials; no bar
}

func benchNodes(ctx context.Context, _ []string) error {
	f, err := measureNodes(ctx, nodesSpan, nodesSeeds, func(format string, args ...any) { fmt.Printf(format, args...) })
	if err != nil {
		return err
	}
	fmt.Printf("pacing_node_killed_reused=%.4f\n", f.killedReused)
	fmt.Printf("pacing_node_killed_again_s=%.1f\n", f.killedAgain.Seconds())
	fmt.Printf("pacing_store_gone_used=%.4f\n", f.goneUsed)
	fmt.Printf("pacing_store_emptied_429=%d\n", f.emptiedRefused)
	fmt.Printf("pacing_node_cut_off_429_per_1000=%.1f\n", f.cutPerThousand)
	fmt.Printf("pacing_nodes_efficiency=%.4f\n", f.efficiency)
	fmt.Printf("pacing_nodes_429=%d\n", f.refused)
	fmt.Printf("pacing_node_killed_429=%d\n", f.killedRefused)
	fmt.Printf("pacing_store_gone_429=%d\n", f.goneRefused)
	return nil
}

// measureNodes plays all trials and prints a line for each limiter and crowd: the least efficiency and all 429s of the seeds, and trades
// and calls of the last.
func measureNodes(ctx context.Context, windows int, seeds uint64, printf func(string, ...any)) (nodesFigures, error) {
	f := nodesFigures{efficiency: 1, killedReused: 1, goneUsed: 1}
	printf("%-12s %-9s %10s %5s %8s %s\n", "limiter", "demand", "efficiency", "429s", "trades/s", "calls of each node")
	for _, name := range counted {
		for _, c := range crowds {
			least, refused := 1., 0
			var o reach
			for seed := range seeds {
				if err := ctx.Err(); err != nil {
					return f, err
				}
				o = newFleet(c, name, windows, seed).run()
				least = min(least, float64(o.answered)/float64(windows*calls))
				refused += o.refused
			}
			perSecond := float64(o.trades) / (float64(windows) * length.Seconds())
			printf("%-12s %-9s %9.2f%% %5d %8.2f %v\n", name, c.name, 100*least, refused, perSecond, o.perNode)
			f.efficiency = min(f.efficiency, least)
			f.refused += refused
		}
		for seed := range seeds {
			f.misfortunes(name, seed)
		}
	}
	return f, nil
}

// misfortunes plays the trials in which a node or the store goes, with nodes that all want more than there is.
func (f *nodesFigures) misfortunes(limiter string, seed uint64) {
	const dies, goes, returns, span = 4, 4, 6, 12
	killed := newFleet(crowds[0], limiter, span, seed)
	killed.killed, killed.died = 2, dies
	o := killed.run()
	f.killedRefused += o.refused
	f.killedReused = min(f.killedReused, float64(o.perWindow[dies+2])/calls)
	f.killedAgain = max(f.killedAgain, o.again)

	gone := newFleet(crowds[0], limiter, span, seed)
	gone.gone = [2]int{goes, returns}
	o = gone.run()
	f.goneRefused += o.refused
	f.goneUsed = min(f.goneUsed, float64(o.perWindow[goes]+o.perWindow[goes+1])/(2*calls))

	gone.limiter, gone.emptied = makeLimiter(limiter), true
	f.emptiedRefused += gone.run().refused
	gone.limiter, gone.gone = makeLimiter(limiter), [2]int{goes, goes}
	f.emptiedRefused += gone.run().refused

	cut := newFleet(crowds[0], limiter, span, seed)
	cut.gone, cut.cut = [2]int{goes, goes + 4}, true
	o = cut.run()
	f.cutPerThousand = max(f.cutPerThousand, 1000*float64(o.refused)/float64(o.answered))
}
