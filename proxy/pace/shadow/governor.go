// Package shadow models one limiter at a vendor from our own calls and from what their answers say, so that every permitted call goes and
// none is refused. Package pace queues callers before it and asks it when the next may go. A Governor is pure: it holds no lock, starts
// no timer and never asks for the time. Nothing here knows HTTP.
//
// # Models
//
// Several models run side by side. Each gives a lower bound of what the vendor has left, so that the largest holds:
//
//	log     places.go  each call takes one of Limit places from its sending until one window after its ANSWER, an upper bound of when
//	                   the vendor counted it. At most Limit calls in any span of the window is what a fixed window, a sliding log
//	                   and a bucket of that size all permit: no agreed clock and no knowledge of the kind is needed
//	told    told.go    the vendor's Remaining, counted in call numbers: after an answer that says that r are left, the calls up to
//	                   number n+r-k may go, k having been out when it was sent. It opens a new window as soon as one answer is seen
//	frame   frame.go   where the configuration says how windows lie, a bracket of the present one's end: all places are back at its
//	                   upper end; what may have been counted on either side counts on both
//	refill  refill.go  a bucket that refills evenly, configured or found out
//
// and some say less than those, where they would be too bold: the vendor's last word caps the log, places are held back for others at the
// vendor and for more urgent lanes (hold.go), and spacing (spacing.go) makes a window's places last where callers have little patience.
//
// # States
//
//	cold      nothing is known: one call goes alone, its answer tells what is left; if it takes too long, others follow
//	trying    nobody has said what is left yet: a few calls at a time until a whole window has been tried (next.go, slow)
//	free      the first answer named no limit and none is configured: nothing is held back
//	counting  the models count; of what kind the limiter is they need not agree upon
//	looking   no model has a place, but the vendor's reset has passed: one call goes alone to see; after one that came too early, the
//	          next look waits 1.5, 3, 6 s longer (reset.go). Where it did so three times in a row, nobody else is there and no call
//	          can have been counted on either side, half of a window's go at once (next.go, opened)
//	sharing   somebody else spends: Remaining fell by more than our own calls. The places that are left are made to last for the
//	          window, so that others find some, until nobody has been seen for a while (others.go, hold.go); over a long round
//	          trip calls then go evenly (lag.go)
//	shut      the vendor refused: nothing goes before it said, or before a pause that doubles with each refusal in a row (refusal.go)
//
// cold → trying | counting | free by the first answer; counting → looking when the places are spent; any → sharing by a lower word than our
// calls explain, and back when it fades; any → shut by a refusal; shut → cold, by time.
//
// # Kinds
//
// What kind of limiter it is (Kind) is configured or found out: a call of ours that must still be in a sliding span and is no longer counted
// shows a fixed window; a reset that creeps while all calls are still counted, a sliding log (signs.go); places that come back while
// nothing has left the window, or a refusal while places should have been left, a bucket or a sliding counter, before which calls then go
// at an even pace (answer.go, refusal.go). Being wrong about the kind costs some places or a refusal, and never more than half a
// limit once, when a limiter that had shown windows time and again has changed: the log stays.
package shadow

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// ResetSlack is how much later than the vendor's whole seconds its window may really end: Date and Reset are each cut or
// rounded to a second, so their difference is off by up to one.
const ResetSlack = 1100 * time.Millisecond

// aloneFor is how long the first call of a cold governor may keep the others waiting for its answer.
const aloneFor = 2 * time.Second

// longestShut bounds what a vendor's reset or Retry-After can shut: a date that is wrong by years must heal by itself. After it one
// call goes and tells how things stand.
const longestShut = time.Hour

// What a vendor or a file says of limits is taken within these bounds.
const (
	mostCalls      = 1_000_000_000
	shortestWindow = time.Millisecond
	longestWindow  = 366 * 24 * time.Hour
)

// assumedWindow is when a limit comes back of which the vendor says what is left and never when it resets.
const assumedWindow = time.Minute

