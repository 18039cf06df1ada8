package shadow

import (
	"math"
	"time"
)

// others is how often somebody else calls the vendor within the same limit: the calls of theirs that Remaining gave away, over the time
// in which there were places to take. Both fade, so that who has gone is forgotten.
type others struct {
	calls float64
	free  float64 // nanoseconds
	at    time.Duration
}

// hear takes in that taken calls of others came between the answer before, after which some were left or not, and this one. turned says
// that a window ended in between, of whose rest nothing is known.
func (o *others) hear(t time.Duration, before told, left, taken int, turned bool, memory time.Duration) {
	o.fade(t, memory)
	if turned {
		return
	}
	if before.most > before.seq || left > 0 {
		o.free += float64(t - before.at)
	}
	o.calls += float64(taken)
}

// fade lets the past count for less.
func (o *others) fade(t, memory time.Duration) {
	if o.calls == 0 && o.free == 0 {
		o.at = t
		return
	}
	fade := math.Exp(-float64(t-o.at) / float64(2*memory))
	o.at = t
	o.calls *= fade
	o.free *= fade
}

// there tells whether anybody else has been seen lately.
func (o *others) there() bool { return o.calls > 0.5 }

// per is how many of theirs come in d; most bounds their rate per nanosecond.
func (o *others) per(d, window time.Duration, most float64) float64 {
	if !o.there() {
		return 0
	}
	return min(o.calls/(o.free+float64(window)/4), most) * float64(d)
}
