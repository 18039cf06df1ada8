package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestHTTPMeetsItsBars: through the real binary and over real HTTP the vendor refuses nothing, and each way of configuring gets calls
// through in every window. How many is for the bench to say, on a machine that does nothing else.
func TestHTTPMeetsItsBars(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "../sluice").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	const windows = 3
	uses, err := measureHTTP(t.Context(), binary, windows)
	if err != nil {
		t.Fatal(err)
	}
	for i, trial := range httpTrials {
		if uses[i].most > calls {
			t.Errorf("%s: got %d calls permitted in one window, want %d or fewer", trial.name, uses[i].most, calls)
		}
		if trial.competitor > 0 {
			continue
		}
		if uses[i].refused != 0 {
			t.Errorf("%s: the vendor refused %d calls, want 0", trial.name, uses[i].refused)
		}
		if least := windows * calls / 3; uses[i].answered < least {
			t.Errorf("%s: got %d calls answered, want %d or more", trial.name, uses[i].answered, least)
		}
	}
}

// TestWeigh: the span is counted from the first call, and a burst that a late window adds to it does not count over whole windows.
func TestWeigh(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	bursts := func(n, refused int, starts ...time.Duration) (marks []mark) {
		for _, at := range starts {
			for i := range n {
				marks = append(marks, mark{at: begin.Add(at + time.Duration(i)*time.Millisecond), refused: i >= n-refused})
			}
		}
		return marks
	}
	for _, c := range []struct {
		name  string
		marks []mark
		want  used
	}{
		{"nothing", nil, used{}},
		{"every window full", bursts(60, 0, 0, 2*time.Second, 4*time.Second, 6*time.Second), used{answered: 180, share: 1, whole: 1, most: 60}},
		{"windows opened late", bursts(60, 0, 0, 2500*time.Millisecond, 5*time.Second), used{answered: 180, share: 1, whole: 0.8, most: 60}},
		{"one burst", bursts(30, 0, 0), used{answered: 30, share: 1. / 6, most: 30}},
		{"refused", bursts(62, 2, 0, 2*time.Second, 4*time.Second), used{answered: 180, refused: 6, share: 1, whole: 1, most: 60}},
		{"more than permitted", bursts(61, 0, 0, 3*time.Second), used{answered: 122, share: 122. / 180, whole: 61. / 90, most: 61}},
		{
			"what comes at the end is out", bursts(1, 0, 0, 5*time.Second, 6*time.Second),
			used{answered: 2, share: 2. / 180, whole: 1. / 150, most: 1},
		},
	} {
		if got := weigh(c.marks, calls, window, 3); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
