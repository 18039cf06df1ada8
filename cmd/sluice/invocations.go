package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/store"
	"sluice/triggers"
)

func invocationsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invocations",
		Short: "Events on their way to who subscribes: what became of each, sending again, and giving up",
		Long: `An invocation is one event on its way to one subscription. These commands read the record of them in the database itself, as sluice
subscriptions does, and send again what is over or give up what is not; a sluice serve that runs takes that up at once.`,
	}
	cmd.AddCommand(invocationsListCommand(env), invocationsShowCommand(env), invocationsDeadCommand(env), invocationsReplayCommand(env),
		invocationsAbandonCommand(env))
	return cmd
}

// shownInvocation is an invocation as -o json shows it. The secret with which it is completed is nowhere in it.
type shownInvocation struct {
	ID           string         `json:"id"`
	Subscription string         `json:"subscriptionId"`
	Name         string         `json:"subscriptionName,omitempty"` // none where it was deleted
	Trigger      string         `json:"triggerId"`
	Test         bool           `json:"test,omitempty"`
	State        triggers.State `json:"state"`
	Attempts     int            `json:"attempts"`
	Created      time.Time      `json:"created"` // or replayed
	Due          time.Time      `json:"due,omitzero"`
	Completed    time.Time      `json:"completed,omitzero"`
	Deadline     time.Time      `json:"deadline,omitzero"`
	Reason       string         `json:"reason,omitempty"`
	Fault        string         `json:"fault,omitempty"`
	Event        string         `json:"eventId,omitempty"` // none of a test
	Source       string         `json:"source,omitempty"`
	Subject      string         `json:"subject,omitempty"`
}

func shownInvocationOf(i *triggers.Invocation, names map[string]string) shownInvocation {
	shown := shownInvocation{
		ID: i.ID, Subscription: i.Subscription, Name: names[i.Subscription], Trigger: i.Trigger, Test: i.Test, State: i.State, Attempts: i.Attempts,
		Created: i.Created, Completed: i.Completed, Deadline: i.Deadline, Reason: i.Reason, Fault: i.Fault,
	}
	if i.State == triggers.Waiting {
		shown.Due = i.Due
	}
	if !i.Test {
		shown.Event, shown.Source, shown.Subject = i.Event.ID, i.Event.Source, i.Event.Subject
	}
	return shown
}

// subscriptionNames are the names of all subscriptions by their ids.
func subscriptionNames(ctx context.Context, db *store.DB) (map[string]string, error) {
	all, err := db.Subscriptions(ctx)
	return namesByID(all), err
}

func namesByID(all []triggers.Subscription) map[string]string {
	names := make(map[string]string, len(all))
	for i := range all {
		names[all[i].ID] = all[i].Name
	}
	return names
}

// invocationRows are a table for people.
func invocationRows(all []shownInvocation) [][]string {
	rows := [][]string{{"ID", "SUBSCRIPTION", "TRIGGER", "SUBJECT", "STATE", "ATTEMPTS", "CREATED", "REASON"}}
	for i := range all {
		one := &all[i]
		name, subject := one.Name, one.Subject
		if name == "" {
			name = one.Subscription
		}
		if one.Test {
			subject = "(a test)"
		}
		rows = append(rows, []string{
			one.ID, shownText(name), shownText(one.Trigger), orDash(subject), string(one.State), strconv.Itoa(one.Attempts), clock(one.Created), orDash(one.Reason),
		})
	}
	return rows
}

// invocationFlags are what invocations are chosen by.
type invocationFlags struct {
	where        databaseChoice
	output       *format
	query        triggers.Query
	since, until *when
	limit        *int
	checkLimit   func() error
}

