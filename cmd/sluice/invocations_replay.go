package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

func invocationsReplayCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay [ID…]",
		Short: "Send again what is over: by id, of a subscription, or all that is dead",
		Long: `Send invocations again that are done or dead, each under its id, so that a receiver knows what it has had. They go by their ids, or by
--subscription, or, with --dead, all that are dead; --since and --until narrow the last two, and --dead with --subscription means the dead ones
of that. Tests are sent again by their ids alone. The span for which each is tried begins anew.`,
		Example: `  sluice invocations replay 7c3f0d7e-6a5b-8c21-9d0e-2c8f3a4b5c6d
  sluice invocations replay --subscription "Low code" --since 2026-03-01T08:00:00Z --until 2026-03-01T09:30:00Z
  sluice invocations replay --dead --since 24h`,
		Args: cobra.ArbitraryArgs,
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	subscription := cmd.Flags().String("subscription", "", "those to a subscription, by its id or name")
	since, until := windowFlags(cmd, "only those created or replayed")
	dead := cmd.Flags().Bool("dead", false, "those that are dead")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		chosen := *subscription != "" || *dead
		switch {
		case len(args) > 0 && (chosen || !since.IsZero() || !until.IsZero()):
			return usagef("ids say it all: leave the options out, or the ids")
		case len(args) == 0 && !chosen:
			return usagef("say what to send again: ids, --subscription ID, or --dead for all that is dead")
		}
		if err := checkWindow(since, until); err != nil {
			return err
		}
		q := triggers.Query{After: since.Time, Before: until.Time, Real: true}
		if *dead {
			q.States = []triggers.State{triggers.Dead}
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			if len(args) > 0 {
				return replayNamed(cmd.Context(), env, *output, db, args)
			}
			if *subscription != "" {
				all, err := db.Subscriptions(cmd.Context())
				if err != nil {
					return err
				}
				s := findSubscription(all, *subscription)
				if s == nil {
					return noSubscription(*subscription)
				}
				q.Subscription = s.ID
			}
			n, err := db.Replay(cmd.Context(), q)
			if err != nil {
				return err
			}
			return printReplayed(env, *output, n)
		})
	}
	return cmd
}

func printReplayed(env environment, output format, n int64) error {
	if output == asJSON {
		return writeJSON(env.stdout, struct {
			Replayed int64 `json:"replayed"`
		}{n})
	}
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	_, err := fmt.Fprintf(env.stdout, "%s %s sent again\n", counted(n, "invocation"), verb)
	return err
}

// replayNamed sends those again that are named. One that is not there is a mistake, and then nothing is sent; of those that cannot be sent again
// it says why.
func replayNamed(ctx context.Context, env environment, output format, db *store.DB, ids []string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	names, err := subscriptionNames(ctx, db)
	if err != nil {
		return err
	}
	var whyNot error
	for _, id := range ids {
		one, err := db.Invocation(ctx, id)
		switch _, subscribed := names[one.Subscription]; {
		case errors.Is(err, aggregation.ErrNone):
			return noInvocation(id)
		case err != nil:
			return err
		case one.State == triggers.Waiting:
			whyNot = errors.Join(whyNot, fmt.Errorf("%s is on its way already", id))
		case one.State == triggers.Asked:
			whyNot = errors.Join(whyNot, fmt.Errorf("%s waits for the receiver's answer until %s", id, clock(one.Deadline)))
		case !subscribed:
			whyNot = errors.Join(whyNot, fmt.Errorf("%s: its subscription is gone, so that there is nobody to send it to", id))
		}
	}
	n, err := db.Replay(ctx, triggers.Query{IDs: ids})
	if err != nil {
		return err
	}
	return errors.Join(printReplayed(env, output, n), whyNot)
}
