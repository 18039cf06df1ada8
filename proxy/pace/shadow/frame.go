package shadow

import "time"

// frame is a fixed window of which the configuration says how it lies: opened by its first call, or on a grid. All that is known of its
// end is a bracket; a call that may have been counted on either side counts on both.
type frame struct {
	open    bool
	start   time.Duration // from when calls surely belong to it
	low     time.Duration // it does not end before
	end     time.Duration // it has ended by then; never = its first answer is out
	count   int           // our calls in it
	late    int           // of those, answered after low
	foreign int           // calls of others in it
	doubts  int           // refusals that it did not foresee
}

// trusted tells whether the frame is believed. Two refusals that it did not foresee are too many.
func (f *frame) trusted() bool { return f.doubts < 2 }

// framing tells whether frames are how this vendor counts.
func (g *Governor) framing() bool {
	switch g.rule.Kind {
	case FirstCall, Fixed, Clock:
		return g.window > 0 && g.frame.trusted()
	}
	return false
}

// lies tells whether our frames lie where the vendor's windows do: one that the first call opens is not ours to place while others call
// too.
func (g *Governor) lies() bool {
	return g.framing() && (g.rule.Kind != FirstCall || !g.others.there())
}

// left is how many calls the frame has room for.
func (f *frame) left(limit int) int { return limit - f.count - f.foreign }

// roll ends a frame whose time is over. On a grid the next one follows at once.
func (f *frame) roll(g *Governor, t time.Duration) {
	if !f.open || f.end > t || !g.framing() {
		return
	}
	f.count, f.late, f.foreign = f.late+g.out, 0, 0
	switch g.rule.Kind {
	case FirstCall:
		f.open = false
	default:
		ended := (t - f.end).Truncate(g.window) // of windows that went by unseen
		f.start = f.end + ended
		f.low += ended + g.window
		f.end += ended + g.window
		if ended > 0 {
			f.count = g.out
		}
	}
}

func (f *frame) send(g *Governor, t time.Duration) {
	if !g.framing() {
		return
	}
	if !f.open && g.rule.Kind == FirstCall {
		low := t + g.window
		if f.count > 0 { // one of those may have opened it before us, though not before the last one's end
			low = min(low, f.low+g.window)
		}
		f.open, f.start, f.low, f.end = true, t, low, never
	}
	f.count++
}

func (f *frame) unsend(sent Sent) {
	if f.count > 0 && sent.at >= f.start {
		f.count--
	}
}

// refuse takes a call back out of the frame. A window that the first call opens is not open for all we know if that call was refused.
func (f *frame) refuse(sent Sent) {
	f.unsend(sent)
	if f.count == 0 {
		f.open = f.open && f.end != never
	}
}

func (f *frame) answer(g *Governor, t time.Duration, sent Sent) {
	if !f.open || !g.framing() {
		return
	}
	if g.rule.Kind == FirstCall && sent.at >= f.start {
		f.end = min(f.end, t-g.trips.half(g.window)+g.window)
	}
	if t >= f.low {
		f.late++
	}
}

// hear holds an answer's Remaining against the frame: what it lacks is calls of others.
func (f *frame) hear(g *Governor, sent Sent, r int) {
	if f.open && g.framing() && sent.at >= f.start {
		f.foreign = max(f.foreign, g.limit-r-f.count)
	}
}

// place lays the frame where an answer's reset says.
func (f *frame) place(g *Governor, t time.Duration) {
	switch {
	case g.rule.Kind != Fixed && g.rule.Kind != Clock || !g.framing() || !g.reset.known:
	case !f.open:
		f.open = true
		f.start, f.low, f.end = t, g.reset.low, g.reset.up
		f.count = g.own.taken + g.out
	default: // the reset may be that of another window of the grid
		apart := (f.end - g.reset.up).Round(g.window)
		f.low = max(f.low, g.reset.low+apart)
		if up := g.reset.up + apart; up > t {
			f.end = min(f.end, max(up, f.low))
		}
	}
}
