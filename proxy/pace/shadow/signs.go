package shadow

// signs are what answers have shown of how an unknown limiter counts. A call of ours that is surely still in the span of a sliding window
// and that the vendor no longer counts is a sign of fixed windows; one that is still counted though the reset has passed, of a
// sliding one.
type signs struct {
	fixed, sliding int
	crept          bool // its reset is a little later than the one before, as no window's is
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
