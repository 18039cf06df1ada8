package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
)

// faulty is a store that is far away. The next trade meets what is set, and then all is well again; gone stays.
type faulty struct {
	lease.Store
	fault fault
	gone  bool
	delay time.Duration // of each trade, half of it on the way there
	pass  func(time.Duration)
}

type fault int

const (
	none    fault = iota
	refused       // it never arrives
	lost          // it is done, and nobody hears of it
	doubled       // it arrives twice, and the second answer counts
)

var errGone = errors.New("store: connection refused")

func (f *faulty) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	met := f.fault
	f.fault = none
	f.pass(f.delay / 2)
	defer f.pass(f.delay / 2)
	if f.gone || met == refused {
		return lease.Grant{}, errGone
	}
	grant, err := f.Store.Trade(ctx, trade)
	switch met {
	case lost:
		return lease.Grant{}, context.DeadlineExceeded
	case doubled:
		return f.Store.Trade(ctx, trade)
	}
	return grant, err
}

func (f *faulty) Beat(ctx context.Context, node string) (string, error) {
	if f.gone {
		return "", errGone
	}
	return f.Store.Beat(ctx, node)
}

// site is nodes and a faulty store at one time.
type site struct {
	*testing.T
	now   time.Time
	store *faulty
	nodes map[string]*lease.Ledger
	terms lease.Terms
}

var siteTerms = lease.Terms{Limit: 12, Window: time.Minute, TTL: 4 * time.Second, Transit: time.Second, Share: 0.25}

// newSite returns a site whose store is open.
func newSite(t *testing.T, nodes ...string) *site {
	s := &site{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), nodes: make(map[string]*lease.Ledger), terms: siteTerms}
	s.store = &faulty{Store: lease.NewMemory(func() time.Time { return s.now }), pass: func(d time.Duration) { s.now = s.now.Add(d) }}
	for _, node := range nodes {
		s.nodes[node] = lease.NewLedger("acme", node, siteTerms)
	}
	s.beat(2 * time.Minute)
	return s
}

// beat lets d pass with the nodes alive and without a call.
func (s *site) beat(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Second) {
		_, _ = s.store.Beat(s.Context(), "pulse")
	}
}

// wait lets d pass in which nodes trade when it is due.
func (s *site) wait(d time.Duration, waiting map[string]int) {
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(50 * time.Millisecond) {
		for name := range s.nodes {
			if !s.nodes[name].Due(s.now, waiting[name]).After(s.now) {
				s.trade(name, waiting[name])
			}
		}
	}
}

// trade takes one word of a node to the store.
func (s *site) trade(name string, waiting int) lease.Trade {
	l := s.nodes[name]
	trade := l.Trade(s.now, waiting)
	grant, err := s.store.Trade(s.Context(), trade)
	if err != nil {
		l.Failed(s.now, trade)
		return trade
	}
	l.Granted(s.now, trade, grant)
	return trade
}

// use has a node send n calls.
func (s *site) use(name string, n int) (places []lease.Place) {
	s.Helper()
	for range n {
		place, ok := s.nodes[name].Use(s.now)
		if !ok {
			s.Fatalf("%s: got %d places, want %d", name, len(places), n)
		}
		places = append(places, place)
	}
	return places
}

func (s *site) settle(name string, places []lease.Place) {
	for _, place := range places {
		s.nodes[name].Settle(s.now, place, s.terms.Window)
	}
}

// want holds what a node may send against what is wanted.
func (s *site) want(name string, places int, why string) {
	s.Helper()
	if got := s.nodes[name].Available(s.now); got != places {
		s.Errorf("%s %s: got %d places, want %d", name, why, got, places)
	}
}
