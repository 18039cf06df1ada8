package shadow

import (
	"math"
	"time"
)

// refill is a bucket at the vendor that refills evenly, configured or found out: it permits a burst, and then calls at a steady pace.
type refill struct {
	on    bool // it is what counts
	sure  bool // the configuration says so
	burst float64
	level float64
	at    time.Duration
	since time.Duration // when it was found out
	calm  time.Duration // since when nothing has been refused, or the burst last grew

	// Signs of a bucket that Remaining gives while nothing else explains them.
	signs int
	tried time.Duration // when a call last went to see
	pause time.Duration // how long until the next one may
}

func (b *refill) configure(rule Rule) {
	b.on, b.sure = true, true
	b.burst = float64(rule.Limit)
	if rule.Burst > 0 {
		b.burst = float64(rule.Burst)
	}
	b.level = b.burst
}

// found takes a bucket of burst with level left as how this vendor counts.
func (b *refill) found(t time.Duration, burst, level float64) {
	b.on, b.burst, b.level, b.at = true, max(1, burst), level, t
	b.calm, b.since = t, t
}

// pace is how many tokens come back in a nanosecond.
func (g *Governor) pace() float64 {
	if g.window <= 0 {
		return 0
	}
	return float64(g.limit) / float64(g.window)
}

// pace is how many tokens we count on in a nanosecond. Of a limiter that was found out to be no bucket of a whole window, but not what
// it is, a little less than the limit: an even stream at the very limit trips a sliding counter.
func (b *refill) pace(g *Governor) float64 {
	if b.sure {
		return g.pace()
	}
	return g.pace() * max(0.5, 1-1.25/float64(g.limit))
}

// look notes that a call goes to see whether a bucket has refilled. Unless it finds something, the next one waits far longer.
func (b *refill) look(t, window time.Duration) {
	b.tried = t
	b.pause = min(max(2*b.pause, window), 64*window)
}

// advance refills. What a call that is out will take is not refilled before its answer: the vendor's bucket may be full until it counts it.
func (b *refill) advance(g *Governor, t time.Duration) {
	if !b.on {
		return
	}
	if !b.sure && t-b.calm > g.window { // what was found out may have been a passing thing
		b.calm = t
		if b.burst *= 1.05; b.burst >= float64(g.limit) {
			b.on, b.signs = false, 0
			return
		}
	}
	b.level = max(b.level, min(b.burst-float64(g.out), b.level+b.pace(g)*float64(t-b.at)))
	b.at = t
}

func (b *refill) send(g *Governor, t time.Duration) {
	if b.on {
		b.advance(g, t)
		b.level--
	}
}

func (b *refill) answer(g *Governor, t time.Duration) { b.advance(g, t) }

// hear lets the vendor's word of what is left correct the level.
func (b *refill) hear(g *Governor, t time.Duration, sent Sent, left int) {
	if b.on {
		b.level = min(b.level, float64(int(sent.seq-g.seq)+left)+g.pace()*float64(t-sent.at))
		b.at = t
	}
}

func (b *refill) unsend() {
	if b.on {
		b.level = min(b.burst, b.level+1)
	}
}

// calls is how many the bucket has room for.
func (b *refill) calls() int { return int(math.Floor(b.level + 1e-9)) }

// frees is when the bucket has need tokens.
func (b *refill) frees(g *Governor, need float64) time.Duration {
	if g.pace() <= 0 || need > b.burst {
		return never
	}
	return b.at + time.Duration(math.Ceil((need-b.level)/b.pace(g)))
}
