package shadow

import "time"

// reset is when the vendor says that its window ends: a bracket, because its dates have whole seconds and a round trip takes time.
type reset struct {
	known  bool
	low    time.Duration // not before
	up     time.Duration // by then, as far as the headers tell
	at     time.Duration // when it was first heard of
	same   int           // how often it was heard of again
	probes time.Duration // when a call last went because the reset had passed
	delay  time.Duration // how much later than up the next one may: a refusal there moves it
	upTo   int64         // while probes is past the reset: number of the last call that may go into the window that had opened then
	length time.Duration // longest time from an answer to the reset that it named
}

// hear takes in that an answer to a call sent at sent named a reset after d. It returns by how much it is another one than
// before.
//
// The reset of a fixed window is one, and each answer narrows the bracket; that of another limiter moves on all the time.
func (r *reset) hear(t, sent, d time.Duration, framed bool) (moved time.Duration) {
	low, up := sent+d-ResetSlack, t+d+ResetSlack
	if d == 0 { // it may have passed a while ago
		low -= time.Minute
	}
	r.length = max(r.length, d)
	if l, u := max(r.low, low), min(r.up, up); framed && r.known && l <= u {
		r.low, r.up = l, u
		r.same++
		return 0
	}
	if framed && r.known && up < r.low && sent < r.at { // of the window before: that answer was overtaken
		return 0
	}
	r.at, r.same = t, 0
	if r.known && low > r.up {
		moved = up - r.up
		r.delay = 0
	}
	r.known, r.low, r.up = true, low, up
	return moved
}

// due is when a call may go to see whether the window has ended.
func (r *reset) due() time.Duration { return r.up + r.delay }

func (r *reset) probed(t time.Duration) { r.probes = t }

// early moves the time of the next look after one that came too early: by 1.5 s, 3 s, 6 s.
func (r *reset) early() { r.delay = min(max(1500*time.Millisecond, 2*r.delay), longestShut) }
