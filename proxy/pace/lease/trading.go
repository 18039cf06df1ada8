package lease

import "time"

// trading is how the exchange with the store stands.
type trading struct {
	seq      uint64
	out      bool          // the trade seq has no answer yet
	begun    bool          // there was a trade
	sent     time.Duration // when the last one was sent
	answered time.Duration // when its answer came
	short    bool          // it brought less than was wanted
	next     time.Duration // when the store expects to have more; 0 = it did not say
	news     bool          // places have been settled or returned since
	urgent   bool          // the store must hear of something now
}

// outage is a time in which trades fail.
type outage struct {
	failing bool
	since   time.Duration // when the first failure was noticed
	retry   time.Duration // when the next trade goes
	times   int
	claimed bool // the node is alone, and its last trade has claimed the share: it may be used
}

// gap is the least time between two trades: what frees within it is fetched at once.
func (l *Ledger) gap() time.Duration {
	return min(l.terms.TTL/25, max(l.terms.Window/100, 20*time.Millisecond))
}

// poll is how long a caller waits at most before the store is asked again, and a failed trade before it is repeated.
func (l *Ledger) poll() time.Duration { return l.terms.TTL / 4 }

// alone tells whether all places have come free that any node leased while the store could be reached. The first failures may have been
// ones by chance, so that others reached the store until a little later; and a store that has come back in the meantime must have
// been able to hear of it before.
func (l *Ledger) alone(t time.Duration) bool {
	return l.outage.failing && t >= l.outage.since+l.terms.heard()+l.terms.lapse()
}

// Due is when the next trade goes, given how many callers wait now; Never while one is under way, or when there is nothing to say.
func (l *Ledger) Due(now time.Time, waiting int) time.Time {
	t := l.at(now)
	return l.time(l.due(t, waiting))
}

func (l *Ledger) due(t time.Duration, waiting int) time.Duration {
	tr := &l.trading
	switch {
	case tr.out:
		return never
	case l.outage.failing:
		return l.outage.retry
	case !tr.begun:
		if waiting > 0 || tr.urgent {
			return t
		}
		return never
	}
	at := never
	spare := l.spare(t)
	soon := tr.sent + l.gap()
	switch need := waiting + spare; {
	case tr.urgent:
		at = soon
	case l.hand < need && tr.short: // the store has none, or others are to have them
		at = tr.answered + l.poll()
		if tr.next > 0 {
			at = min(at, tr.answered+tr.next)
		}
		at = max(at, soon)
	case l.hand < need:
		at = soon
	case l.hand > need:
		at = tr.sent + l.poll()
	}
	if l.hand+l.out > 0 {
		at = min(at, tr.sent+l.terms.TTL/2)
	}
	if tr.news {
		at = min(at, max(soon, tr.sent+min(l.terms.TTL, l.terms.Window)/2))
	}
	if l.hand > 0 && spare > 0 && waiting == 0 { // what is spare now idles after a TTL without calls
		at = min(at, max(soon, l.busy.at+l.terms.TTL))
	}
	return max(t, at)
}

// Trade is the word to take to the store now. What idles is given back by it. A trade that is still under way is abandoned: its answer
// will be ignored.
func (l *Ledger) Trade(now time.Time, waiting int) Trade {
	t := l.at(now)
	need := min(waiting+l.spare(t), l.terms.Limit)
	l.hand = min(l.hand, need)
	holds := l.hand + l.out
	if l.alone(t) { // all of the share, because it may be used up before the answer comes, and again and again
		l.outage.claimed = true
		holds = max(l.terms.share(), l.out)
	}
	tr := &l.trading
	tr.seq++
	tr.out, tr.begun, tr.sent, tr.news, tr.urgent = true, true, t, false, false
	return Trade{
		Bucket: l.bucket, Node: l.node, Seq: tr.seq, Terms: l.terms,
		Holds: holds, Spent: l.spent.told(t), Strangers: l.strangers.told(t), Wants: need - l.hand,
	}
}

// Granted brings the answer to a trade. One that comes after Failed, or after another Trade, is ignored: the store hears of that by the
// next trade.
func (l *Ledger) Granted(now time.Time, trade Trade, grant Grant) {
	t := l.at(now)
	tr := &l.trading
	if !tr.out || trade.Seq != tr.seq {
		return
	}
	tr.out, tr.answered, tr.next = false, t, grant.Next
	tr.short = grant.Places < trade.Wants
	if l.outage.claimed {
		l.hand = max(0, l.terms.share()-l.out-l.spent.taken)
	}
	l.outage = outage{}
	if l.ends = tr.sent + l.terms.TTL; l.ends > t {
		l.hand += grant.Places
		return
	}
	l.hand = 0
}

// Failed says that a trade has brought no answer; whether it was done is not known.
func (l *Ledger) Failed(now time.Time, trade Trade) {
	t := l.at(now)
	tr, o := &l.trading, &l.outage
	if !tr.out || trade.Seq != tr.seq {
		return
	}
	tr.out = false
	if !o.failing {
		o.failing, o.since = true, t
	}
	o.retry = t + min(l.gap()<<min(o.times, 8), l.poll())
	o.times++
}

// Restate makes the next trade due at once: the store has forgotten what it knew.
func (l *Ledger) Restate() { l.trading.urgent = true }
