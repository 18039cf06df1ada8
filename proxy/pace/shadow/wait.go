package shadow

import "time"

// Wait predicts how long a caller of a lane with ahead others before it will wait, counting a call that is out as answered now.
func (g *Governor) Wait(now time.Time, lane Lane, ahead int) time.Duration {
	t := g.at(now)
	wait := g.unspaced(t, lane, ahead)
	if g.spaced(t, lane) {
		turn := float64(ahead+1) - g.spacing[lane].TokensAt(now)
		wait = max(wait, time.Duration(turn/float64(g.spacing[lane].Limit())*float64(time.Second)))
	}
	return wait
}

// unspaced is Wait without spacing.
func (g *Governor) unspaced(t time.Duration, lane Lane, ahead int) time.Duration {
	g.expire(t)
	base := time.Duration(0)
	if g.refusal.shutT > t {
		base = g.refusal.shutT - t
	} else if g.alone(t) {
		base = g.aloneT - t
	}
	switch {
	case g.rule.Concurrent > 0:
		rounds := (ahead + 1 - (g.limit - g.out) + g.limit - 1) / g.limit
		return max(base, time.Duration(max(0, rounds))*max(g.trips.usual, time.Millisecond))
	case g.limit == 0 || g.rule.Shared:
		return base
	}
	need := ahead + 1 + g.hold(t, lane)
	lasts := g.ahead(t)
	switch left := g.left(t); {
	case left > ahead && left < need && lane == Bulk && !g.sharing(t) && g.scouting(t, lasts): // the scout goes when the window ends
		return max(base, lasts)
	case left >= need || left >= ahead+1 && g.window == 0:
		return base
	case g.refill.on:
		return max(base, time.Duration((float64(need)-g.refill.level)/max(g.pace(), 1e-18)))
	}
	window := g.window
	if window == 0 {
		if window = g.reset.length; window == 0 {
			window = assumedWindow
		}
	}
	rounds, missing := time.Duration(0), min(need, ahead+1+g.limit/2)-max(0, g.left(t))
	if missing > g.limit {
		rounds = time.Duration((missing-1)/g.limit) * window
		missing = (missing-1)%g.limit + 1
	}
	return max(base, rounds+max(0, g.comeBack(t, missing, window)-t))
}

// comeBack is when so many places more than are left will be there, as far as can be told.
func (g *Governor) comeBack(t time.Duration, missing int, window time.Duration) time.Duration {
	at := never
	if g.window > 0 {
		at = g.logFrees(missing + max(0, g.left(t)) + g.out + g.own.taken + g.strangers.taken - g.limit)
		if g.out > 0 && at == never {
			at = t + g.window
		}
	}
	if g.lies() && g.frame.open && g.frame.end != never {
		at = min(at, g.frame.end)
	}
	if g.reset.known && g.reset.due() > t && (g.window == 0 || g.rule.Kind == Unknown) {
		at = min(at, g.reset.due())
	}
	if at == never {
		at = t + window
	}
	return at
}

// Places says how many calls of a lane may go at once; a large number when nothing is limited.
func (g *Governor) Places(now time.Time, lane Lane) int {
	t := g.at(now)
	g.expire(t)
	if g.refusal.shutT > t || g.alone(t) {
		return 0
	}
	return max(0, g.left(t)-g.hold(t, lane))
}
