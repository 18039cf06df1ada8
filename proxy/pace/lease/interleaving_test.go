package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
)

// interleaving is nodes and a store in virtual time, step by step, in which a script decides who calls when, how long everything takes, what
// gets lost and arrives twice, who dies, and whether the store is there.
type interleaving struct {
	terms  lease.Terms
	now    time.Time
	script []byte
	read   int  // bytes of it
	calm   bool // nothing goes wrong any more
	empty  bool // the store may lose its state
	stores []lease.Store
	gone   time.Duration // the store cannot be reached for so long
	back   time.Time     // since when it can
	lives  []*life
	born   int
	posts  []post
	sends  []time.Time // of the last window
	calls  int
	fault  string // what must not be
}

// life is a node from its start to its death.
type life struct {
	index, born int
	ledger      *lease.Ledger
	skew        time.Duration
	waiting     int
	calls       []call
	trade       *lease.Trade
	sent        time.Time // of the trade
	failing     time.Time // since when trades fail, the store being there
	beats       time.Time
	epoch       string
	lastSend    time.Time
}

type call struct {
	place lease.Place
	ends  time.Time
}

// post is a message on its way.
type post struct {
	at      time.Time
	deliver func()
}

const step = 50 * time.Millisecond

// byte is the script's next one. A script goes round and round, each time another one by a little.
func (v *interleaving) byte() int {
	if len(v.script) == 0 || v.calm {
		return 128
	}
	b := v.script[v.read%len(v.script)] ^ byte(v.read/len(v.script)*167)
	v.read++
	return int(b)
}

// chance is true in n of 256 cases, as the script has it.
func (v *interleaving) chance(n int) bool { return !v.calm && v.byte() < n }

// steps is up to n steps.
func (v *interleaving) steps(n int) time.Duration { return time.Duration(v.byte()%(n+1)) * step }

func (v *interleaving) clock() time.Time { return v.now.Add(9 * time.Hour) }

func (v *interleaving) post(d time.Duration, deliver func()) {
	v.posts = append(v.posts, post{v.now.Add(d), deliver})
}

func (v *interleaving) bear(index int) *life {
	v.born++
	n := &life{index: index, born: v.born, skew: time.Duration(index*index-2) * 17 * time.Minute, lastSend: v.now}
	n.ledger = lease.NewLedger("acme", fmt.Sprint("life ", v.born), v.terms)
	return n
}

