package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"sluice/aggregation"
)

const (
	lookAtRun = 200 * time.Millisecond // how often the store is asked how far a run is
	sayEvery  = 10 * time.Second       // how often a line is printed where there is no terminal
	rateOver  = time.Minute            // over which time calls per minute are counted
)

// aggregateProgress shows how far a run is: a bar on a terminal, a line now and then elsewhere.
type aggregateProgress struct {
	w        io.Writer
	bar      *progressbar.ProgressBar // nil: no terminal
	said     time.Time
	seen     []seenAt // what was seen within rateOver, the oldest first
	single   bool     // single accounts are being read
	expected *expectation
}

// seenAt is how far a run was at a time.
type seenAt struct {
	time        time.Time
	calls, done int64
}

func newAggregateProgress(w io.Writer) *aggregateProgress {
	p := &aggregateProgress{w: w, said: time.Now()}
	if isTerminal(w) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(false))
	}
	return p
}

// at shows where a run stands.
func (p *aggregateProgress) at(run aggregation.Run, s standing, now time.Time) {
	text := p.words(run, s, now)
	if p.bar != nil {
		p.bar.Describe(text)
		if s.Total > 0 {
			p.bar.ChangeMax64(s.Total)
			_ = p.bar.Set64(min(s.Done, s.Total)) // a terminal that went away is no reason to stop
		}
		return
	}
	if now.Sub(p.said) >= sayEvery {
		p.said = now
		_, _ = fmt.Fprintln(p.w, text)
	}
}

func (p *aggregateProgress) words(run aggregation.Run, s standing, now time.Time) string {
	if s.Total > 0 && !p.single {
		p.single, p.seen = true, p.seen[max(0, len(p.seen)-1):] // the lists' calls say nothing of how fast single accounts are read
	}
	p.seen = append(p.seen, seenAt{now, s.Calls, s.Done})
	for len(p.seen) > 2 && now.Sub(p.seen[1].time) >= rateOver {
		p.seen = p.seen[1:]
	}
	expected := expectation{}
	if p.expected != nil {
		expected = *p.expected
	}
	text := fmt.Sprintf("run %d, %s: %s", run.ID, run.Scope.Resource, progressOf(s))
	if rate := speedOf(s, expected, p.seen[0], now).String(); rate != "" {
		text += ", " + rate
	}
	if s.Waiting != "" {
		text += "; trying again: " + shownText(s.Waiting)
	}
	return text
}

// finish takes the bar away.
func (p *aggregateProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// runSpeed is how fast a run is, how fast it may be, and when it will be over.
type runSpeed struct {
	CallsPerMinute  float64   `json:"callsPerMinute"`
	BudgetPerMinute float64   `json:"budgetPerMinute,omitempty"` // what the limits permit over the addresses of one process; 0: none binds
	Expected        time.Time `json:"expectedEnd,omitzero"`
	left            time.Duration
}

// speedOf holds what is seen of a run now against what was seen before.
func speedOf(s standing, e expectation, before seenAt, now time.Time) (speed runSpeed) {
	speed.BudgetPerMinute = e.detail
	if s.Total == 0 {
		speed.BudgetPerMinute = e.listing
	}
	minutes := now.Sub(before.time).Minutes()
	if minutes <= 0 {
		return speed
	}
	speed.CallsPerMinute = max(0, float64(s.Calls-before.calls)/minutes)
	perMinute, left := float64(s.Done-before.done)/minutes, s.Total-s.Done
	if s.Total == 0 {
		perMinute, left = speed.CallsPerMinute, e.listCalls-s.Calls
	}
	if perMinute > 0 && left > 0 {
		speed.left = time.Duration(float64(left) / perMinute * float64(time.Minute))
		speed.Expected = now.Add(speed.left).UTC().Truncate(time.Second)
	}
	return speed
}

// String is the speed for people: "183 of 240 calls/min, 3h50m0s left".
func (s runSpeed) String() string {
	var out []string
	if s.CallsPerMinute > 0 {
		text := strconv.FormatFloat(s.CallsPerMinute, 'f', 0, 64)
		if s.BudgetPerMinute > 0 {
			digits := 0
			if s.BudgetPerMinute != math.Trunc(s.BudgetPerMinute) {
				digits = 1
			}
			text += " of " + strconv.FormatFloat(s.BudgetPerMinute, 'f', digits, 64)
		}
		out = append(out, text+" calls/min")
	}
	if s.left > 0 {
		round := time.Second
		if s.left > 10*time.Minute {
			round = time.Minute
		}
		out = append(out, spelt(s.left.Round(round))+" left")
	}
	return strings.Join(out, ", ")
}

// progressOf says how far a run is.
func progressOf(s standing) string {
	held := (time.Duration(s.Held * float64(time.Second))).Round(time.Second)
	text := fmt.Sprintf("%d of %d accounts, %d calls, held %s", s.Done, s.Total, s.Calls, held)
	if s.Total == 0 {
		text = fmt.Sprintf("%d rows listed, %d calls, held %s", s.Rows, s.Calls, held)
	}
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Failed)
	}
	return text
}

// aggregateLine says of a run that is over, or not, what there is to say.
func aggregateLine(run aggregation.Run, s standing) string {
	head := fmt.Sprintf("run %d, %s %s: %s", run.ID, run.Scope.Connection, run.Scope.Resource, run.State)
	if run.State != aggregation.Completed {
		return head + ", " + progressOf(s)
	}
	c := run.Counts
	return head + fmt.Sprintf(" in %s: %d accounts, %d new, %d changed, %d gone, %d as before, %d failed; %d calls",
		run.Completed.Sub(run.Started).Round(time.Millisecond), c.Scanned, c.Added, c.Changed, c.Removed, c.Unchanged, c.Failed, s.Calls)
}
