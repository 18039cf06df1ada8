package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/store"
	"sluice/triggers"
	"sluice/triggers/filter"
)

// defaultWait is how long a test waits for its outcome, and lookAgain how often it looks.
const (
	defaultWait = 15 * time.Second
	mostWait    = time.Hour
	lookAgain   = 50 * time.Millisecond
)

// subscriptionTest is what a test has found.
type subscriptionTest struct {
	Worked     bool           `json:"worked"`
	Invocation string         `json:"invocationId,omitempty"` // none where the filter let nothing through
	State      triggers.State `json:"state,omitempty"`
	Explained  string         `json:"explanation"`
	Attempts   []shownAttempt `json:"log"`
}

func subscriptionsTestCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test NAME|ID",
		Short: "Send a test to a subscription, and say what came of it",
		Long: `Make a test invocation, as POST /beta/trigger-invocations/test does, wait for its outcome, and print each attempt. The payload is the trigger's
example, or that of --input. A subscription that is paused or disabled can be tested, too. It is sent by a sluice serve on the same database, as all
is, so that what is tried is the whole way; where none runs, the test says so. Exits with 0 when the receiver took it (and, where an answer is
wanted, gave one that fits), else with 1.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	input := cmd.Flags().String("input", "", "file with the payload, - for standard input (the trigger's example)")
	wait := cmd.Flags().Duration("wait", defaultWait, "how long to wait for the outcome")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *wait <= 0 || *wait > mostWait {
			return usagef("--wait is %s, must be longer than none and an hour at most", *wait)
		}
		set, err := where.source.set()
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			s, err := subscriptionNamed(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			payload, err := testPayload(env, set, &s, *input)
			if err != nil {
				return err
			}
			found, err := testSubscription(cmd.Context(), db, &s, payload, *wait)
			if err != nil {
				return err
			}
			return found.print(env, *output)
		})
	}
	return cmd
}

// testPayload is what a test sends: a file, or else the trigger's example.
func testPayload(env environment, set *connectors.Set, s *triggers.Subscription, file string) (json.RawMessage, error) {
	trigger, err := triggerOf(set, s.TriggerID)
	if err != nil {
		return nil, err
	}
	if file == "" {
		return trigger.ExampleInput, nil
	}
	return payloadOf(env, trigger, file)
}

// testSubscription sends a test and waits for what becomes of it.
func testSubscription(ctx context.Context, db *store.DB, s *triggers.Subscription, payload json.RawMessage, wait time.Duration) (subscriptionTest, error) {
	found := subscriptionTest{Attempts: []shownAttempt{}}
	if !s.Delivers() {
		found.Explained = "nothing is delivered to a subscription of type " + s.Type
		return found, nil
	}
	made, _, err := db.Invoke(ctx, s.TriggerID, payload, json.RawMessage("{}"), []string{s.ID})
	if err != nil {
		return found, err
	}
	if len(made) == 0 {
		found.Explained = "its filter does not let the payload through: " + whyFiltered(s, payload)
		return found, nil
	}
	one, err := awaitInvocation(ctx, db, made[0].ID, wait)
	if err != nil {
		return found, err
	}
	found.Invocation, found.State, found.Worked = one.ID, one.State, one.State == triggers.Done && one.Fault == ""
	if found.Attempts, err = shownAttempts(ctx, db, &one); err != nil {
		return found, err
	}
	found.Explained, err = explainTest(ctx, db, &one, wait)
	return found, err
}

// awaitInvocation waits until an invocation is over, at most so long, and returns it as it is then.
func awaitInvocation(ctx context.Context, db *store.DB, id string, wait time.Duration) (triggers.Invocation, error) {
	end := time.Now().Add(wait)
	for {
		one, err := db.Invocation(ctx, id)
		over := one.State == triggers.Dead || one.State == triggers.Done && one.Attempts > 0 // a quick receiver completes before its attempt is kept
		if err != nil || over || !time.Now().Before(end) {
			return one, err
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return one, err
		}
	}
}

// explainTest says in a sentence how a test stands.
func explainTest(ctx context.Context, db *store.DB, one *triggers.Invocation, wait time.Duration) (string, error) {
	switch {
	case one.State == triggers.Done && one.Fault != "":
		return "the receiver completed it with an error: " + one.Fault, nil
	case one.State == triggers.Done && one.Output != nil:
		return "the receiver gave an answer that fits", nil
	case one.State == triggers.Done:
		return "the receiver took it", nil
	case one.State == triggers.Dead:
		return "it did not work: " + one.Reason, nil
	case one.State == triggers.Asked:
		return fmt.Sprintf("the receiver took it and did not complete it within %s; it may until %s", spelt(wait), clock(one.Deadline)), nil
	case one.Attempts > 0:
		return fmt.Sprintf("it did not work within %s, and goes on to be tried: %s", spelt(wait), one.Reason), nil
	}
	due, err := db.Due(ctx)
	for _, d := range due {
		if d.Subscription == one.Subscription && d.Owner == "" {
			return fmt.Sprintf("nothing happened within %s: no sluice serve runs on this database that would deliver it; start one, and the test is sent", spelt(wait)), err
		}
	}
	return fmt.Sprintf("the receiver has not answered within %s, or others are before it", spelt(wait)), err
}

// whyFiltered says why a payload does not pass a subscription's filter.
func whyFiltered(s *triggers.Subscription, payload json.RawMessage) string {
	if s.Filter == nil {
		return "it is gone"
	}
	compiled, err := filter.Compile(*s.Filter)
	if err != nil {
		return err.Error()
	}
	doc, err := triggers.Decode(payload)
	if err != nil {
		return "the payload is no JSON"
	}
	return compiled.Explain(doc)
}

// print says what a test has found, and ends the command with exitUnwell where it did not work.
func (t subscriptionTest) print(env environment, output format) (err error) {
	if output == asJSON {
		err = writeJSON(env.stdout, t)
	} else {
		if len(t.Attempts) > 0 {
			err = writeAttempts(env.stdout, t.Attempts)
		}
		said := t.Explained
		if t.Invocation != "" {
			said = "test " + t.Invocation + ": " + said
		}
		_, failed := fmt.Fprint(env.stdout, indentedFrom(said))
		err = errors.Join(err, failed)
	}
	if err == nil && !t.Worked {
		return unwell()
	}
	return err
}
