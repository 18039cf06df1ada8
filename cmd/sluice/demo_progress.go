package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/schollz/progressbar/v3"
)

// demoProgress shows how far both sides are: a bar on a terminal, a line for every quarter elsewhere.
type demoProgress struct {
	w     io.Writer
	total int // of both sides
	bar   *progressbar.ProgressBar

	mu       sync.Mutex
	counts   [2]int
	quarters int // printed
}

func newDemoProgress(w io.Writer, total int) *demoProgress {
	p := &demoProgress{w: w, total: total}
	if isTerminal(w) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
			progressbar.OptionSetDescription(p.state()), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetPredictTime(false))
	}
	return p
}

func (p *demoProgress) direct()  { p.step(0) }
func (p *demoProgress) through() { p.step(1) }

func (p *demoProgress) step(side int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[side]++
	done := p.counts[0] + p.counts[1]
	if p.bar != nil {
		p.bar.Describe(p.state())
		_ = p.bar.Set(done) // a terminal that went away is no reason to stop
		return
	}
	if quarter := done * 4 / p.total; quarter > p.quarters {
		p.quarters = quarter
		_, _ = fmt.Fprintf(p.w, "  … %s\n", p.state())
	}
}

func (p *demoProgress) state() string {
	return fmt.Sprintf("read: %d directly, %d through Sluice", p.counts[0], p.counts[1])
}

// finish takes the bar away.
func (p *demoProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
