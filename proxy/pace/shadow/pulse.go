package shadow

import (
	"math"
	"time"
)

// pulse is how often something happens, averaged over the recent past.
type pulse struct {
	rate float64 // per nanosecond
	at   time.Duration
	from time.Duration // when counting began
	on   bool
}

// beat counts n happenings at t; over is how long the memory is.
func (p *pulse) beat(t time.Duration, n int, over time.Duration) {
	if !p.on {
		p.on, p.from, p.at = true, t, t
	}
	p.fade(t, over)
	p.rate = max(0, p.rate+float64(n)/float64(over))
}

// fade lets the past count for less.
func (p *pulse) fade(t, over time.Duration) {
	if t > p.at {
		p.rate *= math.Exp(-float64(t-p.at) / float64(over))
		p.at = t
	}
}

// per is how many happen in d, on average, as things stand at t.
func (p *pulse) per(d, t, over time.Duration) float64 {
	if p.rate == 0 {
		return 0
	}
	age := float64(max(0, t-p.at)) / float64(over)
	if age > 8 {
		return 0
	}
	seen := float64(t-p.from) / float64(over) // of a memory that is not full yet
	full := 1.0
	if seen < 3 {
		full = 1 - math.Exp(-max(seen, 0.25))
	}
	return p.rate * math.Exp(-age) * float64(d) / full
}
