package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/store"
	"sluice/triggers"
)

// talliedSubscription is a subscription as list shows it in JSON.
type talliedSubscription struct {
	triggers.Subscription

	Counts triggers.Tally `json:"counts"`
}

// subscriptionPage is a subscription as show shows it.
type subscriptionPage struct {
	talliedSubscription

	FilteredOut []leftOut `json:"lastFilteredOut"` // the newest first
}

// leftOut is an event that a subscription's filter did not let through.
type leftOut struct {
	Event   string    `json:"eventId"`
	Number  int64     `json:"number"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
}

func subscriptionsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List subscriptions, and how much waits, is dead, or did not pass the filter of each",
		Args:  cobra.NoArgs,
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			all, err := db.Subscriptions(cmd.Context())
			if err != nil {
				return err
			}
			tallies, err := db.Tallies(cmd.Context())
			if err != nil {
				return err
			}
			shown := []talliedSubscription{}
			rows := [][]string{{"ID", "NAME", "TRIGGER", "STATE", "WAITING", "DEAD", "FILTERED OUT", "TO"}}
			for i := range all {
				s, tally := &all[i], tallies[all[i].ID]
				shown = append(shown, talliedSubscription{all[i], tally})
				rows = append(rows, []string{
					s.ID, s.Name, s.TriggerID, stateOf(s), strconv.FormatInt(tally.Waiting+tally.Asked, 10), strconv.FormatInt(tally.Dead, 10),
					strconv.FormatInt(tally.FilteredOut, 10), targetOf(s),
				})
			}
			if *output == asJSON {
				return writeJSON(env.stdout, shown)
			}
			return writeTable(env.stdout, rows)
		})
	}
	return cmd
}

func subscriptionsShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME|ID",
		Short: "Show a subscription as JSON, without its secrets, and what stands where",
		Long: `Show a subscription as JSON, without its secrets. counts says how many invocations are waiting, asked (the receiver has them, and is to complete
them) and dead, and how many events the filter did not let through; lastFilteredOut has the last of those, with the reason.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			page, err := subscriptionPageOf(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			return writeJSON(env.stdout, page)
		})
	}
	return cmd
}

func subscriptionPageOf(ctx context.Context, db *store.DB, id string) (page subscriptionPage, err error) {
	s, err := subscriptionNamed(ctx, db, id)
	if err != nil {
		return page, err
	}
	tallies, err := db.Tallies(ctx)
	if err != nil {
		return page, err
	}
	page = subscriptionPage{talliedSubscription: talliedSubscription{s, tallies[s.ID]}, FilteredOut: []leftOut{}}
	_, last, err := db.FilteredOut(ctx, s.ID)
	for _, f := range last {
		page.FilteredOut = append(page.FilteredOut, leftOut{f.Event.ID, f.Seq, f.Event.Subject, f.Event.Time, f.Reason})
	}
	return page, err
}
