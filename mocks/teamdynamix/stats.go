package teamdynamix

import (
	"maps"
	"net/http"
	"sync"
)

// Stats is what has happened since New or Reset, production and sandbox together.
type Stats struct {
	Calls     int            // requests, answered or cut
	Limited   int            // answered 429
	Failed    int            // answered 500
	Dropped   int            // connections cut
	Tokens    int            // tokens issued
	Windows   int            // windows opened, over all methods and addresses
	Statuses  map[int]int    // answers by status
	Addresses map[string]int // calls by source address
	Routes    map[string]RouteStats
}

// RouteStats counts one method, by a key like "GET /api/people/{uid}". Calls of no route stand in Stats alone.
type RouteStats struct{ Calls, Limited, Windows int }

// Stats returns a copy of the counts.
func (v *Vendor) Stats() Stats {
	v.tally.mu.Lock()
	defer v.tally.mu.Unlock()
	out := v.tally.stats
	out.Statuses, out.Addresses, out.Routes = maps.Clone(out.Statuses), maps.Clone(out.Addresses), maps.Clone(out.Routes)
	return out
}

type tally struct {
	mu    sync.Mutex
	stats Stats
}

func (t *tally) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats = Stats{Statuses: map[int]int{}, Addresses: map[string]int{}, Routes: map[string]RouteStats{}}
}

// count enters the finished call into the books.
func (c *call) count() {
	t := &c.vendor.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.stats
	s.Calls++
	s.Addresses[source(c.r)]++
	s.Statuses[c.w.status]++
	s.Tokens += c.issued
	s.Windows += one(c.verdict.opened)
	s.Limited += one(c.w.status == http.StatusTooManyRequests)
	s.Failed += one(c.w.status == http.StatusInternalServerError)
	s.Dropped += one(c.w.dropped)
	if c.route.Path == "" {
		return
	}
	key := c.route.Method + " " + c.route.Path
	r := s.Routes[key]
	r.Calls++
	r.Windows += one(c.verdict.opened)
	r.Limited += one(c.w.status == http.StatusTooManyRequests)
	s.Routes[key] = r
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
