package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

// eventPage is all there is to show of an event.
type eventPage struct {
	shownEvent

	Invocations []shownInvocation `json:"invocations"`
	FilteredOut []filteredOut     `json:"filteredOut"`
}

// filteredOut is a subscription that does not get an event, and why.
type filteredOut struct {
	Subscription string `json:"subscriptionId"`
	Name         string `json:"subscriptionName"`
	Reason       string `json:"reason"`
}

func eventsShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID|NUMBER",
		Short: "Show an event: its payload, whom it goes to, and whose filter left it out",
		Long: `Show an event with its payload, the invocations that it has made, and the subscriptions whose filter did not let it through, with the reason.
Each subscription remembers the last 20 events that its filter left out.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			event, err := findEvent(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			page, err := eventPageOf(cmd.Context(), db, event)
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

// findEvent finds an event by its id, or else by its number.
func findEvent(ctx context.Context, db *store.DB, name string) (store.Numbered, error) {
	event, err := db.Event(ctx, name)
	if !errors.Is(err, aggregation.ErrNone) {
		return event, err
	}
	if number, err := strconv.ParseInt(name, 10, 64); err == nil && number > 0 {
		all, err := db.FindEvents(ctx, triggers.EventQuery{Beyond: number - 1, Limit: 1})
		if err != nil {
			return event, err
		}
		if len(all) > 0 && all[0].Seq == number {
			return all[0], nil
		}
	}
	return event, usagef("there is no event %s; sluice events list shows them", shownText(name))
}

func eventPageOf(ctx context.Context, db *store.DB, event store.Numbered) (eventPage, error) {
	page := eventPage{shownEvent: shownEventOf(event), Invocations: []shownInvocation{}, FilteredOut: []filteredOut{}}
	names, err := subscriptionNames(ctx, db)
	if err != nil {
		return page, err
	}
	made, err := db.Invocations(ctx, triggers.Query{Event: event.Seq, Limit: mostListed, Bare: true})
	if err != nil {
		return page, err
	}
	for i := range made {
		page.Invocations = append(page.Invocations, shownInvocationOf(&made[i], names))
	}
	by, err := db.FilteredBy(ctx, event.Seq)
	if err != nil {
		return page, err
	}
	for _, f := range by {
		page.FilteredOut = append(page.FilteredOut, filteredOut{f.Subscription, names[f.Subscription], f.Reason})
	}
	return page, nil
}

// text writes the page for people.
func (p eventPage) text(out io.Writer) error {
	err := writeTable(out, [][]string{
		{"ID", shownID(p.ID)}, {"Number", strconv.FormatInt(p.Number, 10)}, {"Trigger", shownText(p.Trigger)}, {"Source", orDash(p.Source)},
		{"Subject", orDash(p.Subject)}, {"Time", clock(p.Time)}, {}, {"Its payload:"},
	})
	err = errors.Join(err, writePayload(out, p.Data))
	if len(p.Invocations) == 0 {
		_, failed := io.WriteString(out, "\nIt made no invocation.\n")
		err = errors.Join(err, failed)
	} else {
		_, failed := fmt.Fprintf(out, "\nIt made %s:\n", counted(len(p.Invocations), "invocation"))
		err = errors.Join(err, failed, writeTable(out, invocationRows(p.Invocations)))
	}
	for _, f := range p.FilteredOut {
		_, failed := fmt.Fprintf(out, "\nThe filter of %s (%s) did not let it through:\n%s", orDash(f.Name), f.Subscription, indented(f.Reason))
		err = errors.Join(err, failed)
	}
	return err
}

// indented is text of several lines, each two blanks to the right, in which what cannot be seen is escaped.
func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + shownText(strings.TrimRight(line, "\r\n")) + "\n")
	}
	return out.String()
}

// indentedFrom is indented but for the first line.
func indentedFrom(text string) string { return strings.TrimPrefix(indented(text), "  ") }

// counted is a number of things: 1 event, 2 events.
func counted[N int | int64](n N, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
