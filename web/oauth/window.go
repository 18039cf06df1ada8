package oauth

import (
	"slices"
	"sync"
	"time"
)

// windowKey is what is counted together.
type windowKey struct{ client, version string }

// windows remember when each client called, as often as it may: a token bucket of the same size would let twice as many through in the
// first window. Clients are few, because only those in the store are counted.
type windows struct {
	calls  int
	length time.Duration

	mu sync.Mutex
	of map[windowKey][]time.Time
}

// take counts a call, or says how long it has to wait.
func (w *windows) take(key windowKey, now time.Time) time.Duration {
	if w.calls < 0 {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.of[key]
	gone := 0
	for gone < len(calls) && now.Sub(calls[gone]) >= w.length {
		gone++
	}
	calls = slices.Delete(calls, 0, gone)
	if len(calls) >= w.calls {
		w.of[key] = calls
		return w.length - now.Sub(calls[0])
	}
	w.of[key] = append(calls, now)
	return 0
}
