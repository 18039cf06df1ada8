package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"sluice/aggregation"
)

const (
	lookAtRun = 200 * time.Millisecond // how often the store is asked how far a run is
	sayEvery  = 10 * time.Second       // how often a line is printed where there is no terminal
)

// aggregateProgress shows how far a run is: a bar on a terminal, a line now and then elsewhere.
type aggregateProgress struct {
	w       io.Writer
	bar     *progressbar.ProgressBar // nil: no terminal
	started time.Time
	said    time.Time
}

func newAggregateProgress(w io.Writer) *aggregateProgress {
	p := &aggregateProgress{w: w, started: time.Now(), said: time.Now()}
	if isTerminal(w) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true))
	}
	return p
}

// at shows where a run stands.
func (p *aggregateProgress) at(run aggregation.Run, s aggregation.Standing) {
	text := p.words(run, s)
	if p.bar != nil {
		p.bar.Describe(text)
		if s.Total > 0 {
			p.bar.ChangeMax64(s.Total)
			_ = p.bar.Set64(min(s.Done, s.Total)) // a terminal that went away is no reason to stop
		}
		return
	}
	if time.Since(p.said) >= sayEvery {
		p.said = time.Now()
		_, _ = fmt.Fprintln(p.w, text)
	}
}

func (p *aggregateProgress) words(run aggregation.Run, s aggregation.Standing) string {
	text := fmt.Sprintf("run %d, %s: %s", run.ID, run.Scope.Resource, progressOf(s))
	if minutes := time.Since(p.started).Minutes(); s.Calls > 0 && minutes > 0 {
		text += fmt.Sprintf(", %.0f calls/min", float64(s.Calls)/minutes)
	}
	if s.Waiting != "" {
		text += "; trying again: " + s.Waiting
	}
	return text
}

// progressOf says how far a run is.
func progressOf(s aggregation.Standing) string {
	held := (time.Duration(s.Held * float64(time.Second))).Round(time.Second)
	if s.Total == 0 {
		return fmt.Sprintf("%d rows listed, %d calls, held %s", s.Rows, s.Calls, held)
	}
	return fmt.Sprintf("%d of %d accounts, %d calls, held %s", s.Done, s.Total, s.Calls, held)
}

// finish takes the bar away.
func (p *aggregateProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// aggregateLine says of a run that is over, or not, what there is to say.
func aggregateLine(run aggregation.Run, s aggregation.Standing) string {
	head := fmt.Sprintf("run %d, %s %s: %s", run.ID, run.Scope.Connection, run.Scope.Resource, run.State)
	if run.State != aggregation.Completed {
		return head + ", " + progressOf(s)
	}
	c := run.Counts
	return head + fmt.Sprintf(" in %s: %d accounts, %d new, %d changed, %d gone, %d as before, %d failed; %d calls",
		run.Completed.Sub(run.Started).Round(time.Millisecond), c.Scanned, c.Added, c.Changed, c.Removed, c.Unchanged, c.Failed, s.Calls)
}
