package main

import "time"

// permitted counts the calls that the vendor permitted in a span from at.
func permitted(marks []mark, at time.Time, span time.Duration) (n int) {
	for _, m := range marks {
		if !m.refused && !m.at.Before(at) && m.at.Sub(at) < span {
			n++
		}
	}
	return n
}

func refusals(marks []mark) (n int) {
	for _, m := range marks {
		if m.refused {
			n++
		}
	}
	return n
}

// wholeWindows is how much of a limit was used from the opening of the first window after from until the opening of the last one. A window
// opens with the first call after the one before has ended.
func wholeWindows(marks []mark, from time.Time, limit int, window time.Duration) float64 {
	var opened, first, last time.Time
	before, first0 := 0, 0 // permitted calls when the last window opened, and when the first one did that counts
	n := 0
	for _, m := range marks {
		if opened.IsZero() || m.at.Sub(opened) >= window {
			opened, last, before = m.at, m.at, n
			if first.IsZero() && !m.at.Before(from) {
				first, first0 = m.at, n
			}
		}
		if !m.refused {
			n++
		}
	}
	if first.IsZero() || !last.After(first) {
		return 0
	}
	return float64(before-first0) / (float64(limit) * float64(last.Sub(first)) / float64(window))
}

// againAfter is how long after at the calls of a window first were nearly as many as the limit, from the beginning of that window; 0 when
// they never were.
func againAfter(marks []mark, at time.Time, limit int, window time.Duration) time.Duration {
	for _, m := range marks {
		if m.at.After(at) && 100*permitted(marks, m.at, window) >= 95*limit {
			return m.at.Sub(at)
		}
	}
	return 0
}
