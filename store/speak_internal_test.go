package store

import (
	"errors"
	"runtime"
	"testing"
)

// A walk that is ended from within is no whole one, and one that nobody wants more of ends.
func TestWalkCutShort(t *testing.T) {
	t.Parallel()
	walk := func(yield func(int, error) bool) {
		if yield(1, nil) {
			runtime.Goexit()
		}
	}
	var got []int
	var failed error
	for n, err := range spoken(t.Context(), nil, walk) {
		if failed = err; err == nil {
			got = append(got, n)
		}
	}
	if len(got) != 1 || !errors.Is(failed, errCutShort) {
		t.Errorf("got %v and then %v, want 1 and %v", got, failed, errCutShort)
	}
	ended := make(chan struct{})
	endless := func(yield func(int, error) bool) {
		defer close(ended)
		for n := 0; yield(n, nil); n++ {
		}
	}
	for _, err := range spoken(t.Context(), nil, endless) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	<-ended
}
