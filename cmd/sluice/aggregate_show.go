package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/aggregation"
)

// aggregateRun is a run as -o json shows it.
type aggregateRun struct {
	Run        int64              `json:"run"`
	Connection string             `json:"connection"`
	Resource   string             `json:"resource"`
	Plan       string             `json:"plan"`
	State      string             `json:"state"`
	RetryOf    int64              `json:"retryOf,omitempty"`
	Started    time.Time          `json:"started"`
	Completed  time.Time          `json:"completed,omitzero"`
	Counts     aggregation.Counts `json:"counts"`
	Warnings   []string           `json:"warnings"`
	Note       string             `json:"note,omitempty"`
	Standing   standing           `json:"standing"`
	Speed      runSpeed           `json:"speed"` // on average since it began
}

func (h *aggregateHouse) shown(ctx context.Context, run aggregation.Run) (aggregateRun, error) {
	at, err := h.standing(ctx, run.ID)
	if err != nil {
		return aggregateRun{}, err
	}
	speed := runSpeed{}
	switch {
	case run.State == aggregation.Running:
		speed = speedOf(at, h.expect(ctx, run), seenAt{time: run.Started}, time.Now())
	case run.Completed.After(run.Started):
		speed.CallsPerMinute = float64(at.Calls) / run.Completed.Sub(run.Started).Minutes()
	}
	return aggregateRun{
		int64(run.ID), run.Scope.Connection, run.Scope.Resource, run.Plan, string(run.State), int64(run.RetryOf), run.Started, run.Completed,
		run.Counts, append([]string{}, run.Warnings...), run.Note, at, speed,
	}, nil
}

// mostRuns is how many runs are listed.
const mostRuns = 50

func aggregateListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the latest runs", Args: cobra.NoArgs}
	f := newAggregateFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return f.with(cmd.Context(), false, func(h *aggregateHouse) error {
			return h.list(cmd.Context(), env.stdout, *output)
		})
	}
	return cmd
}

func (h *aggregateHouse) list(ctx context.Context, out io.Writer, output format) error {
	runs, err := h.db.Runs(ctx, aggregation.Scope{}, mostRuns)
	if err != nil {
		return err
	}
	all := []aggregateRun{}
	rows := [][]string{{"RUN", "CONNECTION", "RESOURCE", "PLAN", "STATE", "STARTED", "PROGRESS"}}
	for _, run := range runs {
		one, err := h.shown(ctx, run)
		if err != nil {
			return err
		}
		all = append(all, one)
		rows = append(rows, []string{strconv.FormatInt(one.Run, 10), one.Connection, one.Resource, one.Plan, one.State,
			one.Started.Format(time.RFC3339), progressOf(one.Standing)})
	}
	if output == asJSON {
		return writeJSON(out, all)
	}
	return writeTable(out, rows)
}

func aggregateStatusCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [RUN]", Short: "Say how far a run is, the latest unless one is named, and what failed", Args: cobra.MaximumNArgs(1),
	}
	f := newAggregateFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(cmd.Context(), false, func(h *aggregateHouse) error {
			run, err := h.latest(cmd.Context(), args)
			if err != nil {
				return err
			}
			return h.status(cmd.Context(), env.stdout, *output, run)
		})
	}
	return cmd
}

// latest is the run that is named, or the latest of all.
func (h *aggregateHouse) latest(ctx context.Context, args []string) (aggregation.Run, error) {
	if len(args) > 0 {
		return h.runOf(ctx, args[0])
	}
	runs, err := h.db.Runs(ctx, aggregation.Scope{}, 1)
	if err == nil && len(runs) == 0 {
		return aggregation.Run{}, fmt.Errorf("there is no run yet; sluice aggregate run begins one")
	}
	if err != nil {
		return aggregation.Run{}, err
	}
	return runs[0], nil
}

// mostFailures is how many failures status prints.
const mostFailures = 20

func (h *aggregateHouse) status(ctx context.Context, out io.Writer, output format, run aggregation.Run) error {
	one, err := h.shown(ctx, run)
	if err != nil {
		return err
	}
	if output == asJSON {
		return writeJSON(out, one)
	}
	text := aggregateLine(run, one.Standing)
	if speed := one.Speed.String(); speed != "" && run.State == aggregation.Running {
		text += ", " + speed
	}
	text += "\n"
	for _, note := range append([]string{run.Note, one.Standing.Waiting}, run.Warnings...) {
		if note != "" {
			text += "  " + shownText(note) + "\n"
		}
	}
	n := 0
	for failure, err := range h.db.Failures(ctx, run.ID) {
		if err != nil {
			return err
		}
		if n++; n <= mostFailures {
			text += fmt.Sprintf("  account %s: %s\n", shownID(failure.ID), shownText(failure.Reason))
		}
	}
	if n > mostFailures {
		text += fmt.Sprintf("  and %d more accounts that could not be read\n", n-mostFailures)
	}
	_, err = io.WriteString(out, text)
	return err
}