// interleave builds the nodes. With apart, each has a store of its own, which is a fault that must be seen.
func interleave(terms lease.Terms, nodes int, apart bool, script []byte) *interleaving {
	v := &interleaving{terms: terms, script: script, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	v.stores = []lease.Store{lease.NewMemory(v.clock)}
	for i := range nodes {
		v.lives = append(v.lives, v.bear(i))
		if apart && i > 0 {
			v.stores = append(v.stores, lease.NewMemory(v.clock))
		}
	}
	return v
}

// run goes on for d, or until something is that must not be.
func (v *interleaving) run(d time.Duration) {
	for end := v.now.Add(d); v.now.Before(end) && v.fault == ""; v.now = v.now.Add(step) {
		if v.gone > 0 {
			v.gone, v.back = v.gone-step, v.now
		}
		if v.gone == 0 && v.chance(1) && v.chance(64) {
			v.gone = time.Duration(v.byte()) * step
		}
		if v.empty && v.chance(1) && v.chance(48) {
			v.stores[0] = lease.NewMemory(v.clock)
		}
		posts := v.posts
		v.posts = nil
		for _, p := range posts {
			if p.at.After(v.now) {
				v.posts = append(v.posts, p)
				continue
			}
			p.deliver()
		}
		for i, n := range v.lives {
			if v.mortal() && v.chance(1) && v.chance(32) {
				v.lives[i] = v.bear(i)
				continue
			}
			v.live(n)
		}
	}
}

// mortal tells whether nodes may die: not when that takes calls along that nobody can tell the store of any more, its own forgotten or
// those of a share.
func (v *interleaving) mortal() bool {
	return v.terms.Share == 0 || !v.empty && v.gone == 0 && v.now.Sub(v.back) > 2*v.terms.TTL+v.terms.Window
}

// live is one step of a node.
func (v *interleaving) live(n *life) {
	now := v.now.Add(n.skew)
	if v.chance(90) {
		n.waiting += v.byte() % 5
	}
	out := n.calls
	n.calls = nil
	for _, c := range out {
		if c.ends.After(v.now) {
			n.calls = append(n.calls, c)
			continue
		}
		n.ledger.Settle(now, c.place, v.terms.Window)
	}
	v.trade(n)
	for n.waiting > 0 {
		available := n.ledger.Available(now)
		place, ok := n.ledger.Use(now)
		if ok != (available > 0) {
			v.fault = fmt.Sprintf("life %d: %d places are available, and Use says %t", n.born, available, ok)
		}
		if !ok {
			break
		}
		if v.chance(6) {
			n.ledger.Return(now, place)
			break
		}
		n.waiting--
		n.calls = append(n.calls, call{place, v.now.Add(v.steps(8))})
		n.lastSend = v.now
		v.send()
	}
	if v.chance(1) {
		n.ledger.Strangers(now, v.byte()%5, v.terms.Window)
	}
	if !n.beats.After(v.now) && v.gone == 0 {
		n.beats = v.now.Add(v.terms.TTL / 2)
		if epoch, err := v.store(n).Beat(context.Background(), "x"); err == nil {
			v.hear(n, epoch)
		}
	}
}

// send counts a call with all others of the last window.
func (v *interleaving) send() {
	v.sends = append(v.sends, v.now)
	for v.now.Sub(v.sends[0]) >= v.terms.Window {
		v.sends = v.sends[1:]
	}
	v.calls++
	if len(v.sends) > v.terms.Limit {
		v.fault = fmt.Sprintf("%v: %d calls within %v, limit %d", v.now, len(v.sends), v.terms.Window, v.terms.Limit)
	}
}

func (v *interleaving) store(n *life) lease.Store { return v.stores[min(n.index, len(v.stores)-1)] }

func (v *interleaving) hear(n *life, epoch string) {
	if n.epoch != "" && n.epoch != epoch {
		n.ledger.Restate()
	}
	n.epoch = epoch
}

// trade takes a word to the store when it is due. With shares, a node that the store has not heard for a while gets through: one that is
// cut off alone may use a share that is not set apart, and that is another matter.
func (v *interleaving) trade(n *life) {
	now := v.now.Add(n.skew)
	if n.trade != nil {
		patience := v.terms.TTL / 4
		if !v.calm && v.terms.Share == 0 {
			patience = v.steps(255)
		}
		if v.now.Sub(n.sent) >= patience {
			n.ledger.Failed(now, *n.trade)
			n.trade = nil
		}
	}
	if n.ledger.Due(now, n.waiting).After(now) {
		return
	}
	trade := n.ledger.Trade(now, n.waiting)
	n.trade, n.sent = &trade, v.now
	smooth := v.calm
	if v.gone > 0 {
		n.failing = time.Time{}
	} else if v.terms.Share > 0 && !n.failing.IsZero() {
		smooth = true
	}
	there, back, most := true, true, 2
	if !smooth {
		there, back = !v.chance(30), !v.chance(30)
		if v.terms.Share == 0 && v.chance(10) {
			most = 255
		}
	}
	if (!there || !back) && v.gone == 0 {
		n.failing = v.now
	} else {
		n.failing = time.Time{}
	}
	arrive := func() {
		if v.gone > 0 || !there {
			return
		}
		grant, err := v.store(n).Trade(context.Background(), trade)
		if !back {
			return
		}
		v.post(v.steps(most), func() { v.answer(n, trade, grant, err) })
	}
	v.post(v.steps(most), arrive)
	if v.chance(8) {
		v.post(v.steps(250), arrive)
	}
}

// answer brings the store's answer to a node that may have died, or have given up.
func (v *interleaving) answer(n *life, trade lease.Trade, grant lease.Grant, err error) {
	now := v.now.Add(n.skew)
	if err != nil {
		n.ledger.Failed(now, trade)
	} else {
		n.ledger.Granted(now, trade, grant)
		v.hear(n, grant.Epoch)
	}
	if n.trade != nil && n.trade.Seq == trade.Seq {
		n.trade = nil
	}
}

// settled plays the script for so many steps, and then lets all nodes want all they can get while nothing goes wrong.
func (v *interleaving) settled(steps int) {
	v.run(time.Duration(steps) * step)
	v.calm, v.gone, v.posts = true, 0, nil
	for _, n := range v.lives {
		n.waiting = 1 << 20
	}
	v.run(4*v.terms.TTL + v.terms.Transit + 2*v.terms.Window)
	for _, n := range v.lives {
		if idle, most := v.now.Sub(n.lastSend), v.terms.Window+v.terms.TTL; v.fault == "" && idle > most {
			v.fault = fmt.Sprintf("life %d wants places and has had none for %v, want one within %v", n.born, idle, most)
		}
	}
}

// begin reads the terms and the number of nodes from three bytes.
func begin(nodes, limit, share uint8, script []byte) *interleaving {
	n := 2 + int(nodes)%3
	terms := lease.Terms{Limit: n + int(limit)%20, Window: 3 * time.Second, TTL: time.Second, Transit: 0}
	if limit >= 128 {
		terms.Window = 700 * time.Millisecond
	}
	if share%3 > 0 {
		terms.Share = 1 / float64(n)
	}
	if share%3 == 2 {
		terms.TTL = 2 * time.Second
	}
	v := interleave(terms, n, false, script)
	v.empty = share%3 == 2
	return v
}

// FuzzInterleaving: whatever is delayed, lost or doubled, whoever dies, and whether the store is there or not, all nodes together never have
// more calls in a window than the limit; and when nothing goes wrong any more, whoever wants a place gets one.
func FuzzInterleaving(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(uint8(seed), uint8(seed*29), uint8(seed/3), luck(seed, 200))
	}
	f.Fuzz(func(t *testing.T, nodes, limit, share uint8, script []byte) {
		v := begin(nodes, limit, share, script)
		if v.settled(600); v.fault != "" {
			t.Fatalf("%d nodes, %+v: %s", len(v.lives), v.terms, v.fault)
		}
	})
}

