package lease_test

import (
	"strings"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
)

// TestOutlook: what a caller is told of its wait, and why, in each state of a ledger.
func TestOutlook(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	a := s.nodes["a"]
	want := func(when string, ahead int, least, most time.Duration, why string) {
		t.Helper()
		if got := a.Wait(s.now, ahead); got < least || got > most {
			t.Errorf("%s, with %d ahead: got a wait of %v, want from %v to %v", when, ahead, got, least, most)
		}
		if got := a.Why(s.now); !strings.Contains(got, why) || (got == "") != (why == "") {
			t.Errorf("%s: got %q, want %q in it", when, got, why)
		}
	}
	want("before a trade", 0, time.Millisecond, time.Second, "is being leased")
	s.trade("a", 2)
	want("with two in hand", 1, 0, 0, "")
	want("with two in hand", 2, time.Millisecond, time.Second, "")
	want("with more callers than the limit", 12, time.Minute, time.Minute, "")
	s.settle("a", s.use("a", 2))
	s.trade("b", 12)
	s.settle("b", s.use("b", 10))
	s.trade("a", 3)
	want("when the others have the rest", 0, time.Minute-time.Second, time.Minute, "nodes that share this limit")
	want("when the others have the rest", 3, time.Minute, 3*time.Minute, "nodes that share this limit")
	s.store.gone = true
	s.trade("a", 3)
	want("after one trade that failed", 0, time.Second, time.Minute, "cannot be reached")
	s.wait(s.terms.TTL, map[string]int{"a": 3})
	want("after a TTL of them", 0, time.Minute, 80*time.Second, "cannot be reached")
	s.wait(80*time.Second, map[string]int{"a": 3})
	want("alone", 2, 0, 0, "")
	s.settle("a", s.use("a", 3))
	want("alone with its share of three spent", 0, time.Minute, time.Minute, "share of 3 places")
	want("alone with its share of three spent", 3, 2*time.Minute, 2*time.Minute, "share of 3 places")
}

// TestOutlookWithoutAShare: a node that may do nothing by itself still tells a wait that is one.
func TestOutlookWithoutAShare(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.terms.Share = 0
	s.nodes["c"] = lease.NewLedger("acme", "c", s.terms)
	s.store.gone = true
	s.wait(5*time.Minute, map[string]int{"c": 1})
	if got := s.nodes["c"].Wait(s.now, 0); got != time.Minute {
		t.Errorf("got %v, want a window", got)
	}
	if got := s.nodes["c"].Available(s.now); got != 0 {
		t.Errorf("places: got %d, want 0", got)
	}
}

// TestRetiredLedgerKeepsNothing: it gives back what is in hand, and is idle once its spent places are free.
func TestRetiredLedgerKeepsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	a := s.nodes["a"]
	s.trade("a", 4)
	s.settle("a", s.use("a", 1))
	a.Retire()
	s.wait(s.terms.TTL, nil)
	if got := a.Available(s.now); got != 0 || a.Idle(s.now) {
		t.Errorf("in hand: got %d, idle %v, want 0 and not idle while a place is spent", got, a.Idle(s.now))
	}
	s.wait(time.Minute, nil)
	if !a.Idle(s.now) {
		t.Error("a window later: got not idle, want idle")
	}
}

// TestRelimit: a lower limit is what the next trade says.
func TestRelimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a")
	a := s.nodes["a"]
	s.trade("a", 4)
	a.Relimit(0)
	a.Relimit(5)
	if due := a.Due(s.now, 0); due.After(s.now.Add(time.Second)) {
		t.Errorf("the next trade: got due in %v, want at once", due.Sub(s.now))
	}
	if got := s.trade("a", 12); got.Terms.Limit != 5 || got.Holds+got.Wants != 5 {
		t.Errorf("got a limit of %d, holds %d, wants %d; want 5, and 5 places in all", got.Terms.Limit, got.Holds, got.Wants)
	}
}
