package shadow

import (
	"fmt"
	"time"
)

// State is a governor at one moment, for pages and metrics.
type State struct {
	Kind       Kind          // as configured or found out
	Configured bool          // Kind is configured
	Limit      int           // calls per window; calls at once when Concurrent; 0 = none known
	Window     time.Duration // 0 = not known
	Concurrent bool
	Left       int           // calls that may go at once, as far as is known; -1 when nothing is limited
	Out        int           // calls under way
	Reset      time.Duration // until the window ends; 0 = not known or passed
	Shut       time.Duration // until calls may go again after a refusal; 0 = not shut
	Others     float64       // calls of others per window
	Trip       time.Duration // usual round trip
}

// State tells how things stand.
func (g *Governor) State(now time.Time) State {
	t := g.at(now)
	g.expire(t)
	s := State{
		Kind: g.kind(), Configured: g.rule.Kind != Unknown, Limit: g.limit, Window: g.window, Concurrent: g.rule.Concurrent > 0,
		Left: -1, Out: g.out, Shut: max(0, g.refusal.shutT-t), Others: g.theirs(t, g.window), Trip: g.trips.usual,
	}
	if g.limit > 0 && !g.rule.Shared {
		s.Left = max(0, g.left(t))
	}
	if g.reset.known && g.reset.up > t {
		s.Reset = g.reset.up - t
	}
	if g.lies() && g.frame.open && g.frame.end != never && g.frame.end > t {
		s.Reset = g.frame.end - t
	}
	return s
}

// Window is how long the vendor counts, as configured or learned; 0 when it is not known.
func (g *Governor) Window() time.Duration { return g.window }

// Why says in words why the next call of a lane waits, and "" when it would not.
func (g *Governor) Why(now time.Time, lane Lane) string {
	t := g.at(now)
	g.expire(t)
	at := g.next(t, lane)
	switch {
	case g.refusal.shutT > t:
		return fmt.Sprintf("the vendor has refused a call and asks to wait for %s", short(g.refusal.shutT-t))
	case g.rule.Concurrent > 0 && at > t:
		return fmt.Sprintf("%d calls are under way, as many as the vendor permits at once", g.out)
	case g.alone(t):
		return "the first call is out alone; its answer tells what is left"
	case g.limit > 0 && g.slow():
		return "nobody has said what is left, so calls go a few at a time until a whole window has been tried"
	case at > t && g.left(t) <= 0 && at == never:
		return "all places are taken; the next answer tells when one comes free"
	case at > t && g.left(t) <= 0:
		if g.window == 0 {
			return fmt.Sprintf("all %d places are taken; it is worth a look in %s", g.limit, short(at-t))
		}
		return fmt.Sprintf("all %d places of %s are taken; one comes free in %s", g.limit, short(g.window), short(g.unspaced(t, lane, 0)))
	case at > t && g.others.there():
		return fmt.Sprintf("%d places are left and kept for others, who make %.0f calls per window", g.left(t), g.theirs(t, g.window))
	case at > t:
		return fmt.Sprintf("%d places are left and kept for calls of more urgent lanes and for the end of the window", g.left(t))
	case g.spaced(t, lane) && g.spacing[lane].TokensAt(now) < 1:
		return "calls are spaced evenly, so that no caller has to wait for the end of the window"
	}
	return ""
}

// short rounds a time for people.
func short(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
