package lease

import "time"

// rest is how old a written pulse may be before a trade must write it again. Silence that is not longer is no gap.
const rest = time.Second

// Pulse is when a store has heard any node, by its own clock, and the gaps in it. It is the store's clock too: time since the birth of
// the store, which stands still while the machine's clock is set back.
//
// Three states follow for a bucket:
//
//	closed    until every node that lives has been heard after the birth of the store (two TTL): there may have been a store before it,
//	          whose places are known to nodes alone. Nobody gets a place; what nodes say they hold is theirs.
//	cautious  until Transit and Window after that, and likewise after the end of a gap in which nodes may have come to use their shares.
//	          Nobody gets more than a share, so that who has not been heard yet, or has died since, had one as well.
//	open      otherwise.
type Pulse struct {
	Epoch string        // the life of the store: another one whenever it begins empty
	Clock time.Time     // the machine's clock when a node was heard last
	At    time.Duration // the store's clock then
	Gaps  []Gap         // of the past, each shorter than the one before it
}

// Gap is a time in which no node was heard.
type Gap struct{ From, To time.Duration }

func (g Gap) length() time.Duration { return g.To - g.From }

// NewPulse is the pulse of a store that begins empty. The epoch is one that no store had before.
func NewPulse(epoch string, clock time.Time) Pulse { return Pulse{Epoch: epoch, Clock: clock} }

// Hear takes in that a node was heard when the machine's clock showed clock.
func (p *Pulse) Hear(clock time.Time) {
	if step := clock.Sub(p.Clock); step > 0 {
		if step > rest {
			p.gap(Gap{p.At, p.At + step})
		}
		p.At += step
	}
	p.Clock = clock
}

// Old tells, before Hear, whether a trade at clock must write the pulse. One that is younger says all that there is to say.
func (p *Pulse) Old(clock time.Time) bool {
	age := clock.Sub(p.Clock)
	return age < 0 || age >= rest
}

// gap notes a gap. Shorter ones before it say nothing more than it does.
func (p *Pulse) gap(g Gap) {
	kept := len(p.Gaps)
	for kept > 0 && p.Gaps[kept-1].length() <= g.length() {
		kept--
	}
	if p.Gaps = append(p.Gaps[:kept:kept], g); len(p.Gaps) > mostGaps { // taking a short one for a long one errs on the safe side
		p.Gaps[mostGaps-1].To = g.To
		p.Gaps = p.Gaps[:mostGaps]
	}
}

const mostGaps = 16

// heard is within what time of the store's return all nodes that live have been heard.
func (t Terms) heard() time.Duration { return 2 * t.TTL }

// closed is until when nobody gets a place.
func (p *Pulse) closed(terms Terms) time.Duration { return terms.heard() }

// cautious is until when nobody gets more than a share.
func (p *Pulse) cautious(terms Terms) time.Duration {
	end := time.Duration(0)
	for _, g := range p.Gaps {
		if g.length() >= max(terms.Window, terms.TTL) { // after a shorter one all nodes are heard before any is alone
			end = g.To
		}
	}
	return end + terms.heard() + terms.Transit + terms.Window
}
