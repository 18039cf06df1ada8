package lease_test

import (
	"context"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
)

func TestLedgerUsesWhatItWasGranted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.want("a", 0, "before a trade")
	if _, ok := s.nodes["a"].Use(s.now); ok {
		t.Error("Use before a trade: got a place, want none")
	}
	s.trade("a", 5)
	s.want("a", 5, "after a trade for five callers")
	s.settle("a", s.use("a", 5))
	s.want("a", 0, "with all used")
	s.trade("b", 12)
	s.want("b", 7, "beside it")
	s.now = s.now.Add(s.terms.TTL / 2)
	s.trade("a", 0)
	s.settle("b", s.use("b", 7))
	s.trade("b", 0)
	s.beat(time.Minute - s.terms.TTL/2)
	s.trade("b", 12)
	s.want("b", 5, "a window after the answers of the first five")
}

func TestLedgerHandEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	s.store.delay = time.Second
	sent := s.now
	s.trade("a", 5)
	s.want("a", 5, "when the answer is there")
	s.now = sent.Add(s.terms.TTL - 1)
	s.want("a", 5, "just before a TTL after the trade was sent")
	s.now = sent.Add(s.terms.TTL)
	s.want("a", 0, "a TTL after it was sent")
	s.store.delay = 2 * s.terms.TTL
	s.trade("a", 5)
	s.want("a", 0, "when the answer took longer than a TTL")
}

func TestLedgerReturn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.trade("a", 2)
	places := s.use("a", 2)
	s.nodes["a"].Return(s.now, places[0])
	s.want("a", 1, "with a call that never left")
	s.now = s.now.Add(s.terms.TTL + 1)
	s.nodes["a"].Return(s.now, places[1])
	s.want("a", 0, "with one given back after its lease")
	s.trade("a", 0)
	s.trade("b", 12)
	s.want("b", 12, "when the store knows")
}

// TestLedgerPlaceStaysAWindow: whatever the caller says, a place is not free before a window after its call was sent.
func TestLedgerPlaceStaysAWindow(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	s.trade("a", 12)
	for _, place := range s.use("a", 12) {
		s.nodes["a"].Settle(s.now, place, 0)
	}
	sent := s.now
	s.trade("a", 12)
	s.want("a", 0, "right after")
	s.beat(sent.Add(time.Minute).Sub(s.now) - 1)
	s.now = sent.Add(time.Minute)
	s.trade("a", 12)
	s.want("a", 12, "a window after")
}

func TestLedgerGivesBackWhatIdles(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.trade("a", 10)
	s.want("a", 10, "for ten callers")
	s.wait(s.terms.TTL/2, nil) // they have hung up
	s.want("a", 0, "when nobody waits")
	s.trade("b", 12)
	s.want("b", 12, "which wants all")
	s.use("b", 9)
	s.wait(s.terms.TTL/2, nil)
	s.want("b", 1, "with one to spare while it calls")
	s.wait(s.terms.TTL, nil)
	s.want("b", 0, "when nobody has called for a TTL")
}

// TestLedgerAnswersOvertake: places come free in the order of their times, whatever the order of the answers.
func TestLedgerAnswersOvertake(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	s.trade("a", 3)
	for i, place := range s.use("a", 3) {
		s.nodes["a"].Settle(s.now, place, s.terms.Window+time.Duration(2-i)*time.Second)
	}
	for left := 3; left >= 0; left-- {
		told := 0
		for _, spent := range s.nodes["a"].Trade(s.now, 0).Spent {
			told += spent.Calls
		}
		if told != left {
			t.Errorf("at %v: got %d places taken, want %d", s.now, told, left)
		}
		if left == 3 {
			s.now = s.now.Add(s.terms.Window - time.Second)
		}
		s.now = s.now.Add(time.Second)
	}
}

