package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/store"
	"sluice/triggers"
	"sluice/web/events"
)

// ownSource is the source of events that the command line emits, unless it says another.
const ownSource = "cli"

// emittedEvent is what emit prints.
type emittedEvent struct {
	shownEvent

	Fresh       bool              `json:"new"`
	Invocations []shownInvocation `json:"invocations"` // of a new one
}

func eventsEmitCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "emit TRIGGER FILE|-",
		Short: "Emit an event of a trigger, for an integration of your own",
		Long: `Write an event to the outbox, and an invocation for each subscription that it goes to. Its payload is the JSON of FILE, or of standard input,
and must fit the trigger's schema: sluice triggers show prints an example. Events of one --subject are delivered in order; without one an event
waits for no other. The same --id again is no second event, so that a script may simply be run again; without one, an id is made up.
A sluice serve on the same database delivers at once; without one the event waits.`,
		Example: `  sluice events emit acme:badge-lost badge.json --subject 17 --id badge-17-2026-03-04
  sluice triggers show acme:badge-lost -o json | jq .exampleInput | sluice events emit acme:badge-lost -`,
		Args: cobra.ExactArgs(2),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	var e events.Emission
	cmd.Flags().StringVar(&e.Subject, "subject", "", "whom or what it is about (the event's own id)")
	cmd.Flags().StringVar(&e.Source, "source", ownSource, "who says so")
	cmd.Flags().StringVar(&e.ID, "id", "", "the same for the same fact, at most 64 bytes (one that is made up)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := where.source.set()
		if err != nil {
			return err
		}
		trigger, err := triggerOf(set, args[0])
		if err != nil {
			return err
		}
		e.Trigger = trigger.ID
		if e.Input, err = payloadOf(env, trigger, args[1]); err != nil {
			return err
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			return emitEvent(cmd.Context(), env, *output, set, db, e)
		})
	}
	return cmd
}

func emitEvent(ctx context.Context, env environment, output format, set *connectors.Set, db *store.DB, e events.Emission) error {
	told, err := events.New(eventOptions(set, db)).Emit(ctx, e)
	if err != nil {
		return asUsage(err)
	}
	names, err := subscriptionNames(ctx, db)
	if err != nil {
		return err
	}
	shown := emittedEvent{shownEvent: shownEventOf(store.Numbered{Seq: told.Number, Event: told.Event}), Fresh: told.Fresh, Invocations: []shownInvocation{}}
	for i := range told.Invocations {
		shown.Invocations = append(shown.Invocations, shownInvocationOf(&told.Invocations[i], names))
	}
	if output == asJSON {
		return writeJSON(env.stdout, shown)
	}
	if !told.Fresh {
		_, err := fmt.Fprintf(env.stdout, "event %s was told before, as number %d; there is no second one\n", shownID(told.ID), told.Number)
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "event %s is number %d, with %s\n", shownID(told.ID), told.Number, counted(len(shown.Invocations), "invocation"))
	if err == nil && len(shown.Invocations) > 0 {
		err = writeTable(env.stdout, invocationRows(shown.Invocations))
	}
	return err
}

// triggerOf finds a trigger.
func triggerOf(set *connectors.Set, id string) (*triggers.Trigger, error) {
	trigger := set.Triggers().Trigger(id)
	if trigger == nil {
		return nil, usagef("there is no trigger %q; sluice triggers list says which there are", id)
	}
	return trigger, nil
}

// mostPayload bounds what is read of a payload, as the API does.
const mostPayload = 1 << 20

// payloadOf reads a payload and holds it against the trigger's schema. Errors name the members that are wrong, each in a line, and no value.
func payloadOf(env environment, trigger *triggers.Trigger, name string) (json.RawMessage, error) {
	text, err := readBounded(env, name, mostPayload)
	if err != nil {
		return nil, usagef("the payload cannot be read: %w", err)
	}
	if name == "-" {
		name = "standard input"
	}
	err = trigger.CheckInput(text)
	if misfits, are := errors.AsType[triggers.Misfits](err); are {
		lines := ""
		for _, m := range misfits {
			path := m.Path
			if path == "" {
				path = "the whole"
			}
			lines += "\n  " + path + ": " + m.Problem
		}
		return nil, usagef("%s does not fit the schema of %s:%s\nsluice triggers show %s prints a payload that fits", name, trigger.ID, lines, trigger.ID)
	}
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return text, nil
}

// readBounded reads a file, or standard input for -, and refuses one that is longer than it may be.
func readBounded(env environment, name string, most int64) ([]byte, error) {
	from := env.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}

// asUsage makes what the API would refuse a mistake of the command line.
func asUsage(err error) error {
	if why, refused := errors.AsType[*fault.Error](err); refused {
		return usagef("%s", why.Message)
	}
	return err
}
