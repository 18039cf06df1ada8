package shadow

import (
	"math"
	"time"
)

// left is how many calls may go as things stand, by the best of the models that hold for this vendor. Each is a lower bound of what
// the vendor has left, so that the largest is one too.
func (g *Governor) left(t time.Duration) int {
	switch {
	case g.rule.Concurrent > 0:
		return g.limit - g.out
	case g.limit == 0 || g.rule.Shared:
		return math.MaxInt32
	}
	best := math.MinInt32
	if g.logs(t) {
		best = g.limit - g.out - g.own.taken - g.strangers.taken
		if g.told.ok && !g.refill.on && t-g.told.at < g.window {
			best = min(best, g.told.cap(g.seq, g.freed))
		}
		switch {
		case g.refill.on:
			best = min(best, g.refill.calls())
		case g.doubtT > t && g.told.ok && g.out > 0: // only one at a time, beyond what the vendor has said
			best = min(best, 0)
		}
	}
	if g.lies() && (g.frame.open || g.rule.Kind == FirstCall) {
		best = max(best, g.frame.left(g.limit))
	}
	if g.told.ok {
		best = max(best, min(g.told.left(g.seq), g.limit-g.out))
	}
	if opened := g.opened(t); opened > g.seq {
		best = max(best, int(opened-g.seq))
	}
	if g.refill.sure {
		best = max(best, g.refill.calls())
	}
	if best == math.MinInt32 { // nothing is known but a limit
		best = g.limit - g.out
	}
	return best
}

// logs tells whether the log of the last window says how many may go. It does once it holds a whole window. Of a bucket that is configured
// it says less than is so; and where others call too, the vendor's word says more.
func (g *Governor) logs(t time.Duration) bool {
	return g.window > 0 && !g.refill.sure && t >= g.wholeT && !g.racing(t)
}

// opened is the number of the last call that may go into a window that is open though no answer has said so yet: the limiter has shown that
// it has windows, its reset has passed, no call can be counted on either side, and nobody else is there to take of the new one. That is
// half of it, so that a limiter that has changed refuses no more than that; one answer gives the rest. It is 0 when no window is open so.
func (g *Governor) opened(t time.Duration) int64 {
	switch {
	case !g.signs.windows(g) || !g.reset.known || t < g.reset.due() || g.refusal.streak > 0 || g.others.there():
		return 0
	case g.reset.probes >= g.reset.due():
		return g.reset.upTo
	case g.out == 0 && g.settledT <= g.reset.low:
		return g.seq + int64((g.limit+1)/2)
	}
	return 0
}

// racing tells whether others call too in a window that ends for all at once, and the vendor's word is fresh enough to go by.
func (g *Governor) racing(t time.Duration) bool {
	return g.framed() && g.sharing(t)
}

// Next says when the next call of a lane may go: now or before, a later time at which to ask again, or a far future (Never) when it depends on
// an answer that is still out.
func (g *Governor) Next(now time.Time, lane Lane) time.Time {
	t := g.at(now)
	g.expire(t)
	at := g.next(t, lane)
	if at <= t && g.spaced(t, lane) {
		if missing := 1 - g.spacing[lane].TokensAt(now); missing > 0 {
			return now.Add(time.Duration(math.Ceil(missing / float64(g.spacing[lane].Limit()) * float64(time.Second))))
		}
	}
	return g.time(at)
}

func (g *Governor) next(t time.Duration, lane Lane) time.Duration {
	switch {
	case g.refusal.shutT > t:
		return g.refusal.shutT
	case g.rule.Concurrent > 0:
		if g.out < g.limit {
			return t
		}
		return never
	case g.alone(t):
		return g.aloneT
	case g.limit == 0 || g.rule.Shared:
		return t
	case g.slow():
		return never
	}
	need := 1 + g.hold(t, lane)
	if g.left(t)+g.soon(t) >= need {
		return max(t, min(g.turn(t, lane), t+longestLook))
	}
	next := max(g.change(t, need), g.turn(t, lane))
	if look := g.look(t); look < next {
		next = look
	}
	if g.out == 0 { // a window after the last answer, all that was counted is over whatever the kind
		window := g.window
		if window == 0 {
			window = max(g.reset.length, assumedWindow)
		}
		next = min(next, g.settledT+window)
	}
	// What is held back shrinks with time, and what was found out is forgotten with time: it is worth asking again before a place comes free.
	again := max(g.window, time.Second) / 256
	if g.left(t) < 1 {
		again *= 16
	}
	return max(min(next, t+min(again, longestLook)), t)
}

