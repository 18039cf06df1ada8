package shadow

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// space fits the spacing to limit and window. A window's places taken in one burst leave the next caller waiting for the rest of the
// window, and one whose patience is shorter would be turned away though the vendor permits a call a second. So beyond a burst
// that half the callers' patience makes up for, calls are spaced evenly. Interactive calls are spaced among themselves and
// before bulk; critical ones never.
func (g *Governor) space(now time.Time) {
	window := g.window
	if window == 0 {
		window = g.reset.length
	}
	if g.limit == 0 || window <= 0 || !g.rule.Spread && g.rule.Patience == 0 || g.rule.Concurrent > 0 {
		return
	}
	burst := 1
	if !g.rule.Spread {
		burst = max(1, int(float64(g.limit)*min(1, g.rule.Patience.Seconds()/2/window.Seconds())))
	}
	per := rate.Limit(float64(g.limit) / window.Seconds())
	for lane := Interactive; lane <= Bulk; lane++ {
		switch s := g.spacing[lane]; {
		case burst == g.limit && !g.rule.Spread:
			g.spacing[lane] = nil
		case s == nil:
			g.spacing[lane] = rate.NewLimiter(per, burst)
		case s.Limit() > per:
			g.spacing[lane] = slower(s, now, per, burst)
		case s.Burst() != burst || s.Limit() != per:
			s.SetLimitAt(now, per)
			s.SetBurstAt(now, burst)
		}
	}
}

// slower returns s at a lower rate: whoever would have had to wait so long still does, and not longer because each turn takes longer now.
func slower(s *rate.Limiter, now time.Time, per rate.Limit, burst int) *rate.Limiter {
	fresh := rate.NewLimiter(per, burst)
	tokens := s.TokensAt(now) * float64(per/s.Limit())
	for range min(burst-int(math.Floor(tokens)), 1<<16) {
		fresh.ReserveN(now, 1)
	}
	return fresh
}

func (g *Governor) spaced(t time.Duration, lane Lane) bool {
	return g.spacing[lane] != nil && g.restT <= t
}

// spend counts a call in the spacing of its lane and of those below it, which it may leave in debt.
func (g *Governor) spend(now time.Time, lane Lane) {
	for l := max(lane, Interactive); l <= Bulk; l++ {
		if s := g.spacing[l]; s != nil {
			s.ReserveN(now, 1)
		}
	}
}

// Hurry lets spacing rest if that is all that keeps a caller with ahead others before it from a place within its patience. It reports
// whether it did.
func (g *Governor) Hurry(now time.Time, lane Lane, ahead int, patience time.Duration) bool {
	t := g.at(now)
	if g.rule.Spread || !g.spaced(t, lane) || g.unspaced(t, lane, ahead) > patience {
		return false
	}
	g.restT = t + max(g.window, g.reset.length)
	return true
}
