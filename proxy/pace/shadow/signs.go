package shadow

// signs are what answers have shown of how an unknown limiter counts. A call of ours that is surely still in the span of a sliding window
// and that the vendor no longer counts is a sign of fixed windows; one that is still counted though the reset has passed, of a
// sliding one.
type signs struct {
	fixed, sliding int
	early          bool // a reset has passed once and the vendor still refused
	afresh         int  // answers in a row, to calls after a reset, that count nothing but what was sent since
	crept          bool // its reset is a little later than the one before, as no window's is
	most           int  // the most places that were ever left
	uneven         int  // its reset is nearer than that of a bucket that once held so many
	still          bool // its reset stays while calls are counted, as no bucket's does
	passed         bool // the answer that is being read was to a call sent after the reset
}

const enoughSigns = 3

// kind is how the limiter counts, as far as is known.
func (g *Governor) kind() Kind {
	switch {
	case g.rule.Kind != Unknown:
		return g.rule.Kind
	case g.refill.on:
		return Refill
	case g.signs.fixed >= enoughSigns:
		return Fixed
	case g.signs.sliding >= enoughSigns:
		return Sliding
	}
	return Unknown
}

// framed tells whether the limiter has windows that end at one time for all calls.
func (g *Governor) framed() bool {
	switch g.kind() {
	case FirstCall, Fixed, Clock:
		return true
	}
	return false
}

// stays draws the lesson of a reset that is the same as before, or is another one: a bucket's moves on with each call.
func (s *signs) stays(g *Governor) {
	switch {
	case s.crept:
		s.still = false
	case g.pace() > 0 && float64(g.reset.same) > 4*g.pace()*float64(ResetSlack+g.trips.usual):
		s.still = true
	}
}

// reset notes, before an answer's reset is taken over, whether the one that was known had passed.
func (s *signs) reset(g *Governor, sent Sent) {
	s.passed = g.reset.known && sent.at >= g.reset.up
}

// hear draws the lesson of an answer: the vendor counts used calls, and least of ours are surely in the span of a sliding window.
func (s *signs) hear(g *Governor, used, least int) {
	switch {
	case g.rule.Kind != Unknown || least < 2:
	case used < least && s.passed:
		s.fixed++
		if least-used > g.limit/4 {
			s.fixed = 2 * enoughSigns
		}
		s.fixed, s.sliding = min(s.fixed, 2*enoughSigns), 0
		if s.fixed >= enoughSigns {
			g.refill.on = false
		}
	case used >= least && (s.passed || s.crept && least >= g.limit/2) && !g.refill.on:
		s.sliding = min(s.sliding+1, 2*enoughSigns)
		s.fixed = 0
	}
	s.passed, s.crept = false, false
}

// begins notes, of an answer to a call after the reset, whether the vendor counts nothing but what has been sent since.
func (s *signs) begins(afresh bool) {
	switch {
	case s.passed && afresh:
		s.afresh = min(s.afresh+1, enoughSigns)
	case s.passed:
		s.afresh = 0
	}
}

// windows tells whether the limiter has shown over and over that all places come back when its reset has passed. A window of our own guess
// proves nothing: calls may leave a sliding one before it ends.
func (s *signs) windows(g *Governor) bool {
	return g.rule.Kind == Unknown && (g.rule.Window > 0 || g.named) && g.kind() == Fixed && s.afresh >= enoughSigns && s.still && !s.early
}

// full holds an answer's reset against when a bucket would be full again: of one that holds so many places as were once left, with left
// in it now.
func (s *signs) full(g *Governor, r Report, left int) {
	s.most = max(s.most, left)
	if !r.HasReset || r.Refused || g.pace() <= 0 {
		return
	}
	if back := g.pace() * float64(r.ResetAfter+ResetSlack); back+float64(left) < float64(s.most)/2 {
		s.uneven = min(s.uneven+1, 2*enoughSigns)
	} else {
		s.uneven = max(s.uneven-1, 0)
	}
}