// longestLook is how long who waits goes without asking again.
const longestLook = 5 * time.Second

// alone tells whether the others wait for what the first call's answer says.
func (g *Governor) alone(t time.Duration) bool { return !g.known && g.out > 0 && g.aloneT > t }

// slow tells whether calls go a few at a time, because nobody has said what is left and a whole window has not been tried yet: a small
// bucket would refuse all that are out when it is empty.
func (g *Governor) slow() bool {
	if g.heard || g.rule.Kind != Unknown || g.refill.on || g.answered >= int64(g.limit) || g.window == 0 {
		return false
	}
	few := 2 + int(min(2*g.pace()*float64(g.trips.usual), 1<<20))
	return g.out >= max(few, 1)
}

// change is when need places will be there by a model that tells it; never when none does.
func (g *Governor) change(t time.Duration, need int) time.Duration {
	next := never
	if g.logs(t) {
		short := need + g.out + g.own.taken + g.strangers.taken - g.limit
		stale := g.told.at + g.window
		if g.told.ok && !g.refill.on && t < stale {
			next = min(g.logFrees(max(short, need-g.told.cap(g.seq, g.freed))), max(stale, g.logFrees(short)))
		} else {
			next = g.logFrees(short)
		}
		if !g.refill.on && g.doubtT > t && g.told.ok && g.out > 0 {
			next = g.doubtT
		}
		if g.refill.on {
			next = min(max(next, g.refill.frees(g, float64(need))), g.refill.calm+g.window+1) // when it is trusted with more, look again
		}
	}
	if !g.logs(t) && !g.refill.sure && g.window > 0 {
		next = g.wholeT
		if g.racing(t) { // until the vendor's word is too old
			next = max(next, g.told.at+g.window)
		}
	}
	if g.lies() && g.frame.open && g.frame.end != never && g.frame.late+g.out+need <= g.limit {
		next = min(next, g.frame.end)
	}
	if g.refill.sure {
		next = min(next, g.refill.frees(g, float64(need)))
	}
	return next
}

// logFrees is when short places of the log will be free.
func (g *Governor) logFrees(short int) time.Duration {
	switch {
	case short <= 0:
		return 0
	case short > g.own.taken+g.strangers.taken:
		return never
	case g.strangers.taken == 0:
		at, _ := g.own.frees(short)
		return at
	}
	at := time.Duration(0)
	for ours, theirs := 0, 0; short > 0; {
		next := g.own.grain(ours)
		if other := g.strangers.grain(theirs); other.free < next.free {
			next = other
			theirs++
		} else {
			ours++
		}
		at = next.free
		short -= next.calls
	}
	return at
}

// unexplained tells whether our own calls are too few to have spent the limit.
func (g *Governor) unexplained() bool {
	return g.limit-g.own.taken-g.out >= max(3, g.limit/10)
}

// looksAtReset tells whether the reset that the last answer named is worth a look when it passes: no look has been taken yet, and no frame
// of ours says more.
func (g *Governor) looksAtReset() bool {
	if !g.reset.known || g.kind() == Sliding || g.told.seq != g.seq {
		return false
	}
	placed := g.lies() && g.frame.open
	return !placed && (g.reset.probes < g.reset.up || g.reset.probes == 0)
}

// look is when one call may go alone to see, though no model has a place: the vendor's reset has passed, or a bucket that holds less than
// its limit may have refilled.
func (g *Governor) look(t time.Duration) time.Duration {
	if g.out > 0 {
		return never
	}
	at := never
	if g.looksAtReset() {
		at = max(t, g.reset.due())
	}
	if g.window == 0 && !g.reset.known {
		at = min(at, g.told.at+assumedWindow)
	}
	if g.heard && g.reset.length < g.window/2 && g.kind() == Unknown && g.window > 0 && g.unexplained() {
		wait := time.Duration(2 / g.pace())
		at = min(at, max(g.told.at+wait, g.refill.tried+g.refill.pause))
	}
	return at
}
