package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/store"
)

func aggregateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "aggregate",
		Short: "Read people, groups and roles from a vendor, and tell what changed",
		Long: `Read people, groups and roles from a vendor, compare them with what was read before, and make each change an event. A run
survives whatever ends it: it goes on where it was, on this node or another.`,
	}
	cmd.AddCommand(
		aggregateRunCommand(env),
		aggregateStatusCommand(env),
		aggregateListCommand(env),
		aggregateCancelCommand(env),
		aggregateGoOnCommand(env, "resume RUN", "Go on with a run that has failed, was cancelled or was left",
			func(ctx context.Context, h *aggregateHouse, run aggregation.Run) (aggregation.RunID, error) {
				switch run.State {
				case aggregation.Running:
					return run.ID, nil // nobody may be working at it
				case aggregation.Held:
					return 0, errors.New("it is held: look at it with sluice aggregate diff, and approve or cancel it")
				}
				err := h.db.MoveRun(ctx, run.ID, aggregation.Running, "resumed by an operator")
				if errors.Is(err, aggregation.ErrDropped) {
					err = fmt.Errorf("it cannot be resumed any more: it is over for %d days, or another run has completed since it began; begin a new one with sluice aggregate run %s %s",
						int(store.ResumeWithin.Hours()/24), run.Scope.Connection, run.Scope.Resource)
				}
				return run.ID, err
			}),
		aggregateGoOnCommand(env, "approve RUN", "Let a held run make its changes",
			func(ctx context.Context, h *aggregateHouse, run aggregation.Run) (aggregation.RunID, error) {
				if run.State != aggregation.Held {
					return 0, errors.New("it is " + string(run.State) + ", and only a held run is approved")
				}
				return run.ID, h.db.MoveRun(ctx, run.ID, aggregation.Running, "approved by an operator")
			}),
		aggregateGoOnCommand(env, "retry RUN", "Read those accounts again that a completed run could not read",
			func(ctx context.Context, h *aggregateHouse, run aggregation.Run) (aggregation.RunID, error) {
				again, err := h.db.RetryRun(ctx, run.ID)
				return again.ID, err
			}),
		aggregateDiffCommand(env),
		aggregateExportCommand(env),
		aggregateVerifyCommand(env),
	)
	return cmd
}

// aggregateFlags are those that all of aggregate's commands share.
type aggregateFlags struct {
	env  environment
	from *source
	data string
}

func newAggregateFlags(cmd *cobra.Command, env environment) *aggregateFlags {
	f := &aggregateFlags{env: env, from: sourceFlag(cmd, env)}
	cmd.Flags().StringVar(&f.data, "data", env.lookup(dataVariable), "folder of the database; $"+dataVariable+" stands for it")
	return f
}

// with opens the house, and closes it when do is over. One that works has the data folder for itself, unless a process has it that works at
// aggregations as long as it runs: that one is left the work. One that only looks or gives an order may share it.
func (f *aggregateFlags) with(ctx context.Context, works bool, do func(h *aggregateHouse) error) error {
	set, err := f.from.set()
	if err != nil {
		return err
	}
	options, err := storeOptions(set, f.data)
	if err != nil {
		return err
	}
	logs := newLogs(f.env.stderr)
	logs.set(connectors.Logging{Level: "warn", Format: set.Logging.Format}) // a line for each call would hide the progress
	defer logs.flush()
	var there *serving
	if works && options.URL == "" {
		folder, err := openData(f.data, doesAggregate, logs.logger())
		if there = servingOf(err); there != nil {
			works = false
			_, err = fmt.Fprintf(f.env.stderr, "%s works at it\n", there.who)
		}
		if err != nil {
			return exitWith(exitBlocked, err)
		}
		defer folder.close()
	}
	return withAggregates(ctx, set, options, logs, works, func(h *aggregateHouse) error {
		h.serving = there
		return do(h)
	})
}

func withAggregates(ctx context.Context, set *connectors.Set, options store.Options, logs *logs, works bool, do func(h *aggregateHouse) error) error {
	h, err := openAggregates(ctx, set, options, logs.logger())
	if err != nil {
		return err
	}
	defer h.close()
	if works && options.URL == "" {
		if err := h.db.TakeOver(ctx); err != nil { // whoever had the folder before is gone
			return err
		}
	}
	if works {
		if err := h.work(ctx, store.QueueOptions{}); err != nil {
			return err
		}
	}
	return do(h)
}

// runOf finds a run by the number that an operator gave.
func (h *aggregateHouse) runOf(ctx context.Context, text string) (aggregation.Run, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return aggregation.Run{}, usagef("RUN is %q, must be a number that sluice aggregate list shows", text)
	}
	run, err := h.db.Run(ctx, aggregation.RunID(n))
	if errors.Is(err, aggregation.ErrNone) {
		return run, usagef("there is no run %d; sluice aggregate list shows them", n)
	}
	return run, err
}
