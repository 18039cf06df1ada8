package proxy

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// RoundTrip is one finished request, as the admin page and `sluice try` show it. Its headers and URL are redacted when they are read.
type RoundTrip struct {
	ID             string      `json:"id"`
	Time           time.Time   `json:"time"`
	Connection     string      `json:"connection"`
	Consumer       string      `json:"consumer"`
	View           string      `json:"view"`
	Remote         string      `json:"remote,omitempty"`
	Method         string      `json:"method"`
	Path           string      `json:"path"`
	Route          string      `json:"route"`
	Status         int         `json:"status"`
	Answered       string      `json:"answered"`
	Cached         string      `json:"cached,omitempty"`
	Attempts       int         `json:"attempts"`
	HeldMs         float64     `json:"heldMs"`
	DurationMs     float64     `json:"durationMs"`
	Bytes          int64       `json:"bytes"`
	Error          string      `json:"error,omitempty"`
	RequestHeader  http.Header `json:"requestHeader"`
	ResponseHeader http.Header `json:"responseHeader"`
}

// Ring keeps the last round trips. The zero Ring keeps none until Resize.
type Ring struct {
	mu   sync.Mutex
	kept []RoundTrip
	next int
	full bool
}

// NewRing returns a ring of the last n round trips; nil when n is 0.
func NewRing(n int) *Ring {
	if n <= 0 {
		return nil
	}
	return &Ring{kept: make([]RoundTrip, n)}
}

// Resize makes r a ring of the last n round trips; the newest of those it holds stay in it. With 0 it keeps none.
func (r *Ring) Resize(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	trips := r.inOrder()
	trips = trips[max(0, len(trips)-n):]
	r.kept = make([]RoundTrip, n)
	r.next, r.full = copy(r.kept, trips), false
	if r.next == n {
		r.next, r.full = 0, true
	}
}

// inOrder returns what r holds, oldest first. The caller holds r.mu.
func (r *Ring) inOrder() []RoundTrip {
	if r.full {
		return slices.Concat(r.kept[r.next:], r.kept[:r.next])
	}
	return slices.Clone(r.kept[:r.next])
}

func (r *Ring) add(t RoundTrip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == 0 {
		return
	}
	r.kept[r.next] = t
	r.next++
	if r.next == len(r.kept) {
		r.next, r.full = 0, true
	}
}

// Last returns what the ring holds, newest first, redacted.
func (r *Ring) Last() []RoundTrip {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	trips := r.inOrder()
	r.mu.Unlock()
	slices.Reverse(trips)
	for i := range trips {
		trips[i].Path = redactTarget(trips[i].Path)
		trips[i].Error = redactText(trips[i].Error)
		trips[i].RequestHeader = redactHeader(trips[i].RequestHeader)
		trips[i].ResponseHeader = redactHeader(trips[i].ResponseHeader)
	}
	return trips
}
