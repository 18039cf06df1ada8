package main

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/shadow"
)

// fleet is several nodes of Sluice before one limiter, in virtual time. They share its limit by leases from one store, which is a few
// milliseconds away and does not always answer.
type fleet struct {
	limiter limiter.Limiter
	windows int       // how long it takes
	workers []int     // of each node: who call again as soon as they are answered
	demand  []float64 // of each node: calls that come as they please, in limits per window
	terms   lease.Terms
	seed    uint64

	killed  int    // the node that dies in the middle of window died, if that is not 0
	died    int    //
	gone    [2]int // the store cannot be reached from the beginning of a window to that of another
	emptied bool   // and then it comes back without its state
	cut     bool   // not the store is gone but the way there of one node, the last
}

// reach is what came of a fleet.
type reach struct {
	answered, refused int
	perNode           []int         // answered calls
	perWindow         []int         // permitted calls in each window of all nodes but the one that dies
	again             time.Duration // from a node's death until the others had 95 % of the limit in one window's time
	trades            int
}

const (
	roundTrip    = 300 * time.Millisecond
	faulty       = 0.02 // share of trades that fail: half of them on the way there, half on the way back
	doubled      = 0.01 // share of trades that arrive once more, late
	tradeTimeout = time.Second
	enough       = calls * 95 / 100
)

// network is a fleet under way.
type network struct {
	fleet
	now    time.Time
	events timeline
	seq    int
	random *rand.Rand
	store  *lease.Memory
	nodes  []*node
	recent []time.Time // permitted calls of the last window, without those of the node that dies
	out    reach
}

// node is one Sluice. Its clock is off by skew.
type node struct {
	name     string
	index    int
	skew     time.Duration
	governor *shadow.Governor
	ledger   *lease.Ledger
	epoch    string
	waiting  int
	wake     time.Time
	dead     bool
}

// event is what happens at one time.
type event struct {
	at  time.Time
	seq int
	do  func()
}

type timeline []event

func (t timeline) Len() int { return len(t) }
func (t timeline) Less(i, j int) bool {
	return t[i].at.Before(t[j].at) || t[i].at.Equal(t[j].at) && t[i].seq < t[j].seq
}
func (t timeline) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timeline) Push(x any)   { *t = append(*t, x.(event)) }
func (t *timeline) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// run plays the fleet to its end.
func (f fleet) run() reach {
	w := &network{fleet: f, now: begin, random: rand.New(rand.NewPCG(f.seed, 11))}
	w.out.perWindow, w.out.perNode = make([]int, f.windows), make([]int, len(f.workers))
	w.store = lease.NewMemory(w.storeClock)
	for i, workers := range f.workers {
		n := &node{
			name: fmt.Sprintf("node %d", i), index: i, skew: time.Duration(i-1) * 7 * time.Second, waiting: workers,
			governor: shadow.New(shadow.Rule{Limit: calls, Window: length, Shared: true}),
		}
		n.ledger = lease.NewLedger("acme", n.name, f.terms)
		w.nodes = append(w.nodes, n)
		w.on(n, w.between(0, time.Second), func() { w.beat(n) })
		if f.demand != nil {
			w.on(n, w.pause(n), func() { w.arrive(n) })
		}
	}
	if f.died > 0 {
		w.in(w.death().Sub(begin), func() { w.nodes[f.killed].dead = true })
	}
	if f.emptied {
		w.in(time.Duration(f.gone[1])*length, func() { w.store = lease.NewMemory(w.storeClock) })
	}
	for end := begin.Add(time.Duration(f.windows) * length); len(w.events) > 0; {
		e := heap.Pop(&w.events).(event)
		if !e.at.Before(end) {
			break
		}
		w.now = e.at
		e.do()
	}
	return w.out
}

func (w *network) storeClock() time.Time { return w.now.Add(-41 * time.Minute) }

// in plans what happens in d.
func (w *network) in(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, event{w.now.Add(d), w.seq, do})
}

// on plans what a node does in d, if it lives then, and lets it go on from there.
func (w *network) on(n *node, d time.Duration, do func()) {
	w.in(d, func() {
		if !n.dead {
			do()
			w.pump(n)
		}
	})
}

func (w *network) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.random.Int64N(int64(most-least)))
}

// pause is until the next call of those that come as they please.
func (w *network) pause(n *node) time.Duration {
	return time.Duration(w.random.ExpFloat64() / (w.demand[n.index] * calls) * float64(length))
}

func (w *network) arrive(n *node) {
	n.waiting++
	w.on(n, w.pause(n), func() { w.arrive(n) })
}