// TestLedgerTradesInBatches: a busy node does not trade for each call, and an idle one does not trade at all.
func TestLedgerTradesInBatches(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	idle := lease.NewLedger("acme", "idle", s.terms)
	if due := idle.Due(s.now, 0); !lease.Never(due) {
		t.Errorf("idle: next trade at %v, want never", due)
	}
	trades := 0
	for range 100 {
		if !s.nodes["a"].Due(s.now, 4).After(s.now) {
			s.trade("a", 4)
			trades++
		}
		s.now = s.now.Add(10 * time.Millisecond)
	}
	if most := 7; trades > most {
		t.Errorf("trades of a node in a second: got %d, want %d at most", trades, most)
	}
	s.settle("a", s.use("a", 4))
	s.trade("a", 0)
	s.nodes["a"].Strangers(s.now, 0, time.Minute) // none
	s.wait(3*s.terms.TTL, nil)
	if due := s.nodes["a"].Due(s.now, 0); !lease.Never(due) {
		t.Errorf("with all told: next trade in %v, want never", due.Sub(s.now))
	}
	s.trade("a", 1)
	slow := s.use("a", 1)
	s.wait(3*s.terms.TTL, nil)
	s.settle("a", slow)
	if due, most := s.nodes["a"].Due(s.now, 0).Sub(s.now), s.terms.TTL/2; due > most {
		t.Errorf("with a settled call to tell: next trade in %v, want within %v", due, most)
	}
	s.wait(time.Minute, nil)
	if due := s.nodes["a"].Due(s.now, 0); !lease.Never(due) {
		t.Errorf("when all has been told: next trade in %v, want never", due.Sub(s.now))
	}
}

// TestLedgerFaults: whatever happens to one trade, the next one has everything right.
func TestLedgerFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fault{"refused": refused, "lost": lost, "doubled": doubled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "a", "b")
			s.trade("a", 6)
			s.settle("a", s.use("a", 4))
			s.store.fault = fault
			s.trade("a", 8)
			s.want("a", 2, "after the fault, with what it had before")
			s.trade("a", 6)
			s.trade("b", 12)
			s.want("a", 7, "after the next trade, with one to spare")
			s.want("b", 1, "beside seven in hand and four spent")
		})
	}
}

// TestLedgerIgnoresLateAnswers: the store knows that nobody heard a grant, so that nobody may use it later.
func TestLedgerIgnoresLateAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	a := s.nodes["a"]
	trade := a.Trade(s.now, 5)
	grant, err := s.store.Trade(context.Background(), trade)
	if err != nil || grant.Places != 5 {
		t.Fatalf("trade: got %d places and %v, want 5 and no error", grant.Places, err)
	}
	if due := a.Due(s.now, 5); !lease.Never(due) {
		t.Errorf("with a trade under way, the next is due at %v, want never", due)
	}
	a.Failed(s.now, trade)
	a.Granted(s.now, trade, grant)
	s.want("a", 0, "after an answer that came too late")
	next := a.Trade(s.now, 5)
	a.Granted(s.now, trade, grant)
	a.Failed(s.now, trade)
	s.want("a", 0, "after one to the trade before")
	a.Granted(s.now, next, lease.Grant{Places: 3})
	s.want("a", 3, "after the right one")
}

func TestLedgerStrangers(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.trade("a", 1)
	s.settle("a", s.use("a", 1))
	s.nodes["a"].Strangers(s.now, 4, time.Minute)
	s.wait(time.Second, nil)
	s.trade("b", 12)
	s.want("b", 6, "beside four of strangers, one spent and one to spare")
	s.nodes["a"].Strangers(s.now, 1000, time.Hour)
	if got, want := strangers(s.trade("a", 0)), s.terms.Limit-1; got != want {
		t.Errorf("strangers that a node tells of: got %d, want %d at most", got, want)
	}
	s.wait(time.Second, nil)
	s.settle("b", s.use("b", 6))
	s.trade("b", 12)
	s.want("b", 0, "when strangers seem to have all but one")
	s.wait(time.Minute+time.Second, nil)
	s.trade("b", 12)
	s.want("b", 12, "a window later")
}

func strangers(trade lease.Trade) (n int) {
	for _, s := range trade.Strangers {
		n += s.Calls
	}
	return n
}

