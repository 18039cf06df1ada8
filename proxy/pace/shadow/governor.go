// Package shadow models one limiter at a vendor from our own calls and from what their answers say, so that the vendor never has to refuse
// one. Governor is pure: it holds no lock, starts no timer and never asks for the time. Package pace queues callers before it.
// Nothing here knows HTTP.
//
// # The governor's states
//
//	cold      nothing is known yet: one call goes alone, its answer tells what is left; if it takes too long, others follow
//	free      the first answer named no limit and none is configured: nothing is held back
//	counting  a limit and its window are known: a call occupies one of Limit places from its sending until one window after
//	          its ANSWER came, an upper bound of when the vendor counted it. At most Limit calls in any span of the window is
//	          what a fixed window, a sliding log and a bucket of that size all permit
//	told      a limit is known but not its window: Remaining and Reset of the latest answer are the budget. A vendor that names
//	          no reset is believed to have one a minute from now
//	shut      the vendor refused: nothing goes before it said, or before a pause that doubles with each refusal in a row
//
// cold → free | counting | told by the first answer; told → counting when an answer names the length of the window; told → cold at
// the reset; any → shut by a refusal; shut → what it was, by time. In counting, Remaining below what the places say means that
// somebody else spends: phantom calls are logged until the vendor's reset; Remaining above it takes phantoms back, never own calls.
//
// # Spacing
//
// A window's places taken in one burst leave the next caller waiting for the rest of the window, and one whose patience is shorter
// would be turned away though the vendor permits a call a second. So beyond a burst that half the callers' patience makes up
// for, calls are spaced evenly over the window: the same number of calls, and no gap that outlasts patience. Spacing itself turns
// nobody away: when a caller could not wait for his spaced turn but there is a place, spacing rests for a window.
package shadow

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Rule is a limit as configured: at most Limit calls in Window. The zero Rule is a limit that must be learned.
type Rule struct {
	Limit    int
	Window   time.Duration
	Spread   bool          // space calls evenly over the window
	Patience time.Duration // how long callers wait at most; 0 = as long as it takes
}

// Report is what an answer said of a limit, in the terms of the vendor's own clock.
type Report struct {
	Refused      bool          // the vendor refused this call: it did nothing
	HasRemaining bool          // Limit and Remaining were in the answer
	Limit        int           // calls per window
	Remaining    int           // calls left in the present one
	HasReset     bool          // ResetAfter was in the answer
	ResetAfter   time.Duration // from the answer's Date to the reset
	Window       time.Duration // length of the window, when the answer names it; 0 = not said
	RetryAfter   time.Duration // 0 = not said
}

// ResetSlack is how much later than the vendor's whole seconds its window may really end: Date and Reset are each cut or
// rounded to a second, so their difference is off by up to one.
const ResetSlack = 1100 * time.Millisecond

// aloneFor is how long the first call of a cold governor may keep the others waiting for its answer.
const aloneFor = 2 * time.Second

// longestShut bounds what a vendor's reset or Retry-After can shut: a date that is wrong by years must heal by itself. After it one
// call goes and tells how things stand.
const longestShut = time.Hour

// assumedWindow is when a limit comes back of which the vendor says what is left and never when it resets (Freshservice: per
// minute).
const assumedWindow = time.Minute

const (
	refusedPause    = 5 * time.Second // TeamDynamix: wait at least 5 s (About Rate Limiting)
	refusedPauseMax = time.Minute
)

// Governor models one limiter at a vendor. The caller serialises its methods and passes a time that never runs back.
type Governor struct {
	rule     Rule
	known    bool          // an answer has been seen
	limit    int           // 0 = free
	window   time.Duration // 0 = told
	out      int           // calls sent and not yet answered
	log      []time.Time   // when each answered call's place is free again, ascending
	phantoms int           // places taken by others
	phantomT time.Time     // until when
	budget   int           // told: places left under the present reset
	shutT    time.Time     // shut until then
	refusals int           // in a row
	spacing  *rate.Limiter // nil: calls go as soon as there is a place
	restT    time.Time     // spacing rests until then
	aloneT   time.Time     // cold: the first call is alone until then
	longest  time.Duration // longest ResetAfter seen: the window of a limit that opens with its first call
	resetT   time.Time     // the latest reset that an answer named
}

// New returns the model of a limiter that has room for rule.Limit calls now.
func New(rule Rule) *Governor {
	g := &Governor{rule: rule, limit: rule.Limit, window: rule.Window}
	g.space(time.Time{})
	return g
}

// never is a time that only an answer can bring nearer.
var never = time.Unix(1<<40, 0)

// Never tells whether a time that Next returned depends on an answer that is still out.
func Never(at time.Time) bool { return at.Equal(never) }

