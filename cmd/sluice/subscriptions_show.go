package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/store"
	"sluice/triggers"
)

// talliedSubscription is a subscription as list shows it in JSON.
type talliedSubscription struct {
	triggers.Subscription

	TriggerGone bool           `json:"triggerGone,omitempty"` // no event comes to it
	Counts      triggers.Tally `json:"counts"`
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
		set, err := where.source.set()
		if err != nil {
			return err
		}
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
				one := talliedSubscription{all[i], set.Triggers().Trigger(s.TriggerID) == nil, tally}
				shown = append(shown, one)
				rows = append(rows, []string{
					s.ID, shownText(s.Name), one.trigger(), stateOf(s), strconv.FormatInt(tally.Waiting+tally.Asked, 10), strconv.FormatInt(tally.Dead, 10),
					strconv.FormatInt(tally.FilteredOut, 10), shownText(targetOf(s)),
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
		Short: "Show a subscription, without its secrets, and what stands where",
		Long: `Show a subscription, without its secrets: where events go, what is waiting, asked (the receiver has it, and is to complete it) and dead, how many
events the filter did not let through, and the last of those with the reason. With -o json it has all members that clients read, and counts and
lastFilteredOut besides.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := where.source.set()
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			page, err := subscriptionPageOf(cmd.Context(), set, db, args[0])
			if err != nil {
				return err
			}
			if *output == asJSON {
				return writeJSON(env.stdout, page)
			}
			return page.text(env.stdout)
		})
	}
	return cmd
}

func subscriptionPageOf(ctx context.Context, set *connectors.Set, db *store.DB, id string) (page subscriptionPage, err error) {
	s, err := subscriptionNamed(ctx, db, id)
	if err != nil {
		return page, err
	}
	tallies, err := db.Tallies(ctx)
	if err != nil {
		return page, err
	}
	page = subscriptionPage{talliedSubscription: talliedSubscription{s, set.Triggers().Trigger(s.TriggerID) == nil, tallies[s.ID]}, FilteredOut: []leftOut{}}
	_, last, err := db.FilteredOut(ctx, s.ID)
	for _, f := range last {
		page.FilteredOut = append(page.FilteredOut, leftOut{f.Event.ID, f.Seq, f.Event.Subject, f.Event.Time, f.Reason})
	}
	return page, err
}

// trigger is the trigger's id for people, who see whether it is there.
func (s *talliedSubscription) trigger() string {
	if s.TriggerGone {
		return shownText(s.TriggerID) + " (gone)"
	}
	return shownText(s.TriggerID)
}

// text writes the page for people.
func (p subscriptionPage) text(out io.Writer) error {
	s := &p.Subscription
	rows := [][]string{{"ID", s.ID}, {"Name", shownText(s.Name)}, {"Trigger", p.trigger()}, {"State", stateOf(s)}, {"To", shownText(targetOf(s))}}
	if pause := s.Sluice.Paused; pause != nil {
		rows = append(rows, []string{"Paused since", clock(pause.Since)}, []string{"Tried again at", clock(pause.Until)}, []string{"Reason", orDash(pause.Reason)})
	}
	if s.Description != nil {
		rows = append(rows, []string{"Description", orDash(*s.Description)})
	}
	if s.Filter != nil {
		rows = append(rows, []string{"Filter", shownText(*s.Filter)})
	}
	rows = append(rows, []string{"Created", clock(s.Sluice.Created)}, []string{"Modified", clock(s.Sluice.Modified)})
	for _, c := range []struct {
		what string
		n    int64
	}{{"Waiting", p.Counts.Waiting}, {"Asked", p.Counts.Asked}, {"Dead", p.Counts.Dead}, {"Filtered out", p.Counts.FilteredOut}} {
		rows = append(rows, []string{c.what, strconv.FormatInt(c.n, 10)})
	}
	err := writeTable(out, rows)
	for _, f := range p.FilteredOut {
		_, failed := fmt.Fprintf(out, "\nThe filter did not let event %s through, number %d at %s:\n%s", shownID(f.Event), f.Number, clock(f.Time), indented(f.Reason))
		err = errors.Join(err, failed)
	}
	return err
}
