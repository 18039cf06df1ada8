package main

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice/store"
	"sluice/triggers"
)

func eventsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "What has happened: the outbox, and events of your own",
		Long: `Events are facts, each of a trigger. They are written to the outbox, and from there go to who subscribes. These commands work in the
database itself, as sluice subscriptions does; a sluice serve that runs delivers at once what emit writes.`,
	}
	cmd.AddCommand(eventsListCommand(env), eventsShowCommand(env), eventsEmitCommand(env))
	return cmd
}

// shownEvent is an event as -o json shows it.
type shownEvent struct {
	Number  int64           `json:"number"`
	ID      string          `json:"id"`
	Trigger string          `json:"triggerId"`
	Source  string          `json:"source"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func shownEventOf(e store.Numbered) shownEvent {
	return shownEvent{Number: e.Seq, ID: e.ID, Trigger: e.Type, Source: e.Source, Subject: e.Subject, Time: e.Time, Data: e.Data}
}

func eventsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, the newest first",
		Long: `List the events of the outbox, the newest first. With --after NUMBER they come in their order, those behind that number: whoever goes on with
the number of the last one misses none.`,
		Example: `  sluice events list --type idn:identity-deleted --since 24h
  sluice events list --after 0 -o json`,
		Args: cobra.NoArgs,
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	q := triggers.EventQuery{}
	cmd.Flags().StringVar(&q.Type, "type", "", "only those of a trigger")
	cmd.Flags().StringVar(&q.Source, "source", "", "only those of a source: a connection, or what emitted them")
	cmd.Flags().StringVar(&q.Subject, "subject", "", "only those about somebody, by the native id")
	cmd.Flags().Int64Var(&q.Beyond, "after", 0, "only those behind a number, the oldest first")
	var since when
	cmd.Flags().Var(&since, "since", "only those at or after a time (2006-01-02T15:04:05Z), a day, or so long ago (24h, 7d)")
	limit, check := limitFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := check(); err != nil {
			return err
		}
		q.Since, q.Limit, q.Newest = since.Time, *limit, !cmd.Flags().Changed("after")
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			all, err := db.FindEvents(cmd.Context(), q)
			if err != nil {
				return err
			}
			return printEvents(env, *output, all)
		})
	}
	return cmd
}

func printEvents(env environment, output format, all []store.Numbered) error {
	shown := []shownEvent{}
	rows := [][]string{{"NUMBER", "TIME", "TRIGGER", "SOURCE", "SUBJECT", "ID"}}
	for _, e := range all {
		shown = append(shown, shownEventOf(e))
		rows = append(rows, []string{strconv.FormatInt(e.Seq, 10), clock(e.Time), shownText(e.Type), orDash(e.Source), orDash(e.Subject), shownID(e.ID)})
	}
	if output == asJSON {
		return writeJSON(env.stdout, shown)
	}
	return writeTable(env.stdout, rows)
}
