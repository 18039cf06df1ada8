package pace_test

import (
	"context"
	"errors"
	"testing"
	"time"

	vendors "sluice/mocks/limiter"
	"sluice/proxy/pace"
	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/shadow"
)

// town is several line-ups that share the places of limits over one store, in virtual time. Trades take no time; a vendor's answer does.
type town struct {
	*testing.T
	now    time.Time
	store  lease.Store
	nodes  []*citizen
	vendor vendors.Limiter // nil: all is permitted
	rtt    time.Duration
	beats  time.Time

	permitted, refused int
}

// citizen is one line-up, with callers who come again as soon as they are answered.
type citizen struct {
	q       *pace.Lineup
	buckets []*pace.Bucket
	out     []answering
	epoch   string
	dead    bool
	served  int
}

// answering is a call whose answer is on its way.
type answering struct {
	at     time.Time
	w      *pace.Waiter
	report pace.Report
}

var townTerms = lease.Terms{TTL: 4 * time.Second, Transit: time.Second, Share: 0.5}

func newTown(t *testing.T, nodes int, rules ...pace.Rule) *town {
	v := &town{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), rtt: 200 * time.Millisecond}
	v.beats = v.now
	v.store = lease.NewMemory(func() time.Time { return v.now })
	for i := range nodes {
		c := &citizen{q: pace.NewLineup(pace.Settings{Bound: 1000, Floor: pace.DefaultFloor})}
		for j, rule := range rules {
			name := string(rune('a' + j))
			c.buckets = append(c.buckets, c.q.Leased(name, rule, townLedger(name, i, rule)))
		}
		v.nodes = append(v.nodes, c)
	}
	return v
}

func townLedger(key string, node int, rule pace.Rule) *lease.Ledger {
	terms := pace.TermsOf(rule)
	terms.TTL, terms.Transit, terms.Share = townTerms.TTL, townTerms.Transit, townTerms.Share
	return lease.NewLedger(key, string(rune('0'+node)), terms)
}

// open lets the store come out of the caution of its beginning.
func (v *town) open() *town {
	v.run(2*time.Minute, 0)
	return v
}

// join adds a caller at a node.
func (v *town) join(c *citizen, lane pace.Lane, patience time.Duration, in ...*pace.Bucket) (*pace.Waiter, *pace.Refusal) {
	w := &pace.Waiter{Caller: pace.Caller{Consumer: "iga", Lane: lane, Patience: patience}}
	for _, b := range in {
		w.Tickets = append(w.Tickets, pace.Ticket{Bucket: b})
	}
	refusal := c.q.Join(v.now, w)
	if w.Granted() {
		v.send(c, w)
	}
	return w, refusal
}

// send is a call's way to the vendor and back; it is counted half way.
func (v *town) send(c *citizen, w *pace.Waiter) {
	report := pace.Report{}
	if v.vendor != nil {
		if verdict := v.vendor.Take(v.now.Add(v.rtt / 2)); verdict.Permitted {
			v.permitted++
		} else {
			v.refused++
			report.Refused = true
		}
	}
	c.served++
	c.out = append(c.out, answering{v.now.Add(v.rtt), w, report})
}

// run lets so much time pass, with so many callers at each node who want a place in all buckets.
func (v *town) run(span time.Duration, callers int) {
	v.Helper()
	for end := v.now.Add(span); ; {
		next := end
		for _, c := range v.nodes {
			if !c.dead {
				next = earliest(next, v.step(c, callers))
			}
		}
		next = earliest(next, v.beats)
		if !next.Before(end) {
			v.now = end
			return
		}
		if next.After(v.now) {
			v.now = next
		}
		for ; !v.beats.After(v.now); v.beats = v.beats.Add(townTerms.TTL / 2) {
			for _, c := range v.nodes {
				v.beat(c)
			}
		}
	}
}

func (v *town) beat(c *citizen) {
	epoch, err := v.store.Beat(v.Context(), "pulse")
	if err != nil || c.dead {
		return
	}
	if c.epoch != "" && c.epoch != epoch {
		for _, b := range c.buckets {
			c.q.Restate(b)
		}
	}
	c.epoch = epoch
}

// step does what is due at a node now and returns when something is next.
func (v *town) step(c *citizen, callers int) (next time.Time) {
	next = v.now.Add(time.Hour)
	for more := true; more; {
		more = false
		for len(c.out) > 0 && !c.out[0].at.After(v.now) {
			for _, ticket := range c.out[0].w.Tickets {
				c.q.Answer(v.now, ticket, c.out[0].report)
			}
			c.out = c.out[1:]
		}
		for c.q.Waiting()+len(c.out) < callers {
			_, _ = v.join(c, shadow.Bulk, forever, c.buckets...)
		}
		for _, w := range c.q.Grant(v.now) {
			if w.Granted() {
				v.send(c, w)
				more = true
			}
		}
		for _, b := range c.buckets {
			if !c.q.Due(v.now, b).After(v.now) {
				v.trade(c, b)
				more = true
			}
			next = earliest(next, c.q.Due(v.now, b))
		}
	}
	if at, ok := c.q.Next(); ok {
		next = earliest(next, at)
	}
	if len(c.out) > 0 {
		next = earliest(next, c.out[0].at)
	}
	return next
}

func (v *town) trade(c *citizen, b *pace.Bucket) {
	trade := c.q.Trade(v.now, b)
	grant, err := v.store.Trade(v.Context(), trade)
	if err != nil {
		c.q.Failed(v.now, b, trade)
		return
	}
	c.q.Granted(v.now, b, trade, grant)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// goneStore is a store that cannot be reached while gone says so.
type goneStore struct {
	lease.Store
	gone func() bool
}

var errGone = errors.New("store: connection refused")

func (s *goneStore) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	if s.gone() {
		return lease.Grant{}, errGone
	}
	return s.Store.Trade(ctx, trade)
}

func (s *goneStore) Beat(ctx context.Context, node string) (string, error) {
	if s.gone() {
		return "", errGone
	}
	return s.Store.Beat(ctx, node)
}
