package main

import (
	"testing"
	"time"
)

// spent is n calls, a millisecond apart.
func spent(at time.Duration, n int) (marks []mark) {
	for i := range n {
		marks = append(marks, mark{at: begin.Add(at + time.Duration(i)*time.Millisecond)})
	}
	return marks
}

// spending is as many at each of some times.
func spending(n int, starts ...time.Duration) (marks []mark) {
	for _, at := range starts {
		marks = append(marks, spent(at, n)...)
	}
	return marks
}

func TestWholeWindows(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	full := spending(60, 0, window, 2*window, 3*window)
	for name, c := range map[string]struct {
		marks []mark
		from  time.Duration
		want  float64
	}{
		"nothing":              {nil, 0, 0},
		"one window":           {spent(0, 60), 0, 0},
		"all full":             {full, 0, 1},
		"a first one is empty": {append(spent(0, 10), full[60:]...), window, 1},
		"opened late":          {spending(60, 0, 12*time.Second+500*time.Millisecond, 25*time.Second), 0, 0.8},
		"half":                 {spending(30, 0, window, 2*window), 0, 0.5},
	} {
		if got := wholeWindows(c.marks, begin.Add(c.from), 60, window); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	full[3].refused = true
	if got := wholeWindows(full, begin, 60, window); got != 179./180 || refusals(full) != 1 {
		t.Errorf("a refused call: got %v used and %d refused, want 179 of 180 and 1", got, refusals(full))
	}
}

func TestAgainAfter(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Second
	marks := append(spending(60, 0), spending(45, 10*time.Second, 20*time.Second)...)
	if got := againAfter(marks, begin.Add(time.Second), 60, window); got != 0 {
		t.Errorf("three quarters of the limit: got %v, want never", got)
	}
	marks = append(marks, spending(57, 30*time.Second)...)
	if got, want := againAfter(marks, begin.Add(15*time.Second), 60, window), 15*time.Second; got > want || got < want-window {
		t.Errorf("95 %% of the limit: got %v, want a window that ends with %v", got, want)
	}
	if got := permitted(marks, begin.Add(10*time.Second), window); got != 45 {
		t.Errorf("calls of a window: got %d, want 45", got)
	}
}
