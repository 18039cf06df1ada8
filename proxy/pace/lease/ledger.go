package lease

import (
	"math"
	"time"
)

// Ledger is where one node stands with one bucket. It is pure: the caller serialises its methods and passes a time that never runs back.
// It uses and settles places as calls go and are answered, and whenever Due says so takes a Trade to the store and brings the answer back
// to Granted or Failed.
type Ledger struct {
	bucket, node string
	terms        Terms
	base         time.Time // what all times in here count from

	hand  int           // places to send with
	ends  time.Duration // until then
	out   int           // calls without an answer
	spent placeLog

	strangers placeLog
	busy      busy
	trading   trading
	outage    outage
	retired   bool // no calls are expected
}

// busy is how often places are used.
type busy struct {
	rate float64 // per nanosecond, averaged over a TTL or so
	at   time.Duration
	on   bool
}

// Place is a place that a call was sent with. Whoever used it gives it back, once, to Settle or Return.
type Place struct{ at time.Duration }

// NewLedger returns the ledger of a node that holds nothing yet. node names one life of a node: a process that starts anew has another
// name.
func NewLedger(bucket, node string, terms Terms) *Ledger {
	return &Ledger{bucket: bucket, node: node, terms: terms, spent: newPlaceLog(terms), strangers: newPlaceLog(terms)}
}

func (l *Ledger) at(now time.Time) time.Duration {
	if l.base.IsZero() {
		l.base = now
	}
	t := now.Sub(l.base)
	l.spent.expire(t)
	l.strangers.expire(t)
	if l.ends <= t {
		l.hand = 0
	}
	return t
}

var neverTime = time.Unix(1<<40, 0)

// Never tells whether a time that Next or Due returned is none.
func Never(at time.Time) bool { return at.Equal(neverTime) }

func (l *Ledger) time(t time.Duration) time.Time {
	if t == never {
		return neverTime
	}
	return l.base.Add(t)
}

// Available is how many calls may go now.
func (l *Ledger) Available(now time.Time) int {
	l.at(now)
	return l.available()
}

func (l *Ledger) available() int {
	if l.outage.claimed {
		return max(0, l.terms.share()-l.out-l.spent.taken)
	}
	return l.hand
}

// Next is when a call may go if no trade brings a place before: now or before, a later time, or Never.
func (l *Ledger) Next(now time.Time) time.Time {
	switch t := l.at(now); {
	case l.available() > 0:
		return now
	case l.outage.claimed && l.terms.share() > l.out:
		return l.time(max(t, l.spent.frees(1+l.out+l.spent.taken-l.terms.share())))
	}
	return neverTime
}

// Use takes a place for a call that goes now; false when there is none.
func (l *Ledger) Use(now time.Time) (Place, bool) {
	t := l.at(now)
	if l.available() == 0 {
		return Place{}, false
	}
	if !l.outage.claimed {
		l.hand--
	}
	l.out++
	l.busy.use(t, l.terms.TTL)
	return Place{at: t}, true
}

// Settle ends a call that the vendor has answered, or may have counted: its place comes free in freeIn, though not before a window has
// passed since its sending. freeIn is the window, less what the vendor is known to count calls before their answers arrive.
func (l *Ledger) Settle(now time.Time, place Place, freeIn time.Duration) {
	t := l.at(now)
	l.out--
	l.spent.add(max(t+freeIn, place.at+l.terms.Window), 1)
	l.trading.news = true
}

// Return gives back the place of a call that never left.
func (l *Ledger) Return(now time.Time, _ Place) {
	l.at(now)
	l.out--
	l.hand++ // until it ends; a node alone counts what is out and spent
	l.trading.news = true
}

// Strangers takes in that others than Sluice seem to have taken calls places until freeIn from now: the vendor has refused a call that had
// a place. The store tells all nodes by granting them less. A place is always left, so that somebody finds out when they have gone.
func (l *Ledger) Strangers(now time.Time, calls int, freeIn time.Duration) {
	t := l.at(now)
	if calls = min(calls, l.terms.Limit-1-l.strangers.taken); calls > 0 && freeIn > 0 {
		l.strangers.add(t+min(freeIn, l.terms.Window), calls)
		l.trading.urgent = true
	}
}

func (b *busy) use(t, over time.Duration) {
	b.rate = b.per(1, t, over) + 1/float64(over)
	b.at, b.on = t, true
}

// per is how many places are used in d, as things stand at t.
func (b *busy) per(d, t, over time.Duration) float64 {
	return b.rate * math.Exp(-float64(t-b.at)/float64(over)) * float64(d)
}

// spare is how many places a node has in hand beyond those that callers wait for: none after a TTL without a call, and else what is used
// until a trade has brought more. A sixteenth of the limit bounds it, so that nobody sits on what others need.
func (l *Ledger) spare(t time.Duration) int {
	if l.retired || !l.busy.on || t-l.busy.at > l.terms.TTL {
		return 0
	}
	return min(1+int(l.busy.per(2*l.gap(), t, l.terms.TTL)), max(1, l.terms.Limit/16))
}
