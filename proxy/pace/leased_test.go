package pace_test

import (
	"context"
	"errors"
	"strings"
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

// TestLineupsShareALimit: two line-ups over one store are never refused by the strictest limiter, use it, and get equal parts.
func TestLineupsShareALimit(t *testing.T) {
	t.Parallel()
	const windows = 20
	refilling := pace.Rule{Limit: 60, Window: time.Minute, Kind: shadow.Refill, Burst: 10}
	for name, tt := range map[string]struct {
		rule   pace.Rule
		vendor vendors.Limiter
		share  float64
	}{
		"sliding log": {pace.Rule{Limit: 60, Window: time.Minute}, &vendors.SlidingLog{Limit: 60, Window: time.Minute, CountsRefused: true}, 0.95},
		"first call":  {pace.Rule{Limit: 60, Window: time.Minute, Kind: shadow.FirstCall}, &vendors.FirstCall{Limit: 60, Window: time.Minute}, 0.95},
		"small burst": {refilling, &vendors.Bucket{Limit: 60, Window: time.Minute, Burst: 10}, 0.9},
		"patience":    {pace.Rule{Limit: 60, Window: time.Minute, Patience: 25 * time.Second}, &vendors.SlidingLog{Limit: 60, Window: time.Minute}, 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newTown(t, 2, tt.rule).open()
			v.vendor = tt.vendor
			v.run(windows*time.Minute, 8)
			if v.refused != 0 {
				t.Errorf("refused: got %d, want 0", v.refused)
			}
			if got := float64(v.permitted) / (windows * 60); got < tt.share {
				t.Errorf("used: got %.3f of the limit, want %.2f or more", got, tt.share)
			}
			for i, c := range v.nodes {
				if got := float64(c.served) / float64(v.permitted); got < 0.4 {
					t.Errorf("node %d: got %.2f of the calls, want about a half", i, got)
				}
			}
		})
	}
}

