package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/mocks/teamdynamix"
)

// The fast connection has a limit that binds it for some ten windows; the slow one's vendor takes its time and fails.
const (
	besidePeople  = 2_800
	besideLatency = 2 * time.Second
	besideErrors  = 0.3
)

// measureBeside is how much longer one connection takes beside another, in one process, whose vendor is slow and fails.
func measureBeside(ctx context.Context, binary string, people int) (ratio float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	alone, err := readBeside(ctx, binary, people, false)
	if err != nil {
		return 0, err
	}
	beside, err := readBeside(ctx, binary, people, true)
	if err != nil {
		return 0, err
	}
	fmt.Printf("\n%d people of one connection: %.1f s alone, %.1f s beside one whose vendor takes %v for a call and fails at %.0f %% of them\n",
		people, alone.Seconds(), beside.Seconds(), besideLatency, 100*besideErrors)
	return beside.Seconds() / alone.Seconds(), nil
}

// readBeside reads the fast connection through a serving Sluice, while the slow one is read or is not.
func readBeside(ctx context.Context, binary string, people int, beside bool) (took time.Duration, err error) {
	var readers []reader
	defer func() {
		for _, r := range readers {
			r.tenant.close()
		}
	}()
	for _, r := range []struct {
		name    string
		options teamdynamix.Options
	}{
		{"fast", teamdynamix.Options{Seed: 7, People: people, WindowScale: 1. / aggregationScale, Latency: httpTrip}},
		{"slow", teamdynamix.Options{Seed: 8, People: people, WindowScale: 1. / aggregationScale, Latency: besideLatency, ErrorRate: besideErrors}},
	} {
		t, err := playTenant(ctx, r.options)
		if err != nil {
			return 0, err
		}
		readers = append(readers, reader{
			name: r.name, tenant: t, egress: aggregationEgress, scale: aggregationScale,
			yaml: fmt.Sprintf("aggregation: {workers_per_node: %d}\n", aggregationWorkers),
		})
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return 0, err
	}
	h, err := buildHouse(binary, "", addr, readers...)
	if err != nil {
		return 0, err
	}
	defer h.close()
	p, err := start(ctx, addr, binary, h.args("serve")...)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if beside {
		if _, err := h.output(ctx, "aggregate", "run", "slow", "people", "--plan", "detail", "--leave"); err != nil {
			return 0, err
		}
		if err := underWay(ctx, readers[1].tenant); err != nil {
			return 0, err
		}
	}
	if _, err := h.output(ctx, "aggregate", "run", "fast", "people", "--plan", "detail", "--leave"); err != nil {
		return 0, err
	}
	return h.fast(ctx, people, beside)
}

// underWay waits until the people of a tenant are being read one by one.
func underWay(ctx context.Context, t *tenant) error {
	for len(t.reads()) == 0 {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the slow vendor's people are not read: %w", err)
		}
	}
	return nil
}

// fast waits for the fast connection's run to be over, and says how long it took. The slow one must not be over then.
func (h *house) fast(ctx context.Context, people int, beside bool) (time.Duration, error) {
	for {
		if err := pause(ctx, time.Second); err != nil {
			return 0, err
		}
		all, err := h.readings(ctx)
		if err != nil {
			return 0, err
		}
		for _, r := range all {
			switch {
			case r.Connection != "fast" || r.State == "running":
				continue
			case beside && (len(all) != 2 || all[1].State != "running"):
				return 0, errors.New("the slow connection's run was over before the fast one's, so it says nothing")
			}
			return r.took(), r.sound(people)
		}
	}
}