func luck(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// TestInterleavings plays many scripts in which everything happens.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	calls := 0
	for seed := range uint64(90) {
		v := begin(uint8(seed), uint8(seed*37), uint8(seed/3), luck(seed, 30_000))
		v.settled(2000)
		calls += v.calls
		if v.fault != "" {
			t.Errorf("seed %d, %d nodes, %+v: %s", seed, len(v.lives), v.terms, v.fault)
		}
	}
	t.Logf("%d calls", calls)
}

// TestInterleavingSeesFaults: nodes that each have a store of their own, and shares of more than one whole, are found out.
func TestInterleavingSeesFaults(t *testing.T) {
	t.Parallel()
	terms := lease.Terms{Limit: 13, Window: 3 * time.Second, TTL: time.Second, Share: 1. / 3}
	v := interleave(terms, 3, true, luck(1, 30_000))
	if v.settled(2000); v.fault == "" {
		t.Error("stores apart: got no fault, want one")
	}
	greedy := 0
	terms.Share = 1
	for seed := range uint64(40) {
		v = interleave(terms, 3, false, luck(seed, 30_000))
		if v.settled(600); v.fault != "" {
			greedy++
		}
	}
	if greedy == 0 {
		t.Error("shares of three wholes: got no fault, want one in some of 40 scripts")
	}
}
