package proxy

import (
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/connectors"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// gateKey names a bucket of a connection.
type gateKey struct {
	rule   string // the rule's name, or the route's when its limit is learned
	policy string // which of the limits that answers tell of the rule is about; "" = by window, then by size
	conf   pace.Rule
	scope  [8]byte // hash of source address or credential; zero for one bucket in all
	by     scope   // what scope is a hash of
}

// scope is what a limit counts by.
type scope uint8

const (
	byConnection scope = iota // one bucket in all
	bySource
	byCredential
)

// gates are the buckets of one connection, and the queue before them.
type gates struct {
	connection string
	settings   string // what learned limits depend on, hashed
	memory     *PaceMemory
	scheduler  *pace.Scheduler
	pool       string // names the buckets of this connection to the other processes that share them; "" = none are shared
	metrics    *Metrics
	salt       [16]byte // so that nobody can try credentials against what pages show of a scope
	mu         sync.RWMutex
	byKey      map[gateKey]*gate
	handed     map[gateKey]handover // by counting key
	policies   map[string][]policy  // by route without a rule: the limits that its answers have named; never changed in place
}

// gate is one bucket, with what is counted of it.
type gate struct {
	bucket  *pace.Bucket
	rule    pace.Rule
	policy  string
	source  netip.Addr // of the calls that it counts; invalid unless the limit counts by address
	calls   prometheus.Counter
	refused prometheus.Counter

	counting  sync.Mutex
	permitted prometheus.Counter
	counted   float64 // of what the bucket says that was permitted
}

// permit counts what the limit has permitted since this was last asked.
func (g *gate) permit(all float64) {
	g.counting.Lock()
	defer g.counting.Unlock()
	if fresh := all - g.counted; fresh > 0 {
		g.permitted.Add(fresh)
		g.counted = all
	}
}

func newGates(conn *connectors.Connection, metrics *Metrics, memory *PaceMemory, node *pace.Node) *gates {
	g := &gates{
		connection: conn.Name, settings: settingsOf(conn), memory: memory, metrics: metrics, byKey: map[gateKey]*gate{}, handed: map[gateKey]handover{}, policies: map[string][]policy{},
		scheduler: pace.NewScheduler(pace.Settings{Bound: conn.Bounds.Queue, Floor: conn.Bounds.BulkFloor, Node: node}),
	}
	if node != nil {
		g.pool = poolOf(conn)
	}
	_, _ = rand.Read(g.salt[:]) // never fails (crypto/rand)
	g.recall()
	return g
}

// credential hashes a caller's credential.
func (g *gates) credential(value string) (hash [8]byte) {
	sum := sha256.Sum256(append(g.salt[:len(g.salt):len(g.salt)], value...))
	copy(hash[:], sum[:])
	return hash
}

// maxGates bounds the buckets of a connection: credentials are the callers' to choose.
const maxGates = 10_000

// gate returns the gate of a key, made when there is none. source is its address, where it counts by address.
func (g *gates) gate(key gateKey, source netip.Addr) *gate {
	g.mu.RLock()
	known := g.byKey[key]
	g.mu.RUnlock()
	if known != nil {
		return known
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if known := g.byKey[key]; known != nil {
		return known
	}
	if len(g.byKey) >= maxGates {
		g.evict()
	}
	bucket, handed := g.handedOver(key)
	if !handed {
		bucket = g.bucketOf(key, source)
	}
	fresh := &gate{
		bucket: bucket, rule: key.conf, policy: key.policy, source: source,
		calls:   g.metrics.budgetCalls.WithLabelValues(g.connection, key.rule),
		refused: g.metrics.budgetRefused.WithLabelValues(g.connection, key.rule),

		permitted: g.metrics.budgetPermitted.WithLabelValues(g.connection, key.rule),
	}
	g.byKey[key] = fresh
	return fresh
}

// evict drops one gate at which nobody waits, of a few: one with places left if there is, because the next answer's headers rebuild it.
// The caller holds g.mu.
func (g *gates) evict() {
	const few = 100
	var victim gateKey
	found, looked := false, 0
	for key, gate := range g.byKey {
		s := g.scheduler.State(gate.bucket)
		if s.AllWaiting() == 0 {
			victim, found = key, true
			if s.Places[shadow.Critical] > 0 {
				break
			}
		}
		if looked++; looked >= few && found {
			break
		}
	}
	if found {
		g.drop(victim)
	}
}

// drop forgets a gate. The caller holds g.mu.
func (g *gates) drop(key gateKey) {
	gate := g.byKey[key]
	gate.permit(g.scheduler.State(gate.bucket).Permitted)
	g.scheduler.Release(gate.bucket)
	delete(g.byKey, key)
}

// handover is what a gate knew whose rule was replaced by one that counts alike.
type handover struct {
	saved pace.Saved
	at    time.Time
}

// counting is a key without what says how calls are held and not how the vendor counts them.
func (k gateKey) counting() gateKey {
	k.conf.Patience, k.conf.BulkFloor, k.conf.Spread = 0, 0, false
	return k
}

// handedOver makes the bucket of a rule that follows one of which something is known. The caller holds g.mu.
func (g *gates) handedOver(key gateKey) (*pace.Bucket, bool) {
	known, ok := g.handed[key.counting()]
	if !ok || key.conf.Shared {
		return nil, false
	}
	delete(g.handed, key.counting())
	return g.scheduler.Restored(key.rule, key.conf, known.saved, time.Since(known.at)), true
}

// reloaded drops the gates of rules whose settings are no more, so that their numbers do not linger on pages.
func (g *gates) reloaded(conn *connectors.Connection) {
	live := map[pace.Rule]bool{learned(conn): true}
	for _, rule := range conn.AllRules() {
		live[g.conf(conn, rule)] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handed = map[gateKey]handover{} // what nobody has asked for by now is of a rule that has gone
	for key, gate := range g.byKey {
		if !live[key.conf] {
			g.handed[key.counting()] = handover{g.scheduler.Save(gate.bucket), time.Now()}
			g.drop(key)
		}
	}
}

// each calls f for every gate.
func (g *gates) each(f func(key gateKey, gate *gate, s pace.State)) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for key, gate := range g.byKey {
		f(key, gate, g.scheduler.State(gate.bucket))
	}
}

// Close lets go of what is shared with other processes, once the calls that are under way have ended.
func (g *gates) Close() { g.scheduler.Close() }

// conf is a rule as the model of its limiter takes it.
func (g *gates) conf(conn *connectors.Connection, rule *connectors.Rule) pace.Rule {
	kind, _ := shadow.ParseKind(rule.Starts) // concurrency has none
	return pace.Rule{
		Limit: rule.Limit, Window: rule.Window, Kind: kind, Burst: rule.Burst, Spread: rule.Spread, Concurrent: rule.Concurrent,
		Penalty: rule.Penalty, Patience: conn.Bounds.MaxHold, BulkFloor: conn.Bounds.BulkFloor,
		Shared: g.pool != "" && shareable(conn, rule),
	}
}

// learned is the rule of a route whose limit only the answers' headers tell.
func learned(conn *connectors.Connection) pace.Rule {
	return pace.Rule{Penalty: conn.Connector.Penalty, Patience: conn.Bounds.MaxHold, BulkFloor: conn.Bounds.BulkFloor}
}
