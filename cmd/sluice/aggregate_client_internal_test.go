package main

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"sluice/internal/fault"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A call that was refused before it went is none of the vendor's.
func TestAggregateCountsCallsThatWent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"answered":        {nil, 1},
		"timeout":         {fault.New("wire", http.StatusGatewayTimeout, "vendor_timeout", "slow"), 1},
		"an open breaker": {fault.New("breaker", http.StatusServiceUnavailable, "circuit_open", "open").After(time.Second), 0},
		"no place for it": {fault.New("pace", http.StatusTooManyRequests, "queue_full", "full"), 0},
		"something else":  {errors.New("broken"), 1},
	} {
		calls := 0
		b := &bulk{
			next: roundTrip(func(*http.Request) (*http.Response, error) {
				if tt.err != nil {
					return nil, tt.err
				}
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}),
			called: func(time.Duration) { calls++ },
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vendor.invalid/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := b.RoundTrip(r)
		if resp != nil {
			_ = resp.Body.Close()
		}
		if calls != tt.want {
			t.Errorf("%s: got %d calls, want %d", name, calls, tt.want)
		}
	}
}
