package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

// invocationPage is all there is to show of an invocation.
type invocationPage struct {
	shownInvocation

	Input    json.RawMessage `json:"input"`
	Content  json.RawMessage `json:"contentJson,omitempty"` // of a test
	Output   json.RawMessage `json:"output,omitempty"`
	Attempts []shownAttempt  `json:"log"`
	Behind   string          `json:"behind,omitempty"` // the id of the one that failed and keeps it
}

// shownAttempt is one time that an invocation was sent.
type shownAttempt struct {
	Number  int       `json:"number"`
	Time    time.Time `json:"time"`
	TookMS  float64   `json:"tookMs"`
	Status  int       `json:"status,omitempty"` // none where there was no answer
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Answer  string    `json:"answer,omitempty"` // its beginning
}

func invocationsShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an invocation: its payload, each attempt, and what the receiver answered",
		Args:  cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			page, err := invocationPageOf(cmd.Context(), db, args[0])
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

func noInvocation(id string) error {
	return usagef("there is no invocation %s; sluice invocations list shows them", shownText(id))
}

func invocationPageOf(ctx context.Context, db *store.DB, id string) (invocationPage, error) {
	one, err := db.Invocation(ctx, id)
	if errors.Is(err, aggregation.ErrNone) {
		return invocationPage{}, noInvocation(id)
	}
	if err != nil {
		return invocationPage{}, err
	}
	names, err := subscriptionNames(ctx, db)
	if err != nil {
		return invocationPage{}, err
	}
	behind, err := db.Behind(ctx, one)
	if err != nil {
		return invocationPage{}, err
	}
	attempts, err := shownAttempts(ctx, db, &one)
	return invocationPage{
		shownInvocation: shownInvocationOf(&one, names), Input: one.Event.Data, Content: one.Content, Output: one.Output, Attempts: attempts, Behind: behind,
	}, err
}

// shownAttempts are those at an invocation, without its secret.
func shownAttempts(ctx context.Context, db *store.DB, i *triggers.Invocation) ([]shownAttempt, error) {
	all, err := db.Attempts(ctx, i.Seq)
	shown := []shownAttempt{}
	for _, a := range all {
		shown = append(shown, shownAttempt{
			a.Number, a.Time, float64(a.Took) / float64(time.Millisecond), a.Status, a.Outcome, a.Reason, string(a.Answer),
		})
	}
	return shown, err
}

// text writes the page for people.
func (p invocationPage) text(out io.Writer) error {
	state := string(p.State)
	switch {
	case p.Behind != "":
		state += ", waits behind " + p.Behind
	case !p.Due.IsZero():
		state += ", sent again at " + clock(p.Due)
	case !p.Deadline.IsZero() && p.State == triggers.Asked:
		state += ", to be completed before " + clock(p.Deadline)
	case !p.Completed.IsZero():
		state += " since " + clock(p.Completed)
	}
	rows := [][]string{{"ID", p.ID}, {"Subscription", orDash(p.Name) + " (" + p.Subscription + ")"}, {"Trigger", shownText(p.Trigger)}, {"State", state}, {"Created", clock(p.Created)}}
	for _, row := range [][]string{{"Reason", p.Reason}, {"Fault", p.Fault}, {"Event", p.Event}, {"Source", p.Source}, {"Subject", p.Subject}} {
		if row[1] != "" {
			rows = append(rows, []string{row[0], shownText(row[1])})
		}
	}
	err := errors.Join(writeTable(out, append(rows, []string{}, []string{"Its payload:"})), writePayload(out, p.Input))
	if p.Output != nil {
		_, failed := io.WriteString(out, "\nWhat the receiver answered:\n")
		err = errors.Join(err, failed, writePayload(out, p.Output))
	}
	if len(p.Attempts) == 0 {
		_, failed := io.WriteString(out, "\nIt was not sent yet.\n")
		return errors.Join(err, failed)
	}
	_, failed := io.WriteString(out, "\n")
	return errors.Join(err, failed, writeAttempts(out, p.Attempts))
}

// mostAnswered is how much of an answer people are shown; -o json has all that is kept.
const mostAnswered = 300

// writeAttempts prints attempts for people, each with the beginning of its answer below.
func writeAttempts(out io.Writer, all []shownAttempt) error {
	rows := [][]string{{"ATTEMPT", "TIME", "TOOK", "STATUS", "OUTCOME", "REASON"}}
	for _, a := range all {
		status := "-"
		if a.Status != 0 {
			status = strconv.Itoa(a.Status)
		}
		rows = append(rows, []string{strconv.Itoa(a.Number), clock(a.Time), fmt.Sprintf("%.1f ms", a.TookMS), status, a.Outcome, orDash(a.Reason)})
	}
	err := writeTable(out, rows)
	for _, a := range all {
		if a.Answer == "" {
			continue
		}
		answer := []rune(a.Answer)
		more := ""
		if len(answer) > mostAnswered {
			answer, more = answer[:mostAnswered], "…"
		}
		_, failed := fmt.Fprintf(out, "\nThe answer to attempt %d:\n%s%s", a.Number, indented(string(answer)), indented(more))
		err = errors.Join(err, failed)
	}
	return err
}

// writePayload prints JSON of others for people: indented, and with what cannot be seen escaped.
func writePayload(out io.Writer, text json.RawMessage) error {
	if text == nil {
		text = json.RawMessage("null")
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("print json: %w", err)
	}
	var shown strings.Builder
	for line := range strings.Lines(b.String()) {
		shown.WriteString(shownText(strings.TrimSuffix(line, "\n")) + "\n")
	}
	_, err := io.WriteString(out, shown.String())
	return err
}
