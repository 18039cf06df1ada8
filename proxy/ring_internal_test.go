package proxy

import (
	"strings"
	"testing"
)

// TestRingResize: whatever its size was and is, the ring holds the newest.
func TestRingResize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, added, to, more int
		want                  string // newest first
	}{
		"grows":          {2, 3, 4, 1, "d c b"},
		"shrinks":        {4, 6, 2, 0, "f e"},
		"not yet full":   {4, 2, 3, 1, "c b a"},
		"to its content": {4, 2, 2, 1, "c b"},
		"to nothing":     {3, 3, 0, 2, ""},
		"from nothing":   {0, 3, 2, 1, "d"},
		"the same":       {3, 4, 3, 1, "e d c"},
	} {
		r := &Ring{}
		r.Resize(c.from)
		id := 'a'
		add := func(n int) {
			for range n {
				r.add(RoundTrip{ID: string(id)})
				id++
			}
		}
		add(c.added)
		r.Resize(c.to)
		add(c.more)
		var got []string
		for _, trip := range r.Last() {
			got = append(got, trip.ID)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %q, want %q", name, text, c.want)
		}
	}
}
