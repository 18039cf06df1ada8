package proxy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// PaceMemory is what is known of the vendors' limits beyond the life of a process: a new one must not burst into a window that the old one
// has spent. Whoever runs the house reads it at the start (ReadPaceMemory), hands it to Options, and keeps what Upstreams.Remember writes.
// It knows no files. Buckets are found again by connection, base URL, rule and source address, and begin with what is known of them
// when they are first used.
//
// Buckets that count by a caller's credential are not in it: what tells them apart would have to be made of the credential, and whoever
// has the file could then try credentials against it.
type PaceMemory struct {
	changes atomic.Uint64 // calls that were sent or answered
	mu      sync.Mutex
	saved   uint64 // changes when it was last written
	buckets map[bucketID]savedBucket
	routes  map[routeID][]savedPolicy
}

// bucketID is what a bucket is found by after a restart.
type bucketID struct{ connection, bucket, settings, address string }

// routeID is what the learned policies of a route are found by.
type routeID struct{ connection, route, settings string }

// The file. Times within a state count from when it was saved.
type (
	savedPace struct {
		Version int           `json:"version"`
		Buckets []savedBucket `json:"buckets"`
		Routes  []savedRoute  `json:"routes,omitempty"`
	}
	savedBucket struct {
		Connection string     `json:"connection"`
		Bucket     string     `json:"bucket"`
		Settings   string     `json:"settings"` // hash of what the rule says and where the vendor is
		Address    string     `json:"address,omitempty"`
		Saved      time.Time  `json:"saved"`
		Used       time.Time  `json:"used"`
		State      pace.Saved `json:"state"`
	}
	savedRoute struct {
		Connection string        `json:"connection"`
		Route      string        `json:"route"`
		Settings   string        `json:"settings"`
		Policies   []savedPolicy `json:"policies"`
	}
	savedPolicy struct {
		Name   string        `json:"name,omitempty"`
		Window time.Duration `json:"window,omitempty"`
	}
)

const (
	paceVersion = 1
	// rememberedBuckets bounds the memory: those that were used last stay.
	rememberedBuckets = 2000
	// rememberedRoutes bounds the routes of which learned policies are remembered.
	rememberedRoutes = 2000
	// rememberedFor is how long a bucket that nobody uses stays.
	rememberedFor = 30 * 24 * time.Hour
	// rememberedGrains bounds the places of one bucket. Coarser ones come free a little late.
	rememberedGrains = 64
)

// ErrPaceMemory is what all errors of ReadPaceMemory wrap.
var ErrPaceMemory = errors.New("what was known of limits cannot be read")

// NewPaceMemory returns a memory of nothing.
func NewPaceMemory() *PaceMemory {
	return &PaceMemory{buckets: map[bucketID]savedBucket{}, routes: map[routeID][]savedPolicy{}}
}

// ReadPaceMemory reads what Upstreams.Remember has written. It is all or nothing: a document with one impossible value may have others
// that only look possible.
func ReadPaceMemory(data []byte) (*PaceMemory, error) {
	var file savedPace
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPaceMemory, err)
	}
	if file.Version != paceVersion {
		return nil, fmt.Errorf("%w: it is of version %d, and this Sluice knows version %d", ErrPaceMemory, file.Version, paceVersion)
	}
	m := NewPaceMemory()
	for i := range file.Buckets {
		b := &file.Buckets[i]
		if err := impossible(&b.State); err != nil {
			return nil, fmt.Errorf("%w: bucket %q of %q: %w", ErrPaceMemory, b.Bucket, b.Connection, err)
		}
		m.buckets[b.id()] = *b
	}
	for _, r := range file.Routes {
		if len(r.Policies) > maxPolicies {
			return nil, fmt.Errorf("%w: route %q of %q has %d limits", ErrPaceMemory, r.Route, r.Connection, len(r.Policies))
		}
		m.routes[routeID{r.Connection, r.Route, r.Settings}] = r.Policies
	}
	return m, nil
}

