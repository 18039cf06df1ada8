package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"sluice/proxy"
)

func limitsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "limits [CONNECTION]",
		Short: "Ask a running Sluice how the vendors' limits stand, and who waits",
		Long: `Ask the admin listener's /admin/limits: for each bucket how the vendor counts, what is left, when it resets, what others spend,
who waits in which lane, and why. The listener's address is that of --url, else SLUICE_ADMIN_ADDRESS, else admin.address of the
configuration. Exits with 1 when nobody answers or there is no such connection.`,
		Args: cobra.MaximumNArgs(1),
	}
	door := adminDoorFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		query := url.Values{"format": {"json"}}
		if len(args) > 0 {
			query.Set("connection", args[0])
		}
		var told limitsAnswer
		err := door.ask(cmd.Context(), "admin/limits", query, func(resp *http.Response) (err error) {
			told, err = readLimits(resp)
			return err
		})
		switch {
		case err != nil:
			return err
		case *output == asJSON:
			return writeJSON(env.stdout, told)
		}
		return writeLimits(env.stdout, told)
	}
	return cmd
}

// largestLimits bounds an answer of the admin listener: two hundred buckets of each of a thousand connections.
const largestLimits = 256 << 20

// readLimits reads what the admin listener says.
func readLimits(resp *http.Response) (told limitsAnswer, err error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, largestLimits))
	if err != nil {
		return told, cutAnswer(resp, err)
	}
	if err := notOK(resp); err != nil {
		var refusal limitsRefusal
		if json.Unmarshal(data, &refusal) == nil && refusal.Error != "" {
			return told, errors.New(refusal.Error)
		}
		return told, err
	}
	if err := json.Unmarshal(data, &told); err != nil {
		return told, fmt.Errorf("%s gave no limits: is it the admin listener of a Sluice of this version? %w", resp.Request.URL.Redacted(), err)
	}
	return told, nil
}

// writeLimits prints a table, and below it why calls wait.
func writeLimits(out io.Writer, told limitsAnswer) error {
	rows := [][]string{{"CONNECTION", "BUCKET", "OF", "KIND", "LIMIT", "LEFT", "RESET", "OTHERS", "TRIP", "OUT", "WAITING", "WAIT"}}
	var notes []string
	for _, c := range told.Connections {
		for i := range c.Buckets {
			b := &c.Buckets[i]
			s, name := speak(b), bucketName(b)
			rows = append(rows, []string{c.Connection, name, scopeOf(b), s.kind, s.limit, s.left, s.reset, s.others, s.trip,
				strconv.Itoa(b.Out), s.waiting, s.wait})
			for _, reason := range reasons(b) {
				notes = append(notes, fmt.Sprintf("%s, %s: %s", c.Connection, name, reason))
			}
		}
		switch {
		case len(c.Buckets) == 0:
			notes = append(notes, c.Connection+": no call has met a limit yet")
		case c.More > 0:
			notes = append(notes, fmt.Sprintf("%s: and %d more buckets, in which less waits and more is left", c.Connection, c.More))
		}
	}
	if len(rows) > 1 {
		if err := writeTable(out, rows); err != nil {
			return err
		}
	}
	for i, note := range notes {
		if i == 0 && len(rows) > 1 {
			note = "\n" + note
		}
		if _, err := fmt.Fprintln(out, note); err != nil {
			return err
		}
	}
	return nil
}

// bucketName is a bucket's name and the limit of the vendor's headers that it listens to.
func bucketName(b *proxy.BucketState) string {
	if b.Policy == "" {
		return b.Bucket
	}
	return b.Bucket + " (" + b.Policy + ")"
}
