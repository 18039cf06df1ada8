package shadow

import "time"

// Answer ends a call by its answer and takes in what it says.
func (g *Governor) Answer(now time.Time, _ Sent, r Report) {
	g.expire(now)
	g.settle(now, r.HasRemaining)
	first := !g.known
	g.known = true
	r.ResetAfter, r.RetryAfter = min(r.ResetAfter, longestShut), min(r.RetryAfter, longestShut)
	if r.HasReset {
		g.longest = max(g.longest, r.ResetAfter)
		g.resetT = now.Add(r.ResetAfter + ResetSlack)
	}
	if r.HasRemaining && r.Limit > 0 {
		if !r.HasReset && g.resetT.IsZero() {
			g.resetT = now.Add(assumedWindow)
		}
		g.learn(now, r)
		g.space(now)
		g.reconcile(now, r, first)
	}
	if r.Refused {
		g.shut(now, r)
		return
	}
	g.refusals = 0
}

// learn takes over a limit that is not configured, or that the vendor has changed: its word beats ours.
func (g *Governor) learn(now time.Time, r Report) {
	g.limit = r.Limit
	if g.rule.Limit > 0 && g.rule.Limit < r.Limit {
		g.limit = g.rule.Limit // a configured ceiling below the vendor's stays
	}
	if g.window == 0 && r.Window > 0 {
		g.window = r.Window
		g.log = append(g.log, now.Add(g.window))
	}
}

// reconcile holds Remaining against the places.
func (g *Governor) reconcile(now time.Time, r Report, first bool) {
	if g.window == 0 {
		// Calls that are out may or may not be counted in Remaining: assume not. Answers may overtake each other, so that after
		// the first word of a window only a lower one counts.
		if first || r.Remaining < g.budget {
			g.budget = r.Remaining
		}
		return
	}
	// Of the calls that are out or in the log, the vendor may count all in its present window, or this one alone. A configured
	// limit below the vendor's leaves the difference to others.
	spent := g.limit - r.Remaining
	least, most := spent-len(g.log)-g.out, spent-1
	others := max(min(g.phantoms, most), least, 0)
	if others > g.phantoms {
		g.phantomT = now.Add(g.window)
		if r.HasReset {
			g.phantomT = g.resetT
		}
	}
	g.phantoms = others
}

// shut closes the gate after a refusal.
func (g *Governor) shut(now time.Time, r Report) {
	pause := min(refusedPause<<min(g.refusals, 4), refusedPauseMax)
	switch {
	case r.RetryAfter > 0:
		pause = r.RetryAfter
	case r.HasReset:
		pause = r.ResetAfter + ResetSlack
	}
	g.refusals++
	if until := now.Add(pause); until.After(g.shutT) {
		g.shutT = until
	}
	g.known = false // the next call goes alone
}

// expire drops what time has made void.
func (g *Governor) expire(now time.Time) {
	n := 0
	for n < len(g.log) && !g.log[n].After(now) {
		n++
	}
	g.log = g.log[n:] // append moves the rest to a new array now and then, so that this costs O(1) a call
	if g.phantoms > 0 && !g.phantomT.After(now) {
		g.phantoms = 0
	}
	if g.window == 0 && !g.resetT.IsZero() && !g.resetT.After(now) {
		g.budget = g.limit
		g.resetT = time.Time{}
		g.known = false
	}
}
