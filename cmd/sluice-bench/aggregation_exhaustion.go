package main

import (
	"slices"
	"time"
)

// exhaustion is how much of a limit was used from the first read to the last. The limit is that of all addresses together.
//
// Nobody can make n calls sooner than in the windows that hold all but the last of them, and a moment: the last window's calls may all come
// at its opening. So efficiency is that least time over the time that it took. The last window, which is seldom full, costs exactly what it
// took, and no schedule can have more than 1.
type exhaustion struct {
	permitted, refused int
	least              int     // windows
	windows            float64 // windows that it took
	efficiency         float64
	whole              []int // permitted calls of each whole window's length from the first read on, sorted
}

func weighAddressed(marks []addressed, limit int, window time.Duration) (s exhaustion) {
	if len(marks) == 0 {
		return s
	}
	first, last := marks[0].at, marks[len(marks)-1].at
	s.whole = make([]int, int(last.Sub(first)/window))
	for _, m := range marks {
		if m.refused {
			s.refused++
			continue
		}
		s.permitted++
		if i := int(m.at.Sub(first) / window); i < len(s.whole) {
			s.whole[i]++
		}
	}
	slices.Sort(s.whole)
	s.windows = float64(last.Sub(first)) / float64(window)
	s.least = max(0, s.permitted-1) / limit
	if s.windows > 0 {
		s.efficiency = float64(s.least) / s.windows
	}
	return s
}

// quantile is of the calls of the whole windows; 0 is the least, 1 the most.
func (s exhaustion) quantile(q float64) int {
	if len(s.whole) == 0 {
		return 0
	}
	return s.whole[int(q*float64(len(s.whole)-1))]
}
