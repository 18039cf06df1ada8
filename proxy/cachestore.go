package proxy

import (
	"container/list"
	"context"
	"hash/maphash"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gocache "github.com/patrickmn/go-cache"
)

// cacheBytes is how much memory the answers of one connection may take.
const cacheBytes = 64 << 20

// answer is an answer as it is kept. Those who get it copy the header and share the body's bytes.
type answer struct {
	status int
	text   string // code and reason of the status line
	header http.Header
	body   []byte
	at     time.Time     // when its header came
	age    time.Duration // how old it was then

	refreshFrom atomic.Int64 // a stale answer is not fetched anew before this age, a time.Duration: the last try failed
}

// answers are the kept answers of one connection under one configuration. go-cache holds them and their expiry; what it lacks is here:
// a bound on bytes (the oldest go first), a way to find all answers of a path, and who fetches what just now.
type answers struct {
	limit int64
	seed  maphash.Seed
	life  context.Context // of refreshes in the background
	end   context.CancelFunc

	used  atomic.Bool    // somebody has asked: until then there is nothing to purge
	byKey *gocache.Cache // key → *slot; written under mu only, read without

	mu      sync.Mutex
	bytes   int64
	oldest  *list.List // of *slot, in the order of coming
	byPath  map[string]map[string]*slot
	flights map[string]*flight
	writes  [64]uint64 // how often a path was written to, by its hash
	swept   time.Time
}

// slot is what is kept under one key: an answer, or the names of the request headers that tell several answers apart, which are then
// under keys of their own.
type slot struct {
	key, path string
	size      int64
	place     *list.Element
	answer    *answer
	vary      []string
}

func newAnswers(limit int64) *answers {
	a := &answers{
		limit: limit, seed: maphash.MakeSeed(), oldest: list.New(), byPath: map[string]map[string]*slot{}, flights: map[string]*flight{},
		// No janitor: it would be a goroutine per connection. Expired answers are never given out, and put sweeps them away.
		byKey: gocache.New(gocache.NoExpiration, 0), swept: time.Now(),
	}
	a.life, a.end = context.WithCancel(context.Background())
	a.byKey.OnEvicted(func(_ string, gone any) {
		if s, ok := gone.(*slot); ok {
			a.forget(s)
		}
	})
	return a
}

// Close ends refreshes that are under way and lets go of all answers.
func (a *answers) Close() {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit = 0
	for a.oldest.Len() > 0 {
		a.evictOldest()
	}
}

// get returns what is kept for a request; nil when nothing is.
func (a *answers) get(key string, h http.Header) *answer {
	s := a.slot(key)
	if s != nil && s.vary != nil {
		s = a.slot(variantKey(key, s.vary, h))
	}
	if s == nil {
		return nil
	}
	return s.answer
}

func (a *answers) slot(key string) *slot {
	found, ok := a.byKey.Get(key)
	if !ok {
		return nil
	}
	s, _ := found.(*slot)
	return s
}

// put keeps an answer for a while, under key and, when vary names request headers, their values. It does not when the path was
// written to since the fetch began at mark: the answer may be older than the write.
func (a *answers) put(key, path string, mark uint64, vary []string, h http.Header, got *answer, while time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writes[a.stripe(path)] != mark {
		return
	}
	if len(vary) > 0 {
		a.place(&slot{key: key, path: path, vary: vary}, while)
		key = variantKey(key, vary, h)
	}
	a.place(&slot{key: key, path: path, answer: got}, while)
}

// slotBytes is what a slot takes besides its texts: the struct, list element, map entries, headers of strings and slices.
const slotBytes = 768

// place puts a slot where its key says and makes room for it. The caller holds mu.
func (a *answers) place(s *slot, while time.Duration) {
	a.byKey.Delete(s.key)
	s.size = slotBytes + int64(2*len(s.key)+len(s.path))
	if s.answer != nil {
		s.size += int64(len(s.answer.body))
		for name, values := range s.answer.header {
			s.size += int64(len(name) + 48)
			for _, v := range values {
				s.size += int64(len(v) + 16)
			}
		}
	}
	if s.size > a.limit {
		return
	}
	if now := time.Now(); now.Sub(a.swept) >= time.Minute {
		a.byKey.DeleteExpired()
		a.swept = now
	}
	for a.bytes+s.size > a.limit {
		a.evictOldest()
	}
	a.bytes += s.size
	s.place = a.oldest.PushBack(s)
	if a.byPath[s.path] == nil {
		a.byPath[s.path] = make(map[string]*slot, 1)
	}
	a.byPath[s.path][s.key] = s
	a.byKey.Set(s.key, s, while)
}

// evictOldest lets go of the answer that has been here longest. The caller holds mu.
func (a *answers) evictOldest() {
	if s, ok := a.oldest.Front().Value.(*slot); ok {
		a.byKey.Delete(s.key)
	}
}

// forget strikes a slot off that go-cache has deleted. The caller of that deletion holds mu.
func (a *answers) forget(s *slot) {
	a.bytes -= s.size
	a.oldest.Remove(s.place)
	delete(a.byPath[s.path], s.key)
	if len(a.byPath[s.path]) == 0 {
		delete(a.byPath, s.path)
	}
}

// drop lets go of what is kept for a request.
func (a *answers) drop(key string, h http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.slot(key); s != nil && s.vary != nil {
		key = variantKey(key, s.vary, h)
	}
	a.byKey.Delete(key)
}

// purge lets go of all answers of a path, because it was written to, and sees to it that no fetch under way becomes one.
func (a *answers) purge(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes[a.stripe(path)]++
	for key := range a.byPath[path] {
		a.byKey.Delete(key)
	}
	for key, f := range a.flights {
		if f.path == path {
			delete(a.flights, key) // who comes from now on must not be given what was read before the write
		}
	}
}

// mark is what put wants to know of the moment at which a fetch begins.
func (a *answers) mark(path string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writes[a.stripe(path)]
}

func (a *answers) stripe(path string) uint64 {
	return maphash.String(a.seed, path) % uint64(len(a.writes))
}

// purgePath is a path under which a write finds what reads have kept. Vendors take several spellings of a path for one (TeamDynamix
// runs on IIS, which folds case); to purge too much only costs a call.
func purgePath(raw string) string {
	if plain, err := url.PathUnescape(raw); err == nil {
		raw = plain
	}
	return strings.ToLower(strings.TrimRight(raw, "/"))
}
