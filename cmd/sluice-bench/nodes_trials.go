package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// processFigures is what the bars of four processes on PostgreSQL are held against.
type processFigures struct {
	efficiency    float64 // permitted calls of what the limit permits, over whole windows, once the database has been there for one
	refused       int
	killedRefused int
	killedReused  float64       // permitted calls of the others in the window that begins when all that the dead one held is free, of the limit
	killedAgain   time.Duration // from the death to the beginning of the first window in which the others made 95 % of the limit's calls
	goneRefused   int
	goneUsed      float64 // permitted calls of the two windows without a database, of two limits
	backUsed      float64 // permitted calls of the second and third window after it was back, of two limits
}

// processSpan is how long the trial without a misfortune takes, in windows.
const processSpan = 12

// benchProcesses measures four processes of Sluice that share a limit by a PostgreSQL. args may name the sluice binary.
func benchProcesses(ctx context.Context, args []string) error {
	binary := "bin/sluice"
	if len(args) > 0 {
		binary = args[0]
	}
	f, err := measureProcesses(ctx, binary, processSpan)
	if err != nil {
		return err
	}
	fmt.Printf("pacing_process_killed_reused=%.4f\n", f.killedReused)
	fmt.Printf("pacing_process_killed_again_s=%.1f\n", f.killedAgain.Seconds())
	fmt.Printf("pacing_database_gone_used=%.4f\n", f.goneUsed)
	fmt.Printf("pacing_database_back_used=%.4f\n", f.backUsed)
	fmt.Printf("pacing_processes_efficiency=%.4f\n", f.efficiency)
	fmt.Printf("pacing_processes_429=%d\n", f.refused)
	fmt.Printf("pacing_process_killed_429=%d\n", f.killedRefused)
	fmt.Printf("pacing_database_gone_429=%d\n", f.goneRefused)
	return nil
}

// measureProcesses runs the three trials at the same time, each with processes, a database and a vendor of its own.
func measureProcesses(ctx context.Context, binary string, windows int) (f processFigures, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(windows)*processWindow+3*time.Minute)
	defer cancel()
	trials := []func(t *town) error{
		func(t *town) error { return t.steady(ctx, windows, &f) }, // each writes fields of its own
		func(t *town) error { return t.killed(ctx, &f) },
		func(t *town) error { return t.gone(ctx, &f) },
	}
	errs := make([]error, len(trials))
	var all sync.WaitGroup
	for i, trial := range trials {
		all.Go(func() {
			t, err := startTown(ctx, binary, shared)
			defer t.close()
			if err == nil {
				err = trial(t)
			}
			errs[i] = err
		})
	}
	all.Wait()
	return f, errors.Join(errs...)
}

// steady is four processes and no misfortune. The first window is left out: in it a database that began empty gives out shares alone.
func (t *town) steady(ctx context.Context, windows int, f *processFigures) error {
	begun, err := t.first(ctx)
	if err != nil {
		return err
	}
	if err := until(ctx, begun, float64(windows)+0.5); err != nil {
		return err
	}
	marks := t.marks()
	f.efficiency, f.refused = wholeWindows(marks, begun.Add(processWindow), calls, processWindow), refusals(marks)
	return nil
}

// killed is a process that dies in the middle of a window.
func (t *town) killed(ctx context.Context, f *processFigures) error {
	begun, err := t.first(ctx)
	if err != nil {
		return err
	}
	if err := until(ctx, begun, 2.5); err != nil {
		return err
	}
	if err := t.nodes[2].cmd.Process.Kill(); err != nil {
		return err
	}
	death := time.Now()
	if err := until(ctx, death.Add(lapse), 1.5); err != nil {
		return err
	}
	marks := t.marks()
	f.killedRefused = refusals(marks)
	f.killedReused = float64(permitted(marks, death.Add(lapse), processWindow)) / calls
	f.killedAgain = againAfter(marks, death, calls, processWindow)
	return nil
}

// gone is a database that nobody reaches for two windows.
func (t *town) gone(ctx context.Context, f *processFigures) error {
	begun, err := t.first(ctx)
	if err != nil {
		return err
	}
	if err := until(ctx, begun, 2); err != nil {
		return err
	}
	t.relay.set(true)
	cut := time.Now()
	if err := until(ctx, cut, 2); err != nil {
		return err
	}
	t.relay.set(false)
	back := time.Now()
	if err := until(ctx, back, 3.5); err != nil {
		return err
	}
	marks := t.marks()
	f.goneRefused = refusals(marks)
	f.goneUsed = float64(permitted(marks, cut, 2*processWindow)) / (2 * calls)
	f.backUsed = float64(permitted(marks, back.Add(processWindow), 2*processWindow)) / (2 * calls)
	return nil
}
