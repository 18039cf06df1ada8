package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/mocks/teamdynamix"
)

// The bars of a reading by its size: memory, and how little it and the time may grow for each person.
const (
	scaleBar55k  = 200 << 20
	scaleBar500k = 400 << 20
	scaleFlat    = 1.5 // time for each person at the largest size, of that at the smallest
	scaleWorkers = 4
)

// scaleTrial is one reading: how many people, by which plan, and on which database.
type scaleTrial struct {
	database string // sqlite or postgres
	plan     string
	people   int
}

// scaleFigure is what one reading cost.
type scaleFigure struct {
	scaleTrial
	reading reading
}

// took and cpu are the microseconds for a person.
func (f scaleFigure) took() float64 { return f.each(f.reading.took()) }
func (f scaleFigure) cpu() float64  { return f.each(f.reading.cpu) }

func (f scaleFigure) each(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(max(1, f.people))
}

func (f scaleFigure) String() string {
	return fmt.Sprintf("%-9s %-9s %8d %9.1f s %9.0f µs %9.0f µs %6d MiB", f.database, f.plan, f.people,
		f.reading.took().Seconds(), f.took(), f.cpu(), f.reading.peak>>20)
}

// benchScale measures what a reading costs in memory and time by the number of people, where no limit binds. args may name the sluice binary.
func benchScale(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	sizes := flags.String("inverted", "5000,55000,500000", "how many people are read by plan inverted")
	detail := flags.String("detail", "5000,55000", "how many people are read by plan detail")
	databases := flags.String("databases", "sqlite,postgres", "on which databases")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary := "bin/sluice"
	if flags.NArg() > 0 {
		binary = flags.Arg(0)
	}
	trials, err := scaleTrials(*databases, *sizes, *detail)
	if err != nil {
		return err
	}
	fmt.Printf("%-9s %-9s %8s %11s %12s %12s %10s\n", "database", "plan", "people", "time", "a person", "its CPU", "resident")
	var all []scaleFigure
	for _, t := range trials {
		f, err := t.run(ctx, binary)
		if err != nil {
			return fmt.Errorf("%s, %s, %d people: %w", t.database, t.plan, t.people, err)
		}
		fmt.Println(f)
		all = append(all, f)
	}
	return weighScale(all).tell()
}

// scaleTrials are all sizes of all plans on all databases.
func scaleTrials(databases, inverted, detail string) (trials []scaleTrial, err error) {
	for _, database := range strings.Split(databases, ",") {
		for plan, sizes := range map[string]string{"inverted": inverted, "detail": detail} {
			for _, text := range strings.Split(sizes, ",") {
				if text == "" {
					continue
				}
				people, err := strconv.Atoi(text)
				if err != nil || people <= 0 {
					return nil, fmt.Errorf("%q is no number of people", text)
				}
				trials = append(trials, scaleTrial{database, plan, people})
			}
		}
	}
	slices.SortStableFunc(trials, func(a, b scaleTrial) int {
		return 2*strings.Compare(b.database, a.database) + strings.Compare(b.plan, a.plan) // SQLite first, and the listing before the rest
	})
	return trials, nil
}

// run reads everybody into a new database.
func (t scaleTrial) run(ctx context.Context, binary string) (f scaleFigure, err error) {
	f.scaleTrial = t
	tenant, err := playTenant(ctx, unlimited(t.people))
	if err != nil {
		return f, err
	}
	defer tenant.close()
	server := ""
	if t.database != "sqlite" {
		made, err := makeDatabase(ctx)
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, made.drop(ctx)) }()
		server = made.through(made.server.Host)
	}
	h, err := buildHouse(binary, server, "127.0.0.1:0", reader{
		name: "tdx", tenant: tenant, egress: aggregationEgress[:1], yaml: fmt.Sprintf("aggregation: {workers_per_node: %d}\n", scaleWorkers),
	})
	if err != nil {
		return f, err
	}
	defer h.close()
	if f.reading, err = h.read(ctx, "tdx", t.plan); err != nil {
		return f, err
	}
	return f, f.reading.sound(t.people)
}

// unlimited is an organization whose vendor limits nothing. It has few groups, applications and roles, so that some four rows are read of each
// person and not ten, or the largest reading would take most of an hour; and nobody with an org application, so that inverted asks for nobody.
func unlimited(people int) teamdynamix.Options {
	rates := map[string]teamdynamix.Rate{}
	for _, l := range teamdynamix.Limits() {
		rates[l.Method+" "+l.Path] = teamdynamix.Rate{}
	}
	return teamdynamix.Options{Seed: 7, People: people, Groups: 2, Applications: 1, SecurityRoles: 2, OrgApplicationShare: -1, Rates: rates}
}

// scaleFigures is what the bars are held against: of all plans and databases the worst.
type scaleFigures struct {
	rss55k, rss500k int64   // the most at or below that many people, above 5,000
	memorySlope     float64 // MiB more for each 100,000 people more, from the smallest size to the largest
	timeSlope       float64 // time for a person at the largest size, of that at the smallest
	cpuSlope        float64 // the same of the CPU time of Sluice, which knows less of what else the machine does
}

// weighScale compares, of each plan and database, the smallest size with the largest.
func weighScale(all []scaleFigure) (f scaleFigures) {
	type kind struct{ database, plan string }
	least, most := map[kind]scaleFigure{}, map[kind]scaleFigure{}
	for _, one := range all {
		of := kind{one.database, one.plan}
		if was, found := least[of]; !found || one.people < was.people {
			least[of] = one
		}
		if one.people > most[of].people {
			most[of] = one
		}
		switch {
		case one.people <= 5_000:
		case one.people <= 55_000:
			f.rss55k = max(f.rss55k, one.reading.peak)
		default:
			f.rss500k = max(f.rss500k, one.reading.peak)
		}
	}
	for of, small := range least {
		large := most[of]
		if large.people == small.people || small.took() <= 0 || small.cpu() <= 0 {
			continue
		}
		more := float64(large.reading.peak-small.reading.peak) / (1 << 20)
		f.memorySlope = max(f.memorySlope, more/float64(large.people-small.people)*100_000)
		f.timeSlope = max(f.timeSlope, large.took()/small.took())
		f.cpuSlope = max(f.cpuSlope, large.cpu()/small.cpu())
	}
	return f
}

// tell prints the figures, and says whether a bar is missed.
func (f scaleFigures) tell() error {
	fmt.Printf("\nscale_rss_55k_mib=%d\nscale_rss_500k_mib=%d\nscale_cpu_slope=%.2f\nscale_memory_slope=%.1f\nscale_time_slope=%.2f\n",
		f.rss55k>>20, f.rss500k>>20, f.cpuSlope, f.memorySlope, f.timeSlope)
	switch {
	case f.rss55k > scaleBar55k:
		return fmt.Errorf("more than %d MiB for 55,000 people", scaleBar55k>>20)
	case f.rss500k > scaleBar500k:
		return fmt.Errorf("more than %d MiB for 500,000 people", scaleBar500k>>20)
	case f.timeSlope > scaleFlat:
		return fmt.Errorf("a person takes more than %g times as long where there are many", scaleFlat)
	}
	return nil
}