func (b *savedBucket) id() bucketID { return bucketID{b.Connection, b.Bucket, b.Settings, b.Address} }

// impossible says what in a saved state cannot have been saved.
func impossible(s *pace.Saved) error {
	const longest, most = 400 * 24 * time.Hour, 1e9
	for name, d := range map[string]time.Duration{
		"window": s.Window, "shut": s.Shut, "reset": s.Reset, "free": s.Free, "shortest_trip": s.Shortest, "usual_trip": s.Usual,
	} {
		if d < 0 || d > longest {
			return fmt.Errorf("%s is %s", name, d)
		}
	}
	for name, n := range map[string]float64{
		"limit": float64(s.Limit), "burst": s.Burst, "others": s.Calls, "fixed": float64(s.Fixed), "sliding": float64(s.Sliding),
	} {
		if n < 0 || n > most {
			return fmt.Errorf("%s is %g", name, n)
		}
	}
	if math.Abs(s.Level) > most {
		return fmt.Errorf("level is %g", s.Level)
	}
	for _, places := range [][]shadow.SavedPlaces{s.Own, s.Strangers} {
		if len(places) > rememberedGrains+1 {
			return fmt.Errorf("%d groups of places", len(places))
		}
		for _, p := range places {
			if p.In < 0 || p.In > longest || p.Calls < 0 || p.Calls > most {
				return fmt.Errorf("%d calls in %s", p.Calls, p.In)
			}
		}
	}
	return nil
}

// settingsOf is a hash of what a connection's learned limits depend on.
func settingsOf(conn *connectors.Connection) string {
	return shortHash(fmt.Sprintf("%v %+v", conn.Base, conn.Connector.Limits))
}

// settings is a hash of what a bucket's numbers depend on. How patient callers are and what bulk gets is not among it.
func (k gateKey) settings(connection string) string {
	return shortHash(fmt.Sprintf("%s %+v %q", connection, k.counting().conf, k.policy))
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// changed notes that a call was sent or answered.
func (m *PaceMemory) changed() {
	if m != nil {
		m.changes.Add(1)
	}
}

// bucketOf makes the bucket of a key, with what is known of it.
func (g *gates) bucketOf(key gateKey, source netip.Addr) *pace.Bucket {
	if key.conf.Shared { // the pool knows what is spent
		return g.sharedBucket(key)
	}
	if known, ok := g.memory.known(g.idOf(key, source)); ok && key.by != byCredential {
		return g.scheduler.Restored(key.rule, key.conf, known.State, max(0, time.Since(known.Saved)))
	}
	return g.scheduler.Bucket(key.rule, key.conf)
}

func (g *gates) idOf(key gateKey, source netip.Addr) bucketID {
	id := bucketID{connection: g.connection, bucket: key.rule, settings: key.settings(g.settings)}
	if key.by == bySource {
		id.address = source.String()
	}
	return id
}

func (m *PaceMemory) known(id bucketID) (savedBucket, bool) {
	if m == nil {
		return savedBucket{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.buckets[id]
	return b, ok
}

// recall gives fresh gates the limits that the answers of routes without a rule had named.
func (g *gates) recall() {
	for route, policies := range g.memory.routesOf(g.connection, g.settings) {
		for _, p := range policies {
			g.seen(route, policy{name: p.Name, window: p.Window})
		}
	}
}

func (m *PaceMemory) routesOf(connection, settings string) map[string][]savedPolicy {
	routes := map[string][]savedPolicy{}
	if m == nil {
		return routes
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, policies := range m.routes {
		if id.connection == connection && id.settings == settings {
			routes[id.route] = policies
		}
	}
	return routes
}

// Remember writes what is known now, for ReadPaceMemory. It returns nil when nothing has changed since it was last asked, or when there
// is nothing to keep it for (Options.Memory).
func (u *Upstreams) Remember() ([]byte, error) {
	m := u.opts.Memory
	if m == nil {
		return nil, nil
	}
	m.mu.Lock()
	changes, before := m.changes.Load(), m.saved
	m.mu.Unlock()
	if changes == before {
		return nil, nil
	}
	now := time.Now()
	live, routes := u.opts.Metrics.buckets.remembered(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range live {
		m.buckets[live[i].id()] = live[i]
	}
	for id, policies := range routes {
		m.routes[id] = policies
	}
	m.forget(now)
	data, err := m.encode()
	if err == nil {
		m.saved = changes
	}
	return data, err
}

// encode writes the memory. The caller holds m.mu.
func (m *PaceMemory) encode() ([]byte, error) {
	data, err := json.Marshal(m.file())
	if err != nil {
		return nil, fmt.Errorf("write what is known of limits: %w", err)
	}
	return data, nil
}

// forget drops what nobody has used for long, and the rest of what is too much. The caller holds m.mu.
func (m *PaceMemory) forget(now time.Time) {
	order := make([]savedBucket, 0, len(m.buckets))
	for _, b := range m.buckets {
		order = append(order, b)
	}
	slices.SortFunc(order, func(a, b savedBucket) int { return b.Used.Compare(a.Used) })
	for i := range order {
		if i >= rememberedBuckets || now.Sub(order[i].Used) > rememberedFor {
			delete(m.buckets, order[i].id())
		}
	}
	for id := range m.routes { // any: a route learns them again from its next answer
		if len(m.routes) <= rememberedRoutes {
			return
		}
		delete(m.routes, id)
	}
}

// file is the memory as it is written, in one order. The caller holds m.mu.
func (m *PaceMemory) file() savedPace {
	file := savedPace{Version: paceVersion, Buckets: []savedBucket{}}
	for _, b := range m.buckets {
		file.Buckets = append(file.Buckets, b)
	}
	slices.SortFunc(file.Buckets, func(a, b savedBucket) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Settings, b.Settings))
	})
	for id, policies := range m.routes {
		file.Routes = append(file.Routes, savedRoute{id.connection, id.route, id.settings, policies})
	}
	slices.SortFunc(file.Routes, func(a, b savedRoute) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Settings, b.Settings))
	})
	return file
}