// TestTownSeesRefusals: the test above could fail. Line-ups that spend a pool of their own each are refused.
func TestTownSeesRefusals(t *testing.T) {
	t.Parallel()
	rule := pace.Rule{Limit: 60, Window: time.Minute}
	v := newTown(t, 2, rule)
	for i, c := range v.nodes {
		c.buckets[0] = c.q.Leased("a", rule, townLedger("a"+string(rune('0'+i)), i, rule))
	}
	v.open()
	v.vendor = &vendors.SlidingLog{Limit: 60, Window: time.Minute}
	v.run(3*time.Minute, 8)
	if v.refused == 0 {
		t.Error("refused: got 0 with a pool for each node, want some")
	}
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

// TestLineupsWithoutTheirStore: line-ups whose store is gone for some windows are never refused, go on with their shares, and share again
// when it is back. A node that dies leaves its places to the other.
func TestLineupsWithoutTheirStore(t *testing.T) {
	t.Parallel()
	v := newTown(t, 2, pace.Rule{Limit: 60, Window: time.Minute}).open()
	gone := false
	v.store = &goneStore{v.store, func() bool { return gone }}
	v.vendor = &vendors.SlidingLog{Limit: 60, Window: time.Minute}
	v.run(3*time.Minute, 8)
	gone = true
	v.run(2*time.Minute, 8)
	before := v.permitted
	if v.run(2*time.Minute, 8); v.permitted-before < 100 {
		t.Errorf("permitted in two windows of which each node knows that it is alone: got %d, want nearly 120", v.permitted-before)
	}
	gone = false
	v.run(3*time.Minute, 8)
	v.nodes[0].dead = true
	v.run(2*time.Minute, 8)
	before = v.permitted
	if v.run(2*time.Minute, 8); v.permitted-before < 110 {
		t.Errorf("permitted in two windows after a node died: got %d, want nearly 120", v.permitted-before)
	}
	if v.refused != 0 {
		t.Errorf("refused: got %d, want 0", v.refused)
	}
}

// TestLeasedPlacesAllOrNone: a call under two shared limits of which one has no place takes none of the other.
func TestLeasedPlacesAllOrNone(t *testing.T) {
	t.Parallel()
	wide, narrow := pace.Rule{Limit: 100, Window: time.Minute}, pace.Rule{Limit: 1, Window: time.Minute}
	v := newTown(t, 1, wide, narrow).open()
	c := v.nodes[0]
	first, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	v.run(time.Second, 0)
	if !first.Granted() {
		t.Fatal("the first call: got no places, want one under each limit")
	}
	second, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	v.run(20*time.Second, 0)
	if got := c.q.State(v.now, c.buckets[0]).Model.Out; second.Granted() || got != 0 {
		t.Errorf("with the narrow limit spent: granted %v, %d calls out under the wide one, want false and 0", second.Granted(), got)
	}
	other, _ := v.join(c, shadow.Bulk, forever, c.buckets[0])
	v.run(time.Second, 0)
	if !other.Granted() {
		t.Error("a call under the wide limit alone: got no place, want one")
	}
	v.run(time.Minute, 0)
	if !second.Granted() {
		t.Error("a window later: got no places, want one under each limit")
	}
}

// TestUnsentLeaseIsUsedAgain: the place of a call that never left serves the next caller without a trade.
func TestUnsentLeaseIsUsedAgain(t *testing.T) {
	t.Parallel()
	v := newTown(t, 1, pace.Rule{Limit: 1, Window: time.Minute}).open()
	c := v.nodes[0]
	first, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	v.now = c.q.Due(v.now, c.buckets[0])
	v.trade(c, c.buckets[0])
	if c.q.Grant(v.now); !first.Granted() {
		t.Fatal("the first call: got no place, want one")
	}
	second, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	c.q.Unsend(v.now, first.Tickets[0])
	if c.q.Grant(v.now); !second.Granted() {
		t.Error("when the first had not left: got no place, want its own")
	}
	c.q.Lost(v.now, second.Tickets[0])
	third, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	v.run(59*time.Second, 0)
	if third.Granted() {
		t.Error("within a window of a call that was lost: got a place, want none")
	}
}

// TestLeasedWaitsArePredicted: who comes when places are scarce is told so at once, and who can be served is not turned away.
func TestLeasedWaitsArePredicted(t *testing.T) {
	t.Parallel()
	v := newTown(t, 2, pace.Rule{Limit: 60, Window: time.Minute}).open()
	gone := false
	v.store = &goneStore{v.store, func() bool { return gone }}
	here, there := v.nodes[0], v.nodes[1]
	wait := func() time.Duration {
		wait, _ := here.q.Outlook(v.now, here.buckets[0], pace.Caller{Lane: shadow.Interactive})
		return wait
	}
	if got := wait(); got > time.Second {
		t.Errorf("with all places free: got %v, want no more than a trade takes", got)
	}
	for range 60 {
		_, _ = v.join(there, shadow.Bulk, forever, there.buckets...)
	}
	v.run(time.Second, 0)
	waiter, _ := v.join(here, shadow.Interactive, forever, here.buckets...)
	v.run(4*time.Second, 0)
	if got := wait(); waiter.Granted() || got < 50*time.Second || got > 70*time.Second {
		t.Errorf("when the other node has spent all: granted %v, predicted %v, want about a window", waiter.Granted(), got)
	}
	if _, refusal := v.join(here, shadow.Interactive, 10*time.Second, here.buckets...); refusal == nil {
		t.Error("a caller with 10 s of patience: got none, want a refusal at once")
	}
	if why := here.q.State(v.now, here.buckets[0]).Why[shadow.Interactive]; !strings.Contains(why, "nodes that share this limit") {
		t.Errorf("why: got %q, want a word of the nodes that share the limit", why)
	}
	gone = true
	v.run(10*time.Second, 0)
	if got := wait(); got < time.Minute || got > 2*time.Minute {
		t.Errorf("with the store gone for 10 s: got %v, want what is left until the node goes on alone", got)
	}
	if why := here.q.State(v.now, here.buckets[0]).Why[shadow.Interactive]; !strings.Contains(why, "cannot be reached") {
		t.Errorf("why: got %q, want a word of the store", why)
	}
}

// TestBadNewsOfTheStoreIsTold: those who wait and will not be served in time for want of the store are told once that is known.
func TestBadNewsOfTheStoreIsTold(t *testing.T) {
	t.Parallel()
	v := newTown(t, 2, pace.Rule{Limit: 60, Window: time.Minute}).open()
	gone := false
	v.store = &goneStore{v.store, func() bool { return gone }}
	gone = true
	came := v.now
	waiter, refusal := v.join(v.nodes[0], shadow.Interactive, 25*time.Second, v.nodes[0].buckets...)
	if refusal != nil {
		t.Fatalf("before anything is known of the store: got %v, want no refusal", refusal)
	}
	for waiter.Refusal() == nil && v.now.Sub(came) < time.Minute {
		v.run(100*time.Millisecond, 0)
	}
	if waited := v.now.Sub(came); waited > 2*townTerms.TTL {
		t.Errorf("told after %v, want within two TTL", waited)
	}
}

// TestLeasesFollowTheVendor: a limit that answers call lower than it is configured is what is leased from then on, and a refusal sets
// places aside for strangers.
func TestLeasesFollowTheVendor(t *testing.T) {
	t.Parallel()
	v := newTown(t, 1, pace.Rule{Limit: 60, Window: time.Minute}).open()
	c := v.nodes[0]
	call := func(r pace.Report) {
		t.Helper()
		w, _ := v.join(c, shadow.Critical, forever, c.buckets...)
		for !w.Granted() {
			v.now = c.q.Due(v.now, c.buckets[0])
			v.trade(c, c.buckets[0])
			c.q.Grant(v.now)
		}
		c.out = nil
		c.q.Answer(v.now, w.Tickets[0], r)
	}
	call(pace.Report{HasLimit: true, Limit: 20})
	v.now = c.q.Due(v.now, c.buckets[0])
	trade := c.q.Trade(v.now, c.buckets[0])
	if trade.Terms.Limit != 20 {
		t.Errorf("limit that is traded on: got %d, want 20", trade.Terms.Limit)
	}
	c.q.Failed(v.now, c.buckets[0], trade)
	call(pace.Report{Refused: true, RetryAfter: time.Second})
	v.now = c.q.Due(v.now, c.buckets[0])
	if trade = c.q.Trade(v.now, c.buckets[0]); len(trade.Strangers) != 1 || trade.Strangers[0].Calls != 2 {
		t.Errorf("strangers after a refusal: got %v, want 2 calls", trade.Strangers)
	}
}

// TestShutNodesLeavePlacesToOthers: a node whose vendor has asked it to wait wants one place, however many callers it has.
func TestShutNodesLeavePlacesToOthers(t *testing.T) {
	t.Parallel()
	v := newTown(t, 1, pace.Rule{Limit: 60, Window: time.Minute}).open()
	c := v.nodes[0]
	w, _ := v.join(c, shadow.Bulk, forever, c.buckets...)
	v.now = c.q.Due(v.now, c.buckets[0])
	v.trade(c, c.buckets[0])
	c.q.Grant(v.now)
	c.q.Answer(v.now, w.Tickets[0], pace.Report{Refused: true, RetryAfter: 30 * time.Second})
	for range 40 {
		_, _ = v.join(c, shadow.Bulk, forever, c.buckets...)
	}
	v.now = v.now.Add(time.Second)
	if got := c.q.Trade(v.now, c.buckets[0]); got.Holds+got.Wants > 3 {
		t.Errorf("holds and wants of a node that is shut for 29 s: got %d and %d, want three at most", got.Holds, got.Wants)
	}
}