// Next says when the next call may go: now or before, a later time, or a far future when it depends on an answer that is
// still out.
func (g *Governor) Next(now time.Time, _ Lane) time.Time {
	g.expire(now)
	if g.shutT.After(now) {
		return g.shutT
	}
	if g.alone(now) {
		return g.aloneT
	}
	if g.limit == 0 {
		return now
	}
	next := now
	if g.left() <= 0 {
		next = g.frees()
	}
	if g.spaced(now) && !next.Equal(never) {
		if missing := 1 - g.spacing.TokensAt(next); missing > 0 {
			next = next.Add(time.Duration(missing / float64(g.spacing.Limit()) * float64(time.Second)))
		}
	}
	return next
}

// Places says how many calls may go at once; a large number when nothing is limited.
func (g *Governor) Places(now time.Time, _ Lane) int {
	g.expire(now)
	switch {
	case g.shutT.After(now) || g.alone(now):
		return 0
	case g.limit == 0:
		return math.MaxInt32
	}
	return max(0, g.left())
}

// alone tells whether the others wait for what the first call's answer says.
func (g *Governor) alone(now time.Time) bool { return !g.known && g.out > 0 && g.aloneT.After(now) }

// Limit is the limit in force, 0 when none is known.
func (g *Governor) Limit() int { return g.limit }

func (g *Governor) left() int {
	switch {
	case g.window == 0 && g.resetT.IsZero():
		return g.limit - g.out // cold again: what was left is of a window that has ended
	case g.window == 0:
		return g.budget - g.out
	}
	return g.limit - g.out - len(g.log) - g.phantoms
}

// frees says when the first occupied place will be free.
func (g *Governor) frees() time.Time {
	if g.window == 0 {
		if g.resetT.IsZero() {
			return never
		}
		return g.resetT
	}
	// Places short of one: with calls out over the limit (it shrank) several must come free.
	short := 1 - g.left()
	next := never
	if short <= len(g.log) {
		next = g.log[short-1]
	}
	switch own := short - g.phantoms; { // the phantoms go all at once, and own calls with them
	case g.phantoms == 0 || own > len(g.log):
	case own <= 0:
		next = earlier(next, g.phantomT)
	case g.log[own-1].After(g.phantomT):
		next = earlier(next, g.log[own-1])
	default:
		next = earlier(next, g.phantomT)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Wait predicts how long a caller with ahead others before it will wait, counting a call that is out as answered now.
func (g *Governor) Wait(now time.Time, _ Lane, ahead int) time.Duration {
	wait := g.unspaced(now, ahead)
	if g.spaced(now) {
		turn := float64(ahead+1) - g.spacing.TokensAt(now)
		wait = max(wait, time.Duration(turn/float64(g.spacing.Limit())*float64(time.Second)))
	}
	return wait
}

// unspaced is Wait without spacing.
func (g *Governor) unspaced(now time.Time, ahead int) time.Duration {
	g.expire(now)
	base := time.Duration(0)
	if g.shutT.After(now) {
		base = g.shutT.Sub(now)
	} else if g.alone(now) {
		base = g.aloneT.Sub(now)
	}
	if g.limit == 0 {
		return base
	}
	window := g.window
	if window == 0 {
		window = max(g.longest, time.Second)
	}
	at := func(k int) time.Duration { // when place k (from 0) comes free, in the order of freeing
		free := max(0, g.left())
		if k < free {
			return 0
		}
		k -= free
		rounds := time.Duration(k/g.limit) * window
		k %= g.limit
		switch {
		case g.window == 0:
			return rounds + max(0, g.resetT.Sub(now))
		case k < len(g.log):
			return rounds + g.log[k].Sub(now)
		case k < len(g.log)+g.phantoms:
			return rounds + g.phantomT.Sub(now)
		}
		return rounds + window
	}
	return max(base, at(ahead))
}

// Send takes a place for a call that goes now.
func (g *Governor) Send(now time.Time, lane Lane) Sent {
	if !g.known && g.out == 0 {
		g.aloneT = now.Add(aloneFor)
	}
	g.out++
	if g.spacing != nil {
		g.spacing.AllowN(now, 1)
	}
	return Sent{at: now, lane: lane}
}

// Unsend gives back the place of a call that never reached the vendor.
func (g *Governor) Unsend(time.Time, Sent) { g.out-- }

// Lost ends a call that was sent and never answered: the vendor may have counted it, up to now.
func (g *Governor) Lost(now time.Time, _ Sent) { g.settle(now, false) }

// settle moves a call from out to the log. While only the vendor's word counts, its Remaining has this call in it already.
func (g *Governor) settle(now time.Time, told bool) {
	g.out--
	switch {
	case g.window > 0:
		g.log = append(g.log, now.Add(g.window))
	case !told && g.budget > 0:
		g.budget--
	}
}
