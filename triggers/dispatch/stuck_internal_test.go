package dispatch

import (
	"testing"
	"time"

	"sluice/triggers"
)

// Several of a subject may have failed, because old ones are replayed: each keeps those behind it, and one that is over frees nothing that another
// keeps.
func TestStuck(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 15, 0, 0, 0, time.UTC)
	s := stuck{}
	s.put("=a", triggers.Stuck{Seq: 5, Due: at.Add(time.Hour)})
	s.put("=a", triggers.Stuck{Seq: 2, Due: at})
	s.put("=b", triggers.Stuck{Seq: 3, Due: at})
	s.put("=a", triggers.Stuck{Seq: 2, Due: at.Add(time.Minute)})
	last := func(subject string, before, want int64) {
		t.Helper()
		one, found := s.last(subject, before)
		if found != (want > 0) || one.Seq != want {
			t.Errorf("before %d of %s: got %+v, %v, want %d", before, subject, one, found, want)
		}
	}
	last("=a", 2, 0)
	last("=a", 3, 2)
	last("=a", 5, 2)
	last("=a", 6, 5)
	last("=c", 9, 0)
	if one, _ := s.last("=a", 3); !one.Due.Equal(at.Add(time.Minute)) {
		t.Errorf("got it due %v, want what was said last", one.Due)
	}
	is := func(seq int64) bool { return seq == 5 }
	if s.any("=a", 5, is) || !s.any("=a", 6, is) || s.any("=b", 9, is) {
		t.Error("5 is to keep what is behind it of its own subject alone")
	}
	if !s.remove("=a", 2) || s.remove("=a", 2) {
		t.Error("2 is to be there once")
	}
	last("=a", 3, 0)
	last("=a", 6, 5)
	if !s.remove("=a", 5) || len(s) != 1 {
		t.Errorf("got %v, want nothing left of a", s)
	}
}
