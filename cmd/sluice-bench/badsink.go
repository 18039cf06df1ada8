package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// badSinkBar is how many times as long a receiver may wait for its events beside one that is bad.
const badSinkBar = 2.0

// badSinkAll stands for all sorts at once, goodSinks for as many good receivers, goodOne for one, and goodTLS for one each of whose events begins with
// a handshake: what those cost is the price of more receivers, on whatever machine, and not of bad ones.
const (
	badSinkAll = "all"
	goodSinks  = "good"
	goodOne    = "one good"
	goodTLS    = "good TLS"
)

// besides is how long a good receiver waits for its events beside bad ones, in each round.
type besides [][]time.Duration

// wait is the median of the rounds, of which one may fall into a second in which the machine does something else.
func (b besides) wait(percent int) time.Duration {
	var all []time.Duration
	for _, waits := range b {
		all = append(all, deliveryFigures{waits: waits}.wait(percent))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ratios are how many times as long it waits as when it is alone.
func (b besides) ratios(alone besides) (p50, p99 float64) {
	ratio := func(percent int) float64 { return b.wait(percent).Seconds() / alone.wait(percent).Seconds() }
	return ratio(50), ratio(99)
}

// benchBadSink measures how long a good receiver waits for its events when it is alone, beside a bad one of each sort, and beside all of them.
// args may name the sluice binary.
func benchBadSink(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("badsink", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often all is measured, one after the other; what is said is the median")
	seconds := flags.Int("seconds", 5, fmt.Sprintf("how long %d events a second are delivered each time", deliveryPace))
	databases := flags.String("databases", "sqlite,postgres", "on which databases")
	sorts := flags.String("sorts", strings.Join(append(slices.Sorted(badSorts()), goodOne, goodTLS, goodSinks, badSinkAll), ","), "beside which receivers, those of all after as many good ones")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	binary := cmp.Or(flags.Arg(0), "bin/sluice")
	var worst, all float64
	for _, database := range strings.Split(*databases, ",") {
		one, every, err := compareBesides(ctx, binary, database, strings.Split(*sorts, ","), *rounds, *seconds)
		if err != nil {
			return err
		}
		worst, all = max(worst, one), max(all, every)
	}
	fmt.Printf("\ndelivery_beside_all_bad_sinks=%.2f\ndelivery_beside_bad_sink=%.2f\n", all, worst)
	if worst > badSinkBar {
		return fmt.Errorf("beside a bad receiver a good one waits more than %g times as long", badSinkBar)
	}
	return nil
}

// isBad tells whether a sort is one bad receiver.
func isBad(sort string) bool {
	return !slices.Contains([]string{"", goodSinks, goodOne, goodTLS, badSinkAll}, sort)
}

// comparison is what was measured on one database, by sort.
type comparison struct {
	binary, database string
	seconds          int
	measured         map[string]besides
}

// measure adds some rounds of some sorts.
func (c *comparison) measure(ctx context.Context, sorts []string, rounds int) error {
	for range rounds {
		for _, sort := range sorts {
			waits, err := measureBesides(ctx, c.binary, c.database, sort, c.seconds)
			if err != nil {
				return fmt.Errorf("%s, beside %q: %w", c.database, sort, err)
			}
			c.measured[sort] = append(c.measured[sort], waits)
		}
	}
	return nil
}

// again measures more of the sorts that are over the bar: the p99 of a few milliseconds is much a matter of chance.
func (c *comparison) again(ctx context.Context, sorts []string, rounds int) error {
	for _, sort := range sorts {
		_, p99 := c.measured[sort].ratios(c.measured[""])
		if !isBad(sort) || p99 <= badSinkBar {
			continue
		}
		fmt.Printf("%-9s beside %-10s p99 (%.2f), which is over: %d rounds more\n", c.database, sort, p99, rounds)
		if err := c.measure(ctx, []string{"", sort}, rounds); err != nil {
			return err
		}
	}
	return nil
}

// compareBesides returns how many times as long the good receiver waits, by its p99, beside the worst sort as when it is alone, and beside all
// sorts as beside so many good ones.
func compareBesides(ctx context.Context, binary, database string, sorts []string, rounds, seconds int) (worst, all float64, err error) {
	sorts = append([]string{""}, sorts...)
	c := &comparison{binary, database, seconds, map[string]besides{}}
	if err := c.measure(ctx, sorts, rounds); err != nil {
		return 0, 0, err
	}
	if err := c.again(ctx, sorts, 2*rounds); err != nil {
		return 0, 0, err
	}
	alone, goods := c.measured[""], c.measured[goodSinks]
	if goods == nil {
		goods = alone
	}
	for _, sort := range sorts {
		b := c.measured[sort]
		p50, p99 := b.ratios(alone)
		fmt.Printf("%-9s beside %-10s p50 %6.1f ms (%.2f)   p99 %6.1f ms (%.2f)   longest %6.1f ms\n",
			database, cmp.Or(sort, "nobody"), ms(b.wait(50)), p50, ms(b.wait(99)), p99, ms(b.wait(100)))
		switch {
		case isBad(sort):
			worst = max(worst, p99)
		case sort == badSinkAll:
			_, all = b.ratios(goods)
		}
	}
	return worst, all, nil
}

// measureBesides serves a good receiver, and beside it one of a sort, all, or none. What is delivered in the first second, while connections are made,
// is not counted.
func measureBesides(ctx context.Context, binary, database, sort string, seconds int) (waits []time.Duration, err error) {
	bad, err := openBadSinks(ctx, sort)
	if err != nil {
		return nil, err
	}
	defer bad.close()
	d := &delivering{}
	defer func() { err = errors.Join(err, d.close(ctx)) }()
	if err := d.build(ctx, binary, database, map[string]string{"roots.pem": string(bad.roots)}); err != nil {
		return nil, err
	}
	if err := os.Setenv("SSL_CERT_FILE", filepath.Join(d.house.dir, "roots.pem")); err != nil { // for the process that is measured
		return nil, err
	}
	for name, url := range bad.urls {
		if _, err := d.house.subscribe(ctx, name, url); err != nil {
			return nil, err
		}
	}
	if err := d.serve(ctx); err != nil {
		return nil, err
	}
	var first, f deliveryFigures
	if err := d.trickle(ctx, 1, &first); err != nil {
		return nil, err
	}
	err = d.trickle(ctx, seconds, &f)
	return f.waits, err
}
