package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/store"
	"sluice/triggers"
	"sluice/web/events"
)

func subscriptionsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subscriptions",
		Short: "Who is told of events",
		Long: `Subscriptions say whom a trigger's events go to. These commands work in the database itself, as sluice aggregate does, and so need neither
a client nor a running sluice serve; one that runs takes changes up at once. Clients use the API of event triggers instead.`,
	}
	cmd.AddCommand(subscriptionsListCommand(env), subscriptionsShowCommand(env), subscriptionsCreateCommand(env), subscriptionsTestCommand(env),
		subscriptionsPauseCommand(env), subscriptionsResumeCommand(env))
	return cmd
}

// stateOf is a subscription's state in a word.
func stateOf(s *triggers.Subscription) string {
	switch {
	case !s.Enabled:
		return "disabled"
	case s.Sluice.Paused != nil:
		return "paused by " + s.Sluice.Paused.By
	}
	return "active"
}

// targetOf says where a subscription's events go.
func targetOf(s *triggers.Subscription) string {
	d := s.Sluice.Destination
	switch {
	case d != nil && d.Kafka != nil:
		return "kafka " + d.Kafka.Topic
	case d != nil && d.NATS != nil:
		return "nats " + d.NATS.Subject
	case d != nil && d.AMQP != nil:
		return "amqp " + d.AMQP.Address
	case d != nil && d.SQS != nil:
		return "sqs " + d.SQS.URL
	case d != nil && d.SNS != nil:
		return "sns " + d.SNS.ARN
	case s.HTTP != nil:
		return s.HTTP.URL
	case s.EventBridge != nil:
		return s.EventBridge.Account + " " + s.EventBridge.Region
	}
	return s.Type
}

func noSubscription(id string) error {
	return usagef("there is no subscription %s; sluice subscriptions list shows them", shownText(id))
}

// mostSubscription bounds what create reads.
const mostSubscription = 1 << 20

func subscriptionsCreateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create FILE",
		Short: "Make a subscription of JSON, as POST /beta/trigger-subscriptions takes it",
		Long: `Make a subscription. FILE holds JSON as POST /beta/trigger-subscriptions takes it; - is standard input, so that secrets need be in no file. It
is checked as the API checks it, and printed without its secrets: as JSON, which is what the API answers, or with -o text as show prints it.`,
		Args: cobra.ExactArgs(1),
	}
	where, output := databaseFlags(cmd, env), asJSON
	cmd.Flags().VarP(&output, "output", "o", "how to print: text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := where.source.set()
		if err != nil {
			return err
		}
		text, err := subscriptionText(env, args[0])
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			made, err := createSubscription(cmd.Context(), set, db, text)
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(env.stdout, made)
			}
			page, err := subscriptionPageOf(cmd.Context(), set, db, made.ID)
			if err != nil {
				return err
			}
			return page.text(env.stdout)
		})
	}
	return cmd
}

func createSubscription(ctx context.Context, set *connectors.Set, db *store.DB, text []byte) (triggers.Subscription, error) {
	options := eventOptions(set, db)
	options.Catalogue = set.Triggers
	made, err := events.New(options).Create(ctx, text)
	return made, asUsage(err)
}

func subscriptionText(env environment, name string) ([]byte, error) {
	text, err := readBounded(env, name, mostSubscription)
	if err == nil {
		if wrong := json.Unmarshal(text, new(json.RawMessage)); wrong != nil {
			err = errors.New("it " + triggers.WhyNotJSON(text, wrong))
		}
	}
	if err != nil {
		return nil, usagef("the subscription cannot be read: %w", err)
	}
	return text, nil
}

func subscriptionsPauseCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause NAME|ID",
		Short: "Keep a subscription's events until it is resumed",
		Long: `Keep what is to be delivered to a subscription until sluice subscriptions resume. Nothing is lost meanwhile, as it is where enabled is false:
then events are not even kept.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	reason := cmd.Flags().String("reason", "paused by an operator", "what is shown to whoever asks why")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return changePause(cmd.Context(), env, where, args[0], &triggers.Pause{Since: time.Now().UTC().Truncate(time.Microsecond), Reason: *reason, By: "operator"})
	}
	return cmd
}

func subscriptionsResumeCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume NAME|ID",
		Short: "Deliver again, whoever paused the subscription",
		Args:  cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return changePause(cmd.Context(), env, where, args[0], nil)
	}
	return cmd
}

// changePause pauses a subscription; nil resumes it.
func changePause(ctx context.Context, env environment, where databaseChoice, id string, pause *triggers.Pause) error {
	return withStore(ctx, where, func(db *store.DB) error {
		named, err := subscriptionNamed(ctx, db, id)
		if err != nil {
			return err
		}
		s, err := db.ChangeSubscription(ctx, named.ID, func(s *triggers.Subscription, _ []triggers.Subscription) error {
			s.Sluice.Paused = pause
			return nil
		})
		switch {
		case errors.Is(err, aggregation.ErrNone):
			return noSubscription(id)
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %s\n", shownText(s.Name), stateOf(&s))
		return err
	})
}