func (w *network) death() time.Time {
	return begin.Add(time.Duration(w.died)*length + length/2)
}

// pump sends what may go, trades when it is time, and sets the alarm for the next.
func (w *network) pump(n *node) {
	now := w.now.Add(n.skew)
	for n.waiting > 0 && !n.governor.Next(now, shadow.Bulk).After(now) {
		place, ok := n.ledger.Use(now)
		if !ok {
			break
		}
		n.waiting--
		sent := n.governor.Send(now, shadow.Bulk)
		w.in(roundTrip/2, func() { w.take(n, sent, place) })
	}
	due := n.ledger.Due(now, n.waiting)
	if !due.After(now) {
		w.trade(n)
		due = n.ledger.Due(now, n.waiting)
	}
	if n.waiting > 0 {
		next := n.governor.Next(now, shadow.Bulk)
		if at := n.ledger.Next(now); at.After(next) {
			next = at
		}
		if next.Before(due) {
			due = next
		}
	}
	if lease.Never(due) || !n.wake.IsZero() && !due.Before(n.wake) {
		return
	}
	n.wake = due
	w.on(n, due.Sub(now), func() {
		if n.wake.Equal(due) {
			n.wake = time.Time{}
		}
	})
}

// take is a call's arrival at the vendor.
func (w *network) take(n *node, sent shadow.Sent, place lease.Place) {
	verdict := w.limiter.Take(w.now)
	if verdict.Permitted && (w.died == 0 || n.index != w.killed) {
		w.out.perWindow[w.now.Sub(begin)/length]++
		w.count()
	}
	if !verdict.Permitted {
		w.out.refused++
	}
	w.on(n, roundTrip/2, func() {
		now := w.now.Add(n.skew)
		n.governor.Answer(now, sent, shadow.Report{Refused: !verdict.Permitted})
		n.ledger.Settle(now, place, w.terms.Window)
		if !verdict.Permitted {
			n.ledger.Strangers(now, calls/10, length)
			n.waiting++
			return
		}
		w.out.answered++
		w.out.perNode[n.index]++
		if w.workers[n.index] > 0 {
			n.waiting++
		}
	})
}

// count notes when those who are left have the limit again.
func (w *network) count() {
	w.recent = append(w.recent, w.now)
	for w.now.Sub(w.recent[0]) >= length {
		w.recent = w.recent[1:]
	}
	if w.died > 0 && w.out.again == 0 && w.now.After(w.death()) && len(w.recent) >= enough {
		w.out.again = w.now.Sub(w.death())
	}
}

// leg is a trade's way to the store, or back.
func (w *network) leg() time.Duration { return w.between(2500*time.Microsecond, 25*time.Millisecond) }

func (w *network) reachable(n *node) bool {
	at := w.now.Sub(begin)
	return w.cut && n.index < len(w.nodes)-1 || at < time.Duration(w.gone[0])*length || at >= time.Duration(w.gone[1])*length
}

// trade takes the node's word to the store, and the answer back if there is one.
func (w *network) trade(n *node) {
	now := w.now.Add(n.skew)
	trade := n.ledger.Trade(now, n.waiting)
	w.out.trades++
	there, back := w.random.Float64() >= faulty/2, w.random.Float64() >= faulty/2
	settled := false
	answer := func(grant lease.Grant, err error) {
		if settled = true; err != nil {
			n.ledger.Failed(w.now.Add(n.skew), trade)
			return
		}
		n.ledger.Granted(w.now.Add(n.skew), trade, grant)
		w.hear(n, grant.Epoch)
	}
	arrive := func() {
		if !there || !w.reachable(n) {
			return
		}
		grant, err := w.store.Trade(context.Background(), trade)
		if back {
			w.on(n, w.leg(), func() { answer(grant, err) })
		}
	}
	w.in(w.leg(), arrive)
	if w.random.Float64() < doubled {
		w.in(w.between(0, 2*time.Second), arrive)
	}
	w.on(n, tradeTimeout, func() {
		if !settled {
			answer(lease.Grant{}, context.DeadlineExceeded)
		}
	})
}

// beat tells the store that the node lives.
func (w *network) beat(n *node) {
	if w.reachable(n) && w.random.Float64() >= faulty {
		if epoch, err := w.store.Beat(context.Background(), n.name); err == nil {
			w.hear(n, epoch)
		}
	}
	w.on(n, w.terms.TTL/2, func() { w.beat(n) })
}

func (w *network) hear(n *node, epoch string) {
	if n.epoch != "" && n.epoch != epoch {
		n.ledger.Restate()
	}
	n.epoch = epoch
}
