package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"sluice/mocks/teamdynamix"
)

// The organization that is read, and how. A round trip and the windows are as many times shorter as -scale says.
const (
	aggregationPeople  = 55_000
	aggregationScale   = 30
	aggregationWorkers = 32   // of a node: eight for each address
	aggregationBar     = 0.98 // of the calls that the limits allow
	aggregationCalls   = 1500 // of plan inverted
	besideBar          = 1.1
)

// aggregationEgress are addresses of this machine, each of which the vendor counts by itself.
var aggregationEgress = []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}

// benchAggregation measures the aggregation over real HTTP: how much of the limits it uses, how few calls it can do with, and whether one
// connection is as quick beside another whose vendor is slow. args may name the sluice binary.
func benchAggregation(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("aggregation", flag.ContinueOnError)
	people := flags.Int("people", aggregationPeople, "how many people are read")
	scale := flags.Int("scale", aggregationScale, "how many times shorter than the vendor's the windows and round trips are")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary := "bin/sluice"
	if flags.NArg() > 0 {
		binary = flags.Arg(0)
	}
	by := planned{binary: binary, people: *people, scale: *scale}
	detail, err := by.plan(ctx, "detail")
	defer detail.close()
	if err != nil {
		return err
	}
	s := weighAddressed(detail.tenant.reads(), calls*len(aggregationEgress), by.window())
	by.printDetail(detail, s)
	inverted, err := by.plan(ctx, "inverted")
	defer inverted.close()
	if err != nil {
		return err
	}
	by.printInverted(inverted)
	equal, err := sameExports(ctx, detail.house, inverted.house)
	if err != nil {
		return err
	}
	beside, err := measureBeside(ctx, binary, besidePeople)
	if err != nil {
		return err
	}
	all, refused := inverted.stats.Calls, detail.stats.Limited+inverted.stats.Limited
	fmt.Printf("\naggregation_beside_slow=%.4f\n", beside)
	fmt.Printf("aggregation_efficiency=%.4f\naggregation_429=%d\naggregation_calls_inverted=%d\naggregation_equal=%t\n", s.efficiency, refused, all, equal)
	switch {
	case s.efficiency < aggregationBar:
		return fmt.Errorf("less than %g of the calls that the limits allow", aggregationBar)
	case refused > 0:
		return errors.New("the vendor has refused calls")
	case all > aggregationCalls:
		return fmt.Errorf("more than %d calls by plan inverted", aggregationCalls)
	case !equal:
		return errors.New("the plans do not give the same accounts")
	case beside > besideBar:
		return fmt.Errorf("more than %g times as long beside a slow vendor", besideBar)
	}
	return nil
}

// planned is an organization that is read by one plan after the other.
type planned struct {
	binary        string
	people, scale int
}

func (p planned) window() time.Duration { return length / time.Duration(p.scale) }

// options are the organization. Few have a role inside an org application, as few work in ticketing, assets or projects of one; each of
// them costs the plan inverted a call, and each of the groups another.
func (p planned) options() teamdynamix.Options {
	return teamdynamix.Options{
		Seed: 7, People: p.people, Groups: 300, OrgApplicationShare: 0.008,
		WindowScale: 1 / float64(p.scale), Latency: roundTrip / time.Duration(p.scale),
	}
}

// planTrial is one plan's reading, with the vendor and the folders that are left of it.
type planTrial struct {
	reading reading
	tenant  *tenant
	stats   teamdynamix.Stats
	house   *house
}

func (t planTrial) close() {
	if t.tenant != nil {
		t.tenant.close()
	}
	if t.house != nil {
		t.house.close()
	}
}

// plan reads everybody by a plan into a new database, from a vendor that has seen nobody yet.
func (p planned) plan(ctx context.Context, name string) (t planTrial, err error) {
	if t.tenant, err = playTenant(ctx, p.options()); err != nil {
		return t, err
	}
	if t.house, err = buildHouse(p.binary, "", "127.0.0.1:0", reader{
		name: "tdx", tenant: t.tenant, egress: aggregationEgress, scale: p.scale,
		yaml: fmt.Sprintf("aggregation: {workers_per_node: %d}\n", aggregationWorkers),
	}); err != nil {
		return t, err
	}
	if t.reading, err = t.house.read(ctx, "tdx", name); err != nil {
		return t, err
	}
	t.stats = t.tenant.vendor.Stats()
	return t, t.reading.sound(p.people)
}

func (p planned) printDetail(t planTrial, s exhaustion) {
	virtual := func(d time.Duration) float64 { return d.Minutes() * float64(p.scale) }
	fmt.Printf("plan detail:   %d people in %.1f virtual minutes, %d calls of all routes\n", t.reading.Counts.Scanned, virtual(t.reading.took()), t.stats.Calls)
	fmt.Printf("  single reads %d in %.1f windows of %d addresses from the first to the last, where the limits allow them in %d at the least\n",
		s.permitted, s.windows, len(aggregationEgress), s.least)
	fmt.Printf("  windows      %d whole ones: least %d, median %d, most %d calls of %d\n", len(s.whole), s.quantile(0), s.quantile(0.5), s.quantile(1), calls*len(aggregationEgress))
	fmt.Printf("  by address   %v\n\n", t.stats.Addresses)
}

func (p planned) printInverted(t planTrial) {
	// Where no limit binds, the time is this machine's, and scales with nothing.
	fmt.Printf("plan inverted: %d people in %.1f virtual minutes (%.0f s here), %d calls of all routes\n",
		t.reading.Counts.Scanned, t.reading.took().Minutes()*float64(p.scale), t.reading.took().Seconds(), t.stats.Calls)
	for _, route := range slices.Sorted(maps.Keys(t.stats.Routes)) {
		fmt.Printf("  %5d %s\n", t.stats.Routes[route].Calls, route)
	}
}

// sameExports tells whether two houses export the same people, byte for byte.
func sameExports(ctx context.Context, a, b *house) (bool, error) {
	fileA, sumA, err := a.export(ctx, "tdx")
	if err != nil {
		return false, err
	}
	fileB, sumB, err := b.export(ctx, "tdx")
	if err != nil {
		return false, err
	}
	if sumA == sumB {
		return true, nil
	}
	textA, err1 := os.ReadFile(fileA)
	textB, err2 := os.ReadFile(fileB)
	line, inA, inB, _ := firstOdd(textA, textB)
	fmt.Printf("line %d of the exports:\n  %s\n  %s\n", line, inA, inB)
	return false, errors.Join(err1, err2)
}
