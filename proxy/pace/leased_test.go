package pace_test

import (
	"strings"
	"testing"
	"time"

	vendors "sluice/mocks/limiter"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

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
