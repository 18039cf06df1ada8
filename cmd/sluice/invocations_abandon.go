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

func invocationsAbandonCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "abandon ID…",
		Short: "Give up what is on its way, so that what waits behind it goes on",
		Long: `Make invocations dead that wait to be sent, or for the receiver's answer. What waits behind them, of the same subject and subscription, is sent.
They can be sent again by sluice invocations replay. What a node has in hand already, up to 256 of a subscription and 1,024 where most wait for
others of their subject, may still be sent, and its record says dead.`,
		Example: `  sluice invocations abandon 7c3f0d7e-6a5b-8c21-9d0e-2c8f3a4b5c6d`,
		Args:    cobra.MinimumNArgs(1),
	}
	where, output := databaseFlags(cmd, env), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			return abandonNamed(cmd.Context(), env, *output, db, ids)
		})
	}
	return cmd
}

// abandonNamed gives those up that are named; of those that are over it says so.
func abandonNamed(ctx context.Context, env environment, output format, db *store.DB, ids []string) error {
	var open []string
	_, whyNot, err := namedInvocations(ctx, db, ids, func(one triggers.Invocation) string {
		reason := over(one)
		if reason == "" {
			open = append(open, one.ID)
		}
		return reason
	})
	if err != nil {
		return err
	}
	n, err := db.Abandon(ctx, open...)
	if err != nil {
		return err
	}
	var meanwhile error
	if n < int64(len(open)) {
		meanwhile = whyNotAbandoned(ctx, db, open, int64(len(open))-n)
	}
	return errors.Join(printAbandoned(env, output, n), whyNot, meanwhile)
}

// over says why there is nothing to give up of an invocation; "": there is.
func over(one triggers.Invocation) string {
	if one.State == triggers.Waiting || one.State == triggers.Asked {
		return ""
	}
	return fmt.Sprintf("is %s since %s, so that there is nothing to give up", one.State, clock(one.Completed))
}

// whyNotAbandoned says why so many of ids were not given up, each of which could be when it was read.
func whyNotAbandoned(ctx context.Context, db *store.DB, ids []string, left int64) (whyNot error) {
	for _, id := range ids {
		one, err := db.Invocation(ctx, id)
		reason := over(one)
		switch {
		case errors.Is(err, aggregation.ErrNone):
			reason = "is there no more, so that there is nothing to give up"
		case err != nil:
			return errors.Join(whyNot, err)
		case one.State == triggers.Dead && one.Reason == store.GivenUp: // by us, or by another
			continue
		case reason == "":
			reason = "was over and is sent again meanwhile; give it up anew if it still should be"
		}
		whyNot = errors.Join(whyNot, fmt.Errorf("%s %s", id, reason))
		left--
	}
	if left > 0 {
		whyNot = errors.Join(whyNot, fmt.Errorf("somebody else has given up %d of them meanwhile", left))
	}
	return whyNot
}

// namedInvocations reads ids, of which each is there: one that is not is a mistake, and then nothing is to be done. whyNot says of the others why
// nothing can be done with them, where cannot gives a reason.
func namedInvocations(ctx context.Context, db *store.DB, named []string, cannot func(triggers.Invocation) string) (ids []string, whyNot, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(named)))
	for _, id := range ids {
		one, err := db.Invocation(ctx, id)
		switch {
		case errors.Is(err, aggregation.ErrNone):
			return nil, nil, noInvocation(id)
		case err != nil:
			return nil, nil, err
		}
		if reason := cannot(one); reason != "" {
			whyNot = errors.Join(whyNot, fmt.Errorf("%s %s", id, reason))
		}
	}
	return ids, whyNot, nil
}

func printAbandoned(env environment, output format, n int64) error {
	if output == asJSON {
		return writeJSON(env.stdout, map[string]int64{"abandoned": n})
	}
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	_, err := fmt.Fprintf(env.stdout, "%s %s given up\n", counted(n, "invocation"), verb)
	return err
}
