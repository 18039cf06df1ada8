package proxy

import (
	"sync"

	"sluice/connectors"
	"sluice/proxy/pace"
)

// gateKey names a bucket of a connection.
type gateKey struct {
	rule  string // the rule's name, or the route's when its limit is learned
	conf  pace.Rule
	scope [8]byte // hash of source address or credential; zero for one bucket in all
}

// gates are the buckets of one connection.
type gates struct {
	bound int
	mu    sync.RWMutex
	byKey map[gateKey]*pace.Gate
}

// maxGates bounds the buckets of a connection: credentials are the callers' to choose.
const maxGates = 10_000

func (g *gates) gate(key gateKey) *pace.Gate {
	g.mu.RLock()
	gate := g.byKey[key]
	g.mu.RUnlock()
	if gate != nil {
		return gate
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.byKey[key]; gate != nil {
		return gate
	}
	if len(g.byKey) >= maxGates {
		for old, gate := range g.byKey { // any idle one: it is rebuilt from the next answer's headers
			if s := gate.State(); s.Waiting == 0 && s.Places > 0 {
				delete(g.byKey, old)
				break
			}
		}
	}
	gate = pace.NewGate(key.conf, g.bound)
	g.byKey[key] = gate
	return gate
}

// reloaded drops the gates of rules whose settings are no more, so that their numbers do not linger on pages.
func (g *gates) reloaded(conn *connectors.Connection) {
	live := map[pace.Rule]bool{learned(conn): true}
	for _, rule := range conn.AllRules() {
		live[conf(conn, rule)] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for key := range g.byKey {
		if !live[key.conf] {
			delete(g.byKey, key)
		}
	}
}

// each calls f for every gate.
func (g *gates) each(f func(rule string, s pace.State)) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for key, gate := range g.byKey {
		f(key.rule, gate.State())
	}
}

func conf(conn *connectors.Connection, rule *connectors.Rule) pace.Rule {
	return pace.Rule{Limit: rule.Limit, Window: rule.Window, Spread: rule.Spread, Patience: conn.Bounds.MaxHold}
}

// learned is the rule of a route whose limit only the answers' headers tell.
func learned(conn *connectors.Connection) pace.Rule {
	return pace.Rule{Patience: conn.Bounds.MaxHold}
}
