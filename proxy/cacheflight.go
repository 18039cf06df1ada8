package proxy

import (
	"context"
	"net/http"
)

// flight is one fetch that several callers wait for.
type flight struct {
	path string
	done chan struct{} // closed when it has landed; the rest is written before

	brought
	open bool // whoever led it is gone and nothing is known: another must lead
}

// brought is what a fetch has brought for others; the zero value is nothing.
type brought struct {
	got     *answer
	vary    []string // names of request headers that got depends on: only who sends the same values may have it
	variant string   // the key under those values
}

// join returns the flight for key, and whether the caller must lead it and end it with land.
func (a *answers) join(key, path string) (f *flight, leads bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f, underWay := a.flights[key]; underWay {
		return f, false
	}
	f = &flight{path: path, done: make(chan struct{})}
	a.flights[key] = f
	return f, true
}

// land ends a flight.
func (a *answers) land(key string, f *flight) {
	a.mu.Lock()
	if a.flights[key] == f { // a purge may have made room for another
		delete(a.flights, key)
	}
	a.mu.Unlock()
	close(f.done)
}

// gives returns the answer that a fetch has brought for a request; nil when there is none for it.
func (b *brought) gives(key string, h http.Header) *answer {
	if b.got != nil && len(b.vary) > 0 && variantKey(key, b.vary, h) != b.variant {
		return nil
	}
	return b.got
}

// wait returns when f has landed or ctx has ended.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
