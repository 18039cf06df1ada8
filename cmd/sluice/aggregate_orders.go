package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/triggers"
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
		line := map[aggregation.ChangeKind]string{aggregation.Created: "+ ", aggregation.Changed: "~ ", aggregation.Deleted: "- "}[change.Kind] + change.ID
		for _, a := range change.Attributes {
			line += fmt.Sprintf("  %s: %s → %s", a.Name, a.Old, a.New)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// eventsAtOnce is how many events of the outbox are read at once.
const eventsAtOnce = 500

// did prints what the events of a completed run tell. Runs of a scope do not overlap, so time tells them apart.
func (h *aggregateHouse) did(ctx context.Context, out io.Writer, run aggregation.Run) error {
	signs := map[string]string{triggers.IdentityCreated: "+ ", triggers.IdentityDeleted: "- ", triggers.IdentityAttributesChanged: "~ "}
	for after := int64(0); ; {
		events, err := h.db.Events(ctx, after, eventsAtOnce)
		if err != nil {
			return err
		}
		for _, e := range events {
			after = e.Seq
			sign := signs[e.Type]
			if sign == "" || e.Source != run.Scope.Connection || e.Time.Before(run.Started) || e.Time.After(run.Completed) {
				continue
			}
			var data struct {
				Source  struct{ Resource string }
				Changes []struct {
					Attribute          string
					OldValue, NewValue json.RawMessage
				}
			}
			if err := json.Unmarshal(e.Data, &data); err != nil {
				return fmt.Errorf("event %s: %w", e.ID, err)
			}
			if data.Source.Resource != run.Scope.Resource {
				continue
			}
			var line strings.Builder
			line.WriteString(sign + e.Subject)
			for _, c := range data.Changes {
				fmt.Fprintf(&line, "  %s: %s → %s", c.Attribute, c.OldValue, c.NewValue)
			}
			if _, err := fmt.Fprintln(out, line.String()); err != nil {
				return err
			}
		}
		if len(events) < eventsAtOnce {
			return nil
		}
	}
}
