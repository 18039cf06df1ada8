package shadow

import (
	"time"

	"golang.org/x/time/rate"
)

// space fits the spacing to limit and window; in told, the longest time to a reset stands for the window.
func (g *Governor) space(now time.Time) {
	window := g.window
	if window == 0 {
		window = g.longest
	}
	if g.limit == 0 || window == 0 || !g.rule.Spread && g.rule.Patience == 0 {
		return
	}
	burst := 1
	if !g.rule.Spread {
		burst = max(1, int(float64(g.limit)*min(1, g.rule.Patience.Seconds()/2/window.Seconds())))
	}
	per := rate.Limit(float64(g.limit) / window.Seconds())
	switch {
	case burst == g.limit && !g.rule.Spread:
		g.spacing = nil
	case g.spacing == nil:
		g.spacing = rate.NewLimiter(per, burst)
	case g.spacing.Burst() != burst || g.spacing.Limit() != per:
		g.spacing.SetLimitAt(now, per)
		g.spacing.SetBurstAt(now, burst)
	}
}

func (g *Governor) spaced(now time.Time) bool { return g.spacing != nil && !g.restT.After(now) }

// Hurry lets spacing rest if that is all that keeps a caller with ahead others before it from a place within its patience. It reports
// whether it did.
func (g *Governor) Hurry(now time.Time, ahead int, patience time.Duration) bool {
	if g.rule.Spread || !g.spaced(now) || g.unspaced(now, ahead) > patience {
		return false
	}
	g.restT = now.Add(max(g.window, g.longest))
	return true
}