// Governor models one limiter at a vendor. The caller serialises its methods and passes a time that never runs back.
type Governor struct {
	rule   Rule
	base   time.Time // what all times in here count from
	limit  int       // calls per window in force; 0 = nothing is limited, as far as is known
	window time.Duration
	named  bool          // the vendor has named the window
	wholeT time.Duration // from then on the log has all calls of a window
	units  units

	seq      int64 // number of the call that was sent last
	out      int   // calls sent and not yet answered
	answered int64 // calls that are no longer out
	known    bool  // an answer has been seen since the start or the last refusal
	freed    int64 // places of the log that have come free
	heard    bool  // an answer has said what is left
	aloneT   time.Duration

	own       places // our calls of the last window
	strangers places // calls of others that Remaining gave away
	told      told
	frame     frame
	signs     signs
	refill    refill
	reset     reset
	lastT     time.Duration // when the last call went
	settledT  time.Duration // when a call was last answered or lost
	doubtT    time.Duration // until then the log alone is not believed: the vendor has said less than it
	others    others
	robbed    bool        // the answer that is being read is a refusal of a call that the vendor had said may go: somebody else went
	turned    bool        // the answer that is being read belongs to another window than the one before
	urgent    [Bulk]pulse // calls of the lanes above bulk
	trips     trips
	refusal   refusal
	spacing   [Lanes]*rate.Limiter // nil: calls go as soon as there is a place
	restT     time.Duration        // spacing rests until then
}

// New returns the model of a limiter that has room for rule.Limit calls now.
func New(rule Rule) *Governor {
	g := &Governor{rule: rule, limit: rule.Limit, window: rule.Window}
	if rule.Concurrent > 0 {
		g.limit = rule.Concurrent
	}
	if rule.Kind == Refill {
		g.refill.configure(rule)
	}
	g.space(time.Time{})
	return g
}

// never is a time that only an answer can bring nearer.
const never = time.Duration(math.MaxInt64)

var neverTime = time.Unix(1<<40, 0)

// Never tells whether a time that Next returned depends on an answer that is still out.
func Never(at time.Time) bool { return at.Equal(neverTime) }

// at is now as the governor counts it.
func (g *Governor) at(now time.Time) time.Duration {
	if g.base.IsZero() {
		g.base = now
	}
	return now.Sub(g.base)
}

func (g *Governor) time(t time.Duration) time.Time {
	if t == never {
		return neverTime
	}
	return g.base.Add(t)
}

// Limit is the limit in force in calls per window, 0 when none is known.
func (g *Governor) Limit() int { return g.limit }

// Send takes a place for a call that goes now.
func (g *Governor) Send(now time.Time, lane Lane) Sent {
	t := g.at(now)
	g.expire(t)
	if !g.known && g.out == 0 {
		g.aloneT = t + max(aloneFor, 2*g.trips.usual)
	}
	left, opened := g.left(t), g.opened(t)
	switch seen := g.reset.known && t >= g.reset.due(); {
	case seen && (left <= 0 || opened > g.seq):
		if g.reset.probes < g.reset.due() {
			g.reset.upTo = opened
		}
		g.reset.probed(t)
	case left <= 0:
		g.refill.look(t, g.window)
	}
	g.frame.send(g, t)
	g.refill.send(g, t)
	g.seq++
	g.lastT = t
	sent := Sent{at: t, seq: g.seq, out: int32(g.out), answered: g.answered, freed: g.freed, promise: int32(left - 1), lane: lane}
	g.out++
	if lane < Bulk {
		g.urgent[lane].beat(t, 1, g.pulseTime())
	}
	g.spend(now, lane)
	return sent
}

// Unsend gives back the place of a call that never reached the vendor.
func (g *Governor) Unsend(now time.Time, sent Sent) {
	g.out--
	g.told.upTo++
	g.told.most++
	g.frame.unsend(sent)
	g.refill.unsend()
	if sent.lane < Bulk {
		g.urgent[sent.lane].beat(g.at(now), -1, g.pulseTime())
	}
}

// Lost ends a call that was sent and never answered: the vendor may have counted it, up to now.
func (g *Governor) Lost(now time.Time, sent Sent) {
	t := g.at(now)
	g.expire(t)
	g.settle(t, sent, false)
}

// settle moves a call from out to the log. One that was refused took no place, as far as is known of fixed windows; other limiters may count
// it all the same.
func (g *Governor) settle(t time.Duration, sent Sent, refused bool) {
	g.out--
	g.answered++
	g.settledT = t
	if !refused {
		g.frame.answer(g, t, sent)
	}
	g.refill.answer(g, t)
	took := !refused || !g.framing()
	if g.window > 0 && took {
		g.own.add(t+g.window-g.trips.half(g.window), 1, g.window/grainsPerWindow)
	}
}

// expire drops what time has made void.
func (g *Governor) expire(t time.Duration) {
	g.freed += int64(g.own.expire(t) + g.strangers.expire(t))
	g.frame.roll(g, t)
	g.refill.advance(g, t)
	if memory := g.pulseTime(); t-g.others.at > memory/32 {
		g.others.fade(t, memory)
	}
}

// pulseTime is over how long rates of calls are averaged.
func (g *Governor) pulseTime() time.Duration {
	return max(2*g.window, 10*time.Second)
}
