package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/store"
	"sluice/triggers"
)

func invocationsReplayCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay [ID…]",
		Short: "Send again what is over: by id, of a subscription, or all that is dead",
		Long: `Send invocations again that are done or dead, each under its id, so that a receiver knows what it has had. They go by their ids, or by
--subscription, or, with --dead, all that are dead; --since and --until narrow the last two, and --dead with --subscription means the dead ones
of that. Tests are sent again by their ids alone, and so is, before its time, what has failed and waits to be tried again. The span for which each
is tried begins anew. What is dead because its filter failed is left out and counted, unless it is named by its id or --undecided is said.`,
		Example: `  sluice invocations replay 7c3f0d7e-6a5b-8c21-9d0e-2c8f3a4b5c6d
  sluice invocations replay --subscription "Low code" --since 2026-03-01T08:00:00Z --until 2026-03-01T09:30:00Z
  sluice invocations replay --dead --since 24h`,
		Args: cobra.ArbitraryArgs,
	}
	f := &replayFlags{where: databaseFlags(cmd, env), output: formatFlag(cmd)}
	cmd.Flags().StringVar(&f.subscription, "subscription", "", "those to a subscription, by its id or name")
	f.since, f.until = windowFlags(cmd, "only those created or replayed")
	cmd.Flags().BoolVar(&f.dead, "dead", false, "those that are dead")
	cmd.Flags().BoolVar(&f.undecided, "undecided", false, "those too that are dead because their filter failed, though nobody knows whether they are wanted")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if cmd.Flags().Changed("subscription") && f.subscription == "" { // as of a variable that is not set; --dead would mean those of all
			return usagef("--subscription is empty")
		}
		if err := f.check(ids); err != nil {
			return err
		}
		return withStore(cmd.Context(), f.where, func(db *store.DB) error {
			if len(ids) > 0 {
				return replayNamed(cmd.Context(), env, *f.output, db, ids)
			}
			q, err := f.query(cmd.Context(), db)
			if err != nil {
				return err
			}
			n, err := db.Replay(cmd.Context(), q)
			if err != nil {
				return err
			}
			orphans, undecided, err := db.LeftOut(cmd.Context(), q)
			if err != nil {
				return err
			}
			return printReplayed(env, *f.output, replayed{n, orphans, undecided})
		})
	}
	return cmd
}

// replayFlags say what is sent again.
type replayFlags struct {
	where        databaseChoice
	output       *format
	subscription string
	since, until *when
	dead         bool
	undecided    bool
}

// check refuses to send everything again because nobody said what.
func (f *replayFlags) check(ids []string) error {
	chosen := f.subscription != "" || f.dead
	switch {
	case len(ids) > 0 && (chosen || f.undecided || !f.since.IsZero() || !f.until.IsZero()):
		return usagef("ids say it all: leave the options out, or the ids")
	case len(ids) == 0 && !chosen:
		return usagef("say what to send again: ids, --subscription ID, or --dead for all that is dead")
	}
	return checkWindow(f.since, f.until)
}

func (f *replayFlags) query(ctx context.Context, db *store.DB) (triggers.Query, error) {
	q := triggers.Query{After: f.since.Time, Before: f.until.Time, Real: true, Undecided: f.undecided}
	if f.dead {
		q.States = []triggers.State{triggers.Dead}
	}
	if f.subscription == "" {
		return q, nil
	}
	s, err := subscriptionNamed(ctx, db, f.subscription)
	q.Subscription = s.ID
	return q, err
}

// replayed are how many are sent again, and how many are not of what is over: because their subscriptions are gone, or because nobody knows whether they
// pass their filter.
type replayed struct {
	Replayed  int64 `json:"replayed"`
	LeftOut   int64 `json:"leftOut,omitempty"`
	Undecided int64 `json:"undecided,omitempty"`
}

func printReplayed(env environment, output format, r replayed) error {
	if output == asJSON {
		return writeJSON(env.stdout, r)
	}
	verb := "are"
	if r.Replayed == 1 {
		verb = "is"
	}
	text := fmt.Sprintf("%s %s sent again\n", counted(r.Replayed, "invocation"), verb)
	if r.LeftOut > 0 {
		text += fmt.Sprintf("%d left out: the subscription is gone, so that there is nobody to send to\n", r.LeftOut)
	}
	if r.Undecided > 0 {
		text += fmt.Sprintf("%d left out: their filter failed, so that nobody knows whether they are wanted; name those that are by their ids, or say --undecided\n", r.Undecided)
	}
	_, err := io.WriteString(env.stdout, text)
	return err
}

// replayNamed sends those again that are named; of those that cannot be sent again it says why.
func replayNamed(ctx context.Context, env environment, output format, db *store.DB, ids []string) error {
	names, err := subscriptionNames(ctx, db)
	if err != nil {
		return err
	}
	ids, whyNot, err := namedInvocations(ctx, db, ids, func(one triggers.Invocation) string {
		switch _, subscribed := names[one.Subscription]; {
		case one.State == triggers.Waiting && one.Tries == 0:
			return "is on its way already"
		case one.State == triggers.Asked:
			return "waits for the receiver's answer until " + clock(one.Deadline)
		case !subscribed:
			return "cannot be sent again: its subscription is gone, so that there is nobody to send it to"
		}
		return ""
	})
	if err != nil {
		return err
	}
	n, err := db.Replay(ctx, triggers.Query{IDs: ids})
	if err != nil {
		return err
	}
	return errors.Join(printReplayed(env, output, replayed{Replayed: n}), whyNot)
}
