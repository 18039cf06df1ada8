package lease

import (
	"math"
	"slices"
	"time"
)

const never = time.Duration(math.MaxInt64)

// placeLog is taken places in the order in which they come free.
type placeLog struct {
	list  []Taken
	taken int
	grain time.Duration // places that come free so near to each other are kept as one, free with the last; 0 = each by itself
}

// grainsPerWindow bounds a log, and with it a trade, whatever the limit; below it each place is kept by itself.
const grainsPerWindow = 256

func newPlaceLog(terms Terms) placeLog {
	if terms.Limit <= grainsPerWindow {
		return placeLog{}
	}
	return placeLog{grain: max(1, terms.Window/grainsPerWindow)}
}

// add takes places until free.
func (l *placeLog) add(free time.Duration, calls int) {
	if l.grain > 0 {
		free = (free + l.grain - 1).Truncate(l.grain)
	}
	l.taken += calls
	at := len(l.list)
	for at > 0 && l.list[at-1].Free > free { // answers overtake each other by a little
		at--
	}
	if at > 0 && l.list[at-1].Free == free {
		l.list[at-1].Calls += calls
		return
	}
	l.list = slices.Insert(l.list, at, Taken{free, calls})
}

// expire frees the places whose time has come.
func (l *placeLog) expire(t time.Duration) {
	n := 0
	for n < len(l.list) && l.list[n].Free <= t {
		l.taken -= l.list[n].Calls
		n++
	}
	l.list = slices.Delete(l.list, 0, n)
}

// frees is when the n-th place from now comes free (n from 1).
func (l *placeLog) frees(n int) time.Duration {
	for _, s := range l.list {
		if n -= s.Calls; n <= 0 {
			return s.Free
		}
	}
	return never
}

// told is the log as a trade says it at t.
func (l *placeLog) told(t time.Duration) []Spent {
	out := make([]Spent, 0, len(l.list))
	for _, s := range l.list {
		out = append(out, Spent{s.Calls, s.Free - t})
	}
	return out
}
