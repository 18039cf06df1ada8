package shadow

import "time"

// Where a round trip takes longer than it takes for a place to come free, the vendor's word is several calls old whenever it comes. Who
// shares a limit that frees place by place with others then goes evenly, at the pace that they leave, but not at less than half the
// limit's, or both would give way to each other for ever; others are counted by the places of the log that are theirs, one place more is
// kept, and what comes free while a call is on its way is its to take.

// lags tells whether that is so.
func (g *Governor) lags(t time.Duration) bool {
	likeLog := g.kind() == Sliding || g.refill.on && !g.refill.sure && g.signs.uneven >= enoughSigns
	return likeLog && g.limit > 0 && g.trips.usual > g.window/time.Duration(g.limit) && g.sharing(t)
}

// soon is how many places come free before a call that is sent now gets there.
func (g *Governor) soon(t time.Duration) int {
	if !g.lags(t) {
		return 0
	}
	there := t + g.trips.half(g.window)
	return g.own.taken - g.own.until(there) + g.strangers.taken - g.strangers.until(there)
}

// turn is when the next bulk call may go where others call too and no window ends for all at once: evenly, so that places come free
// evenly and others find some at any time; a little faster than the limit, or than what others leave of it, to make up for pauses.
func (g *Governor) turn(t time.Duration, lane Lane) time.Duration {
	switch lags := g.lags(t); {
	case lane != Bulk || g.window <= 0 || g.framed() || !g.sharing(t):
		return 0
	case lags:
		return g.lastT + time.Duration(0.93*float64(g.window)/max(float64(g.limit)/2, float64(g.limit)-g.theirs(t, g.window)))
	case g.kind() == Refill:
		return 0
	}
	return g.lastT + g.window*19/time.Duration(20*g.limit)
}