// TestLedgerOutage: what is in hand may be used, then nothing, and when all that anybody had is free for sure, the share by its own count.
func TestLedgerOutage(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.trade("a", 12)
	s.settle("a", s.use("a", 6))
	s.store.gone = true
	began := s.now
	all := map[string]int{"a": 12, "b": 12}
	s.wait(s.terms.TTL-time.Second, all)
	s.want("a", 6, "within the TTL")
	s.settle("a", s.use("a", 2))
	s.wait(2*time.Second, all)
	s.want("a", 0, "after the TTL")
	silence := 3*s.terms.TTL + s.terms.Transit + s.terms.Window
	s.wait(began.Add(silence).Sub(s.now)-time.Second, all)
	s.want("a", 0, "before the share may be used")
	if at := s.nodes["a"].Next(s.now); !lease.Never(at) {
		t.Errorf("a: next place at %v, want none without a trade", at)
	}
	s.wait(3*time.Second, all)
	s.want("a", 3, "with a share of its own")
	s.want("b", 3, "with as much")
	calls := s.use("a", 3)
	s.want("a", 0, "with the share used")
	s.settle("a", calls)
	if got := s.nodes["a"].Next(s.now).Sub(s.now); got != s.terms.Window {
		t.Errorf("a: next place in %v, want a window", got)
	}
	s.wait(s.terms.Window, all)
	s.want("a", 3, "a window later")
	s.use("a", 2)
	s.store.gone = false
	s.wait(2*time.Second, all)
	s.want("a", 1, "back at the store, with what it has of its share")
	s.want("b", 3, "back at the store too")
	s.wait(2*s.terms.TTL+s.terms.Transit+s.terms.Window, map[string]int{"a": 12})
	s.want("a", 10, "when the store is open again, beside two calls without an answer")
}

// TestLedgerWithoutShare: a limit too small to be shared stays closed while the store is gone; nothing is ever without a limit.
func TestLedgerWithoutShare(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	s.terms.Limit = 3
	s.nodes["a"] = lease.NewLedger("acme", "a", s.terms)
	s.store.gone = true
	s.wait(10*time.Minute, map[string]int{"a": 3})
	s.want("a", 0, "ten minutes into an outage")
}

// TestLedgerAfterForgottenStore: a store that has lost its state gives nothing to others before it has heard of the calls of all.
func TestLedgerAfterForgottenStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	s.trade("a", 12)
	s.settle("a", s.use("a", 12))
	s.wait(10*time.Second, nil)
	s.store.Store = lease.NewMemory(func() time.Time { return s.now })
	s.trade("b", 12)
	s.want("b", 0, "before the other has been heard")
	s.nodes["a"].Restate()
	s.wait(2*s.terms.TTL+time.Second, map[string]int{"b": 12})
	s.want("b", 0, "beside twelve calls that the store has heard of")
	s.wait(time.Minute, map[string]int{"b": 12})
	if got := s.nodes["b"].Available(s.now); got == 0 {
		t.Error("b, when they are free: got no place, want some")
	}
}

// TestLedgerBoundsItsWord: a large limit is told in grains, each free when the last of its places is.
func TestLedgerBoundsItsWord(t *testing.T) {
	t.Parallel()
	terms := lease.Terms{Limit: 100_000, Window: time.Hour, TTL: 4 * time.Second, Share: 1}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	l := lease.NewLedger("acme", "a", terms)
	trade := l.Trade(now, 50_000)
	l.Granted(now, trade, lease.Grant{Places: 50_000})
	var sent []time.Time
	for i := range 5000 {
		at := now.Add(time.Duration(i) * 700 * time.Microsecond)
		place, ok := l.Use(at)
		if !ok {
			t.Fatalf("call %d: got no place, want one", i)
		}
		sent = append(sent, at)
		l.Settle(at, place, terms.Window)
	}
	end := now.Add(4 * time.Second)
	word := l.Trade(end, 0).Spent
	if most := 3; len(word) > most {
		t.Errorf("got %d entries for 5000 calls in 4 s, want %d at most", len(word), most)
	}
	all := 0
	for _, s := range word {
		all += s.Calls
		if last := sent[all-1].Add(terms.Window); end.Add(s.FreeIn).Before(last) {
			t.Errorf("%d calls are free at %v, want not before %v", s.Calls, end.Add(s.FreeIn), last)
		}
	}
	if all != len(sent) {
		t.Errorf("got %d calls, want %d", all, len(sent))
	}
}
