package main

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"sluice/aggregation"
)

func aggregateCancelCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "cancel RUN", Short: "End a run that is not over", Args: cobra.ExactArgs(1)}
	f := newAggregateFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(cmd.Context(), false, func(h *aggregateHouse) error {
			run, err := h.runOf(cmd.Context(), args[0])
			if err == nil {
				err = h.runner.Cancel(cmd.Context(), run.ID)
			}
			return err
		})
	}
	return cmd
}

// aggregateGoOnCommand makes a command after which a run goes on: begin says which one.
func aggregateGoOnCommand(env environment, use, short string, begin func(context.Context, *aggregateHouse, aggregation.Run) (aggregation.RunID, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)}
	f := newAggregateFlags(cmd, env)
	leave := cmd.Flags().Bool("leave", false, "leave the work to the processes that run already, and do not wait for it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		return f.with(ctx, !*leave, func(h *aggregateHouse) error {
			run, err := h.runOf(ctx, args[0])
			if err != nil {
				return err
			}
			id, err := begin(ctx, h, run)
			if err != nil {
				return fmt.Errorf("run %d: %w", run.ID, err)
			}
			if *leave {
				_, err = fmt.Fprintf(env.stdout, "run %d goes on\n", id)
				return err
			}
			return h.watch(ctx, env, id)
		})
	}
	return cmd
}

func aggregateDiffCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "diff RUN", Short: "Show what a run would change, or did change",
		Long: `Show what a run would change, one that is held or under way, or what a completed one did change: of the latter the events of
people, from the outbox. A line is + new, - gone, or ~ changed with the attributes.`,
		Args: cobra.ExactArgs(1),
	}
	f := newAggregateFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(cmd.Context(), false, func(h *aggregateHouse) error {
			run, err := h.runOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if run.State == aggregation.Completed {
				return h.did(cmd.Context(), env.stdout, run)
			}
			return writeChanges(env.stdout, h.runner.Changes(cmd.Context(), run))
		})
	}
	return cmd
}

func writeChanges(out io.Writer, changes iter.Seq2[aggregation.Change, error]) error {
	for change, err := range changes {
		if err != nil {
			return err
		}
		line := map[aggregation.ChangeKind]string{aggregation.Created: "+ ", aggregation.Changed: "~ ", aggregation.Deleted: "- "}[change.Kind] + shownID(change.ID)
		for _, a := range change.Attributes {
			line += fmt.Sprintf("  %s: %s → %s", shownText(a.Name), shownText(string(a.Old)), shownText(string(a.New)))
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
