package pace

import (
	"time"

	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/shadow"
)

// leased is what a bucket has more if its places are leased.
type leased struct {
	ledger   *lease.Ledger
	follows  bool // the ledger's limit is the governor's; else it is a bucket's burst, of which no header tells
	stirred  bool // in Lineup.stirred
	trader   trader
	released bool // nobody will make new callers wait here; it is forgotten once it is idle
}

// Leased makes a bucket whose places several nodes lease from a store. The ledger is this node's, made with TermsOf the rule.
func (q *Lineup) Leased(name string, rule Rule, ledger *lease.Ledger) *Bucket {
	rule.Shared = true
	b := q.bucket(name, shadow.New(rule))
	b.leased = &leased{ledger: ledger, follows: ledger.Terms().Limit == rule.Limit}
	return b
}

// TermsOf are the terms on which the places of a rule are leased; ttl, transit and share are left to be set. A bucket that refills evenly
// and holds fewer calls than its limit per window is never overdrawn by so many in the time in which it refills from empty.
func TermsOf(rule Rule) lease.Terms {
	terms := lease.Terms{Limit: rule.Limit, Window: rule.Window}
	if rule.Kind == shadow.Refill && rule.Burst > 0 && rule.Burst != rule.Limit {
		terms.Limit = rule.Burst
		terms.Window = time.Duration(float64(rule.Window)/float64(rule.Limit)*float64(rule.Burst)) + 1
	}
	return terms
}

// stir notes that a trade of a bucket may be due earlier than was thought.
func (q *Lineup) stir(b *Bucket) {
	if b.leased != nil && !b.leased.stirred {
		b.leased.stirred = true
		q.stirred = append(q.stirred, b)
	}
}

// settle ends a call's lease: its place comes free a window from now. A refused call tells of strangers, because it had a place.
func (q *Lineup) settle(now time.Time, t Ticket, r Report) {
	b := t.Bucket
	l := b.leased.ledger
	terms := l.Terms()
	l.Settle(now, t.Place, terms.Window)
	if r.Refused {
		l.Strangers(now, max(1, terms.Limit/10), terms.Window)
	}
	if b.leased.follows {
		l.Relimit(b.gov.Limit())
	}
	q.stir(b)
}

// wants is how many of the callers here could go within a TTL if there were places: one at least if anybody waits. More would only be
// kept from the other nodes, because the vendor has shut or calls are spaced.
func (b *Bucket) wants(now time.Time) (n int) {
	waiting, all := b.callers(), 0
	ttl := b.leased.ledger.Terms().TTL
	for lane, callers := range waiting {
		all += callers
		n += usable(callers, func(ahead int) bool { return b.gov.Wait(now, Lane(lane), ahead) <= ttl })
	}
	return max(n, min(all, 1))
}

// usable is the largest number up to most of which the last can go; whoever comes before one who can go can too.
func usable(most int, can func(ahead int) bool) int {
	if most == 0 || can(most-1) {
		return most
	}
	least := 0
	for least < most {
		if mid := (least + most) / 2; can(mid) {
			least = mid + 1
		} else {
			most = mid
		}
	}
	return least
}

// Due is when the next trade of a bucket goes; lease.Never tells when there is nothing to trade.
func (q *Lineup) Due(now time.Time, b *Bucket) time.Time {
	return b.leased.ledger.Due(now, b.wants(now))
}

// Trade is a bucket's word to take to the store now. Its answer goes to Granted, or Failed says that there was none.
func (q *Lineup) Trade(now time.Time, b *Bucket) lease.Trade {
	trade := b.leased.ledger.Trade(now, b.wants(now))
	q.touch(b) // a node that is alone may use its share from now on
	return trade
}

// Granted takes in the answer to a trade. Who may go with it is granted by the next Grant.
func (q *Lineup) Granted(now time.Time, b *Bucket, trade lease.Trade, grant lease.Grant) {
	b.leased.ledger.Granted(now, trade, grant)
	q.stir(b)
	q.touch(b)
}

// Failed takes in that a trade had no answer. Those who will not be served in time for want of the store are told by the next Grant.
func (q *Lineup) Failed(now time.Time, b *Bucket, trade lease.Trade) {
	b.leased.ledger.Failed(now, trade)
	q.stir(b)
	q.touch(b)
	if b.awaited() {
		q.news = append(q.news, b)
	}
}

// Restate makes a trade of a bucket due at once: the store has forgotten what it knew.
func (q *Lineup) Restate(b *Bucket) {
	b.leased.ledger.Restate()
	q.stir(b)
}
