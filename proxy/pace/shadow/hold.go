package shadow

import (
	"math"
	"time"
)

// hold is how many places a call of a lane must leave: for others at the vendor, so that neither they nor we are refused, and for more
// urgent calls of our own.
func (g *Governor) hold(t time.Duration, lane Lane) int {
	if g.window <= 0 || g.rule.Shared {
		return 0
	}
	back := 0
	ahead := g.ahead(t)
	switch {
	case g.sharing(t):
		back = g.leave(t, lane, ahead)
	case lane == Bulk && g.refill.sure && g.refill.burst >= 5:
		back = 1 // a bucket that is never empty shows at once when somebody else takes of it, and costs us nothing
	case lane == Bulk && g.scouting(t, ahead) && !g.scouts(ahead):
		back = 1 // a scout: its answer tells whether somebody else has been here since the burst
	}
	switch lane { // whom somebody waits for takes the risk
	case Critical:
		return 0
	case Interactive:
		back = min(back, 1)
	}
	back = min(back, g.limit-1)
	var urgent float64
	lasts := max(ahead, g.windowLasts(t), time.Millisecond)
	for l := range lane {
		urgent += g.urgent[l].per(lasts, t, g.pulseTime())
		if g.urgent[l].per(g.window, t, g.pulseTime()) > 0.05 {
			urgent++
		}
	}
	most := min(float64(g.limit)*(1-max(g.rule.BulkFloor, 0.1))/2, g.atOnce()-1)
	return back + int(min(math.Round(urgent), most))
}

// theirs is how many calls of others come in d, and never more than the limit permits.
func (g *Governor) theirs(t, d time.Duration) float64 {
	theirs := g.others.per(d, g.window, g.pace())
	if g.lags(t) { // then most of theirs are not told from answers that were overtaken
		theirs = max(theirs, float64(g.strangers.taken)*float64(d)/float64(g.window))
	}
	return theirs
}

// sharing tells whether somebody else spends the limit, and the vendor still says what is left. Where it no longer does, nobody knows, and
// holding back would be for ever.
func (g *Governor) sharing(t time.Duration) bool {
	return g.others.there() && g.told.ok && t-g.told.at < g.window
}

// leave is how many places are left to others while they spend too.
func (g *Governor) leave(t time.Duration, lane Lane, ahead time.Duration) (back int) {
	blind := t - g.told.sent + g.trips.usual/2 // how old the vendor's word will be when the next call gets there
	switch kind, lags := g.kind(), g.lags(t); {
	case lags:
		back = max(2, tail(g.theirs(t, blind), 0.5))
	case kind == Refill: // the last place is a race all the time
		back = max(1+int(g.pace()*float64(g.trips.usual)), tail(2*g.theirs(t, blind), 0.004))
	case kind == Sliding || !g.framed() && !g.reset.known:
		back = tail(g.theirs(t, blind), 0.5)
		if back = max(1, back); blind < 3*g.window/time.Duration(2*g.limit) {
			back = 2
		}
	default:
		risk := 0.2
		if g.rule.Kind == Unknown && g.trips.usual > g.window/60 { // a refusal is known of late, and by then the next call has gone
			risk = 0.1
		}
		back = tail(g.theirs(t, blind), risk)
		if lane == Bulk { // the places last as long as the window, so that others always find some
			back = max(back, int(float64(g.limit)*float64(ahead)/float64(g.window)))
		}
	}
	return back
}

// atOnce is how many places there can be at once.
func (g *Governor) atOnce() float64 {
	if g.refill.sure {
		return g.refill.burst
	}
	return float64(g.limit)
}

// scoutFrom is the limit from which one place may be kept for the end of a window.
const scoutFrom = 20

// scouting tells whether the last place is kept for a scout: in the first window and every other one after it, and only where that turns nobody away.
func (g *Governor) scouting(t, ahead time.Duration) bool {
	if !g.heard || g.refill.on || g.limit < scoutFrom || g.rule.Patience > 0 && ahead > g.rule.Patience/2 {
		return false
	}
	window := t / g.window
	return window == 0 || window%2 == 1
}

// scouts tells whether it is time for the scout, who goes shortly before places come back.
func (g *Governor) scouts(ahead time.Duration) bool {
	if g.framed() || g.kind() == Sliding {
		return ahead <= max(2*g.trips.usual, g.window/64)
	}
	return ahead <= 2*g.trips.usual
}

// ahead is how long it takes until places come back, for some calls at least.
func (g *Governor) ahead(t time.Duration) time.Duration {
	ahead := g.windowLasts(t)
	if at, ok := g.own.frees(1); ok && !g.framed() && (ahead < 0 || at-t < ahead) {
		ahead = at - t
	}
	return max(0, ahead)
}

// windowLasts is how long the vendor's present window lasts at least; below 0 where none is known.
func (g *Governor) windowLasts(t time.Duration) time.Duration {
	switch {
	case g.lies() && g.frame.open && g.frame.end != never:
		return max(0, g.frame.low-t)
	case g.reset.known && g.kind() != Sliding && g.kind() != Refill:
		return max(0, g.reset.low-t)
	}
	return -1
}

// tail is the smallest m for which more than m happen with a chance of risk at most, if mean happen on average.
func tail(mean, risk float64) int {
	if mean <= 0 {
		return 0
	}
	p := math.Exp(-mean)
	sum := p
	m := 0
	for 1-sum > risk && m < 1000 {
		m++
		p *= mean / float64(m)
		sum += p
	}
	return m
}