func newInvocationFlags(cmd *cobra.Command, env environment) *invocationFlags {
	f := &invocationFlags{where: databaseFlags(cmd, env), output: formatFlag(cmd), query: triggers.Query{Newest: true, Bare: true}}
	cmd.Flags().StringVar(&f.query.Subscription, "subscription", "", "only those to a subscription, by its id or name")
	cmd.Flags().StringVar(&f.query.Trigger, "trigger", "", "only those of a trigger")
	f.since, f.until = windowFlags(cmd, "only those created or replayed")
	f.limit, f.checkLimit = limitFlag(cmd)
	return f
}

// print lists what the flags choose.
func (f *invocationFlags) print(ctx context.Context, env environment) error {
	if err := checkWindow(f.since, f.until); err != nil {
		return err
	}
	if err := f.checkLimit(); err != nil {
		return err
	}
	f.query.After, f.query.Before, f.query.Limit = f.since.Time, f.until.Time, *f.limit
	return withStore(ctx, f.where, func(db *store.DB) error {
		subscriptions, err := db.Subscriptions(ctx)
		if err != nil {
			return err
		}
		named := f.query.Subscription
		found := findSubscription(subscriptions, named)
		if found != nil {
			f.query.Subscription = found.ID
		}
		all, err := db.Invocations(ctx, f.query)
		if err != nil {
			return err
		}
		if named != "" && found == nil && len(all) == 0 { // the record of a deleted one may be there still
			return noSubscription(named)
		}
		names := namesByID(subscriptions)
		shown := []shownInvocation{}
		for i := range all {
			shown = append(shown, shownInvocationOf(&all[i], names))
		}
		if *f.output == asJSON {
			return writeJSON(env.stdout, shown)
		}
		return writeTable(env.stdout, invocationRows(shown))
	})
}

// findSubscription finds one by its id, or else by its name; nil when there is none.
func findSubscription(all []triggers.Subscription, text string) *triggers.Subscription {
	var named *triggers.Subscription
	for i := range all {
		if all[i].ID == text {
			return &all[i]
		}
		if strings.EqualFold(all[i].Name, text) {
			named = &all[i]
		}
	}
	return named
}

// subscriptionNamed is findSubscription in a database, where it is a mistake that there is none.
func subscriptionNamed(ctx context.Context, db *store.DB, text string) (triggers.Subscription, error) {
	all, err := db.Subscriptions(ctx)
	if err != nil {
		return triggers.Subscription{}, err
	}
	s := findSubscription(all, text)
	if s == nil {
		return triggers.Subscription{}, noSubscription(text)
	}
	return *s, nil
}

// states are those that an invocation can have.
var states = []triggers.State{triggers.Waiting, triggers.Asked, triggers.Done, triggers.Dead}

func invocationsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List invocations, the newest first",
		Example: `  sluice invocations list --subscription "Low code" --state waiting --state asked
  sluice invocations list --trigger idn:identity-created --since 2026-03-01 --until 2026-03-02 -o json`,
		Args: cobra.NoArgs,
	}
	f := newInvocationFlags(cmd, env)
	wanted := cmd.Flags().StringArray("state", nil, "only those that are waiting, asked, done or dead; may be given several times")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, text := range *wanted {
			state, err := stateNamed(text)
			if err != nil {
				return err
			}
			f.query.States = append(f.query.States, state)
		}
		return f.print(cmd.Context(), env)
	}
	return cmd
}

func stateNamed(text string) (triggers.State, error) {
	for _, state := range states {
		if string(state) == text {
			return state, nil
		}
	}
	return "", usagef("--state is %q, must be waiting, asked, done or dead", text)
}

func invocationsDeadCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List what nobody tries to deliver any more, and why",
		Long: `List the invocations that are dead: the receiver's answer was final, all that was tried for as long as the subscription says did not work, or
the subscription was deleted. sluice invocations replay sends them again.`,
		Args: cobra.NoArgs,
	}
	f := newInvocationFlags(cmd, env)
	f.query.States = []triggers.State{triggers.Dead}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.print(cmd.Context(), env) }
	return cmd
}
