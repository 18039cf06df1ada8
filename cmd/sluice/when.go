package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// when is the value of a flag that names a time: itself, a day, or how long ago it is.
type when struct{ time.Time }

// String implements pflag.Value.
func (w *when) String() string {
	if w.IsZero() {
		return ""
	}
	return w.Format(time.RFC3339)
}

// Set implements pflag.Value.
func (w *when) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			w.Time = at
			return nil
		}
	}
	ago, err := time.ParseDuration(text)
	if days, are := strings.CutSuffix(text, "d"); are {
		var n int
		n, err = strconv.Atoi(days)
		if err == nil && n > mostDays {
			n = mostDays
		}
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return errors.New("must be a time (2006-01-02T15:04:05Z), a day (2006-01-02, from midnight UTC), or how long ago (90m, 24h, 7d)")
	}
	w.Time = time.Now().Add(-ago)
	return nil
}

// mostDays is longer than anything is kept, and short enough for a duration.
const mostDays = 36500

// Type implements pflag.Value.
func (w *when) Type() string { return "time" }

// windowFlags give a command --since and --until.
func windowFlags(cmd *cobra.Command, of string) (since, until *when) {
	since, until = &when{}, &when{}
	cmd.Flags().Var(since, "since", of+" at or after a time (2006-01-02T15:04:05Z), a day, or so long ago (24h, 7d)")
	cmd.Flags().Var(until, "until", of+" before a time, as --since says it")
	return since, until
}

// checkWindow refuses a window in which nothing can be.
func checkWindow(since, until *when) error {
	if !since.IsZero() && !until.IsZero() && !since.Before(until.Time) {
		return usagef("--until is not after --since")
	}
	return nil
}

// mostListed bounds what a list prints, and listed is how much it is unless --limit says otherwise.
const (
	mostListed = 10000
	listed     = 50
)

// limitFlag gives a command --limit. check is called when the command runs.
func limitFlag(cmd *cobra.Command) (limit *int, check func() error) {
	limit = cmd.Flags().Int("limit", listed, "how many to print at most")
	return limit, func() error {
		if *limit < 1 || *limit > mostListed {
			return usagef("--limit is %d, must be between 1 and %d", *limit, mostListed)
		}
		return nil
	}
}

// clock is a time as tables have it; "-" where there is none.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// orDash is text that may be none, of others than us.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return shownText(text)
}
