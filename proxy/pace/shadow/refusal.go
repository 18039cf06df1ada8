package shadow

import "time"

// refusal is what the vendor's refusals did.
type refusal struct {
	shutT  time.Duration // nothing goes before
	streak int           // in a row
}

const (
	refusedPause    = 5 * time.Second // TeamDynamix: wait at least 5 s (About Rate Limiting)
	refusedPauseMax = time.Minute
)

// refused shuts after a refusal and asks what it means when places should have been left.
func (g *Governor) refused(t time.Duration, r Report, spare int) {
	first := g.refusal.streak == 0
	g.refusal.streak++
	g.known = false // the next call goes alone
	if g.reset.known && g.reset.probes > 0 && g.reset.probes >= g.reset.up && g.told.left(g.seq) <= 0 {
		g.reset.early()
		g.signs.early = true
	}
	if first {
		g.surprise(t, r, spare)
	}
	if g.raced(t, r) {
		g.known = true
		return
	}
	pause := min(refusedPause<<min(g.refusal.streak-1, 4), refusedPauseMax)
	switch {
	case r.RetryAfter > 0:
		pause = r.RetryAfter
	case g.refill.on && g.heard:
		pause = min(time.Duration(1.5/g.pace())<<min(g.refusal.streak-1, 4), refusedPauseMax)
	case r.HasReset && r.ResetAfter > 0:
		pause = g.reset.due() - t
	case r.HasReset && g.refusal.streak == 1: // it resets within this second
		pause = ResetSlack
	case g.window > 0 && pause > g.window:
		pause = g.window
	}
	pause = max(min(pause, longestShut), g.rule.Penalty)
	g.refusal.shutT = max(g.refusal.shutT, t+pause)
}

// raced tells whether a refusal is but a place that somebody else was faster to take, of which the answer says enough.
func (g *Governor) raced(t time.Duration, r Report) bool {
	return g.refusal.streak == 1 && g.lags(t) && r.HasRemaining && r.RetryAfter <= 0 && g.rule.Penalty == 0
}

// surprise draws the lesson of a refusal while spare places should have been left.
func (g *Governor) surprise(t time.Duration, r Report, spare int) {
	if g.lies() && spare > 0 && !g.others.there() {
		g.frame.doubts++
	}
	if g.limit == 0 || g.window == 0 || g.rule.Shared || g.robbed {
		return
	}
	if g.rule.Window == 0 && !g.named { // the window that we took it for was too short
		g.window = min(g.window*3/2, longestShut)
	}
	switch b := &g.refill; {
	case b.on:
		b.calm = t
		if (spare > 2 || !g.heard) && !b.sure { // in an even stream it is no burst that was too long
			b.burst = max(1, b.burst/2)
		}
		b.level = -1
	case !g.heard || g.rule.Kind == Unknown && g.others.calls < 1:
		burst := float64(g.limit) / 2
		if first, ok := g.own.frees(1); ok && spare >= g.limit/4 {
			burst = 0.8 * (float64(g.own.taken) - g.pace()*float64(t-(first-g.window)))
		}
		b.found(t, burst, -1)
	case !r.HasRemaining && spare > 0:
		g.strangers.add(t+g.window, spare, 0)
	}
}
