package proxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestReloadKeepsState: what was learned of a vendor outlives a reload that does not change the settings behind it, and ends with one
// that does.
func TestReloadKeepsState(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		echo(w, r)
	}))
	const limited = "    max_hold: 1s\n    limits: {\"GET /api/groups/{id}\": {limit: 1, window: 300s}}\n    breaker: {failures: 2, open: 5m}\n"
	h := open(t, load(t, atVendor(vendor, limited), nil))
	status := func(path string) int {
		t.Helper()
		resp, _ := ask(t, "GET", h.url+"/tdx"+path, "")
		return resp.StatusCode
	}
	apply := func(config string) {
		t.Helper()
		if err := h.upstreams.Apply(load(t, config, nil)); err != nil {
			t.Fatalf("Apply: %v", err)
		}
	}
	if got := status("/api/groups/1"); got != 200 {
		t.Fatalf("the first call: %d, want 200", got)
	}
	down.Store(true)
	for range 2 {
		if got := status("/api/people/1"); got != 500 {
			t.Fatalf("a call to a vendor that fails: %d, want 500", got)
		}
	}
	down.Store(false)
	apply("limits: {response_body: 100MiB}\n" + atVendor(vendor, limited)) // a change elsewhere
	if got := status("/api/groups/1"); got != 429 {
		t.Errorf("after a reload with the same limit: %d, want 429: the place is spent", got)
	}
	if got := status("/api/people/1"); got != 503 {
		t.Errorf("after a reload with the same breaker: %d, want 503: it is open", got)
	}
	apply(atVendor(vendor, strings.Replace(strings.Replace(limited, "limit: 1,", "limit: 2,", 1), "open: 5m", "open: 6m", 1)))
	if got := status("/api/groups/1"); got != 200 {
		t.Errorf("after a reload with another limit: %d, want 200", got)
	}
	if got := status("/api/people/1"); got != 200 {
		t.Errorf("after a reload with another breaker: %d, want 200", got)
	}
}