// remembered is what is known of all buckets that were used and may be remembered, and the policies of routes that were learned.
func (b *bucketCollector) remembered(now time.Time) (buckets []savedBucket, routes map[routeID][]savedPolicy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	routes = map[routeID][]savedPolicy{}
	for _, g := range b.gates {
		g.each(func(key gateKey, gate *gate, s pace.State) {
			if key.by == byCredential || s.Used.IsZero() || s.Model.Concurrent {
				return
			}
			id, state := g.idOf(key, gate.source), g.scheduler.Save(gate.bucket)
			state.Own, state.Strangers = coarse(state.Own), coarse(state.Strangers)
			if impossible(&state) != nil { // a configured window of many years, say: one bucket must not cost the others their memory
				return
			}
			buckets = append(buckets, savedBucket{id.connection, id.bucket, id.settings, id.address, now, s.Used, state})
		})
		g.mu.RLock()
		for route, known := range g.policies {
			policies := make([]savedPolicy, len(known))
			for i, p := range known {
				policies[i] = savedPolicy{p.name, p.window}
			}
			routes[routeID{g.connection, route, g.settings}] = policies
		}
		g.mu.RUnlock()
	}
	return buckets, routes
}

// coarse puts places together until there are few enough; each is then free with the last of its group.
func coarse(places []shadow.SavedPlaces) []shadow.SavedPlaces {
	if len(places) <= rememberedGrains {
		return places
	}
	size := (len(places) + rememberedGrains - 1) / rememberedGrains
	few := make([]shadow.SavedPlaces, 0, rememberedGrains)
	for group := range slices.Chunk(places, size) {
		one := shadow.SavedPlaces{}
		for _, p := range group {
			one.In, one.Calls = max(one.In, p.In), one.Calls+p.Calls
		}
		few = append(few, one)
	}
	return few
}
