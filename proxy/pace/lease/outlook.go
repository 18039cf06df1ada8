package lease

import (
	"fmt"
	"time"
)

// Wait predicts how long a caller with ahead others before it waits for a place: what the trades have said so far, carried on at the pace
// at which this node has had places lately. It is an estimate; what the other nodes will want is not known.
func (l *Ledger) Wait(now time.Time, ahead int) time.Duration {
	t := l.at(now)
	short := ahead + 1 - l.available()
	if short <= 0 {
		return 0
	}
	switch share := l.terms.share(); {
	case l.outage.claimed:
		return l.within(t, ahead, share)
	case l.cutOff(t):
		return max(0, l.outage.since+l.terms.heard()+l.terms.lapse()-t) + l.rounds(ahead, share)
	}
	wait := l.reply(t, ahead+1)
	if l.trading.short {
		wait += l.rounds(short-1, l.pace())
	}
	return max(wait, l.within(t, ahead, l.terms.Limit))
}

// cutOff tells whether trades have failed for so long that it is no mishap of one of them.
func (l *Ledger) cutOff(t time.Duration) bool {
	return l.outage.failing && t-l.outage.since >= l.terms.TTL
}

// reply is how long it takes until a trade can have brought a place.
func (l *Ledger) reply(t time.Duration, waiting int) time.Duration {
	tr := &l.trading
	trip := l.gap()
	if tr.answered > tr.sent {
		trip = tr.answered - tr.sent
	}
	wait := trip
	if due := l.due(t, waiting); due != never {
		wait += due - t
	}
	if tr.short && tr.next > 0 {
		wait = max(wait, tr.answered+tr.next-t)
	}
	return wait
}

// pace is how many places this node has in a window while it gets fewer than it wants: those that it has now, and its share at least.
func (l *Ledger) pace() int {
	if n := max(l.terms.share(), l.available()+l.out+l.spent.taken); n > 0 {
		return n
	}
	return l.terms.Limit
}

// rounds is how long n places take to come by if so many do in a window.
func (l *Ledger) rounds(n, per int) time.Duration {
	if per <= 0 { // without a share only the store can help
		return l.terms.Window
	}
	return time.Duration(float64(n) / float64(per) * float64(l.terms.Window))
}

// within is how long a caller waits at least because this node alone has taken so many of the limit's places.
func (l *Ledger) within(t time.Duration, ahead, limit int) time.Duration {
	if limit <= 0 {
		return l.terms.Window
	}
	short := ahead + 1 + l.out + l.spent.taken - limit
	if short <= 0 {
		return 0
	}
	wait := time.Duration((short-1)/limit) * l.terms.Window
	if free := l.spent.frees((short-1)%limit + 1); free != never {
		return wait + free - t
	}
	return wait + l.terms.Window
}

// Why says in words why the next call waits, and "" when it would not.
func (l *Ledger) Why(now time.Time) string {
	t := l.at(now)
	switch {
	case l.available() > 0:
		return ""
	case l.outage.claimed:
		return fmt.Sprintf("the store of leases cannot be reached, and this node's share of %d places is taken", l.terms.share())
	case l.outage.failing:
		return "the store of leases cannot be reached; this node waits until it is, or until what was leased has come free"
	case l.trading.short:
		return "the nodes that share this limit have taken all of its places that this node can have now"
	case l.within(t, 0, l.terms.Limit) > 0:
		return fmt.Sprintf("this node has taken all %d places of the limit", l.terms.Limit)
	}
	return "a place is being leased"
}

// Idle tells whether the ledger has nothing that the store does not know, and nothing that anybody waits for.
func (l *Ledger) Idle(now time.Time) bool {
	l.at(now)
	return !l.trading.out && !l.outage.failing && l.hand+l.out+l.spent.taken+l.strangers.taken == 0
}

// Retire says that hardly any more calls will come: nothing is kept in hand for them from now on.
func (l *Ledger) Retire() { l.retired = true }

// Relimit takes in that the vendor permits limit calls in the window. Each node finds that out by itself, so that for a while they may
// trade on different terms.
func (l *Ledger) Relimit(limit int) {
	if limit >= 1 && limit != l.terms.Limit {
		l.terms.Limit = limit
		l.trading.urgent = l.trading.begun
	}
}

// Terms are what the ledger trades on now.
func (l *Ledger) Terms() Terms { return l.terms }
