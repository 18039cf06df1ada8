package shadow

import (
	"math"
	"time"
)

// Answer ends a call by its answer and takes in what it says.
func (g *Governor) Answer(now time.Time, sent Sent, r Report) {
	t := g.at(now)
	g.expire(t)
	if r.Window < shortestWindow || r.Window > longestWindow { // it means something else
		r.Window = 0
	}
	r.ResetAfter, r.RetryAfter = min(max(r.ResetAfter, 0), max(longestShut, g.window, r.Window)), min(r.RetryAfter, longestShut)
	r = g.units.calls(r, g.rule.Limit > 0)
	g.trips.add(t - sent.at)
	g.known = true
	spare := g.left(t) // what was thought to be left before this answer
	if r.HasReset && !r.Refused || r.HasReset && r.ResetAfter > 0 {
		g.signs.reset(g, sent)
		moved := g.reset.hear(t, sent.at, r.ResetAfter, g.framed() && g.window > 4*ResetSlack)
		g.turned = moved > 0 && moved >= g.window/2
		g.signs.crept = moved > 0 && !g.turned
		g.signs.stays(g)
		if g.turned {
			g.strangers.clear()
		}
	}
	g.learn(t, r)
	if r.HasRemaining && g.limit > 0 && g.rule.Concurrent == 0 && !g.rule.Shared {
		g.reconcile(t, sent, r)
	}
	if r.Refused {
		g.signs.afresh = 0
		g.frame.refuse(sent)
	}
	g.settle(t, sent, r.Refused)
	g.frame.place(g, t)
	if !r.Refused && sent.at == g.refill.tried {
		g.refill.pause = 0 // there was a place
	}
	if r.Refused {
		g.refused(t, r, spare)
		return
	}
	g.refusal.streak = 0
}

// learn takes over a limit or a window that is not configured, or that the vendor has made smaller: its word beats ours.
func (g *Governor) learn(t time.Duration, r Report) {
	if g.rule.Concurrent > 0 {
		return
	}
	if r.HasLimit && r.Limit >= 1 {
		limit := int(min(r.Limit, mostCalls))
		if g.rule.Limit > 0 && g.rule.Limit < limit {
			limit = g.rule.Limit // a configured ceiling below the vendor's stays
		}
		g.limit = limit
	}
	window := g.window
	switch {
	case g.rule.Window > 0:
	case r.Window > 0:
		window, g.named = r.Window, true
	case !g.named && g.limit > 0 && g.answered >= int64(g.limit) && g.reset.length > 0 && g.reset.length < longestShut:
		// Nobody names the window, but a whole one has been spent: it is as long as the longest time to a reset.
		window = max(window, g.reset.length+ResetSlack)
	}
	if window > g.window { // of calls before, the log knows nothing, or too short a time
		g.wholeT = t + window
	}
	if window < g.window {
		g.own.cut(t + window)
		g.strangers.cut(t + window)
	}
	g.window = window
	g.space(g.time(t))
}

// reconcile holds the vendor's word of what is left against what our own calls explain.
func (g *Governor) reconcile(t time.Duration, sent Sent, r Report) {
	left := int(min(r.Remaining, math.MaxInt32))
	if r.HasLimit && int(r.Limit) > g.limit { // a ceiling of ours: the vendor's places above it are not for us
		left -= int(r.Limit) - g.limit
	}
	first := !g.heard
	g.heard = true
	before := g.told
	taken := g.told.hear(t, sent, left)
	modelled := g.rule.Kind != Unknown || g.refill.on && g.refill.signs >= enoughSigns
	g.robbed = r.Refused && (before.ok && sent.seq <= before.upTo || modelled && sent.promise >= 0)
	g.frame.hear(g, sent, left)
	g.signs.full(g, r, left)
	g.signs.begins(g.limit-left <= int(sent.out)+1)
	if g.window > 0 && t >= g.wholeT {
		g.gainSigns(t, sent, before, left)
		g.refill.hear(g, t, sent, left)
		if g.kind() != Refill && g.compare(t, sent, left) > 0 && g.kind() == Unknown {
			g.doubtT = t + g.window
		}
	}
	if modelled || g.refill.on && t-g.refill.since > 2*g.window { // the model holds, so that what is missing is what others took
		taken = max(taken, int(sent.promise)-left)
	}
	taken = max(0, taken-int(g.seq-sent.seq)) // calls may overtake each other on the way there
	if g.robbed || r.Refused && g.refill.on && sent.promise >= 0 {
		taken++
	}
	if !first {
		g.others.hear(t, before, left, taken, g.turned && g.kind() != Sliding && g.kind() != Refill, g.pulseTime())
		g.turned = false
	}
}

// compare holds the calls that the vendor counts against ours in a sliding window, and keeps the difference as places of strangers. It
// returns how many of them are new.
func (g *Governor) compare(t time.Duration, sent Sent, left int) (fresh int) {
	used := g.limit - left
	most := g.own.taken + g.out + int(g.freed-sent.freed)
	least := max(1, g.own.until(t+2*g.trips.usual)-int(g.answered-sent.answered)+1)
	g.signs.hear(g, used, least)
	others := g.strangers.taken
	if fresh = used - most - others; fresh > 0 {
		g.strangers.add(t-g.trips.half(g.window)+g.window, fresh, g.window/grainsPerWindow)
		return fresh
	}
	if surplus := others - max(0, used-least); surplus > 0 {
		g.strangers.drop(surplus)
	}
	return 0
}

// gainSigns looks for a bucket that refills: more is left than could be, though no call of ours has left the window and no window has
// ended, and it came at about the pace of the limit.
func (g *Governor) gainSigns(t time.Duration, sent Sent, before told, left int) {
	if g.refill.on || !before.ok || sent.seq <= before.seq || sent.at-before.at > g.window/4 {
		return
	}
	gained := float64(int(sent.seq)+left-int(before.upTo)-int(sent.freed-before.freed)) - 1
	due := g.pace() * float64(sent.at-before.at)
	switch {
	case gained < 1 || due < 1:
	case gained >= 0.6*due-1 && gained <= 1.5*due+2 && g.unexplained():
		g.refill.pause = 0
		if g.refill.signs++; g.refill.signs >= 3 {
			g.refill.found(t, max(1, float64(g.own.taken+left)), float64(left))
			g.strangers.clear()
		}
	default:
		g.refill.signs = 0
	}
}
