package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWeighAddressed: calls that come as early as the limits let them are all that is allowed, however full the last window is; windows that are
// opened late or not used up cost what they cost.
func TestWeighAddressed(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	bursts := func(n, refused int, starts ...time.Duration) (marks []addressed) {
		for _, at := range starts {
			for i := range n {
				marks = append(marks, addressed{mark{at: begin.Add(at + time.Duration(i)*time.Microsecond), refused: i >= n-refused}, "127.0.0.1"})
			}
		}
		return marks
	}
	full := bursts(240, 0, 0, window, 2*window)
	for _, c := range []struct {
		name    string
		marks   []addressed
		want    float64 // a thousandth more or less
		refused int
	}{
		{"nothing", nil, 0, 0},
		{"every window full", full, 1, 0},
		{"and a few more in the last", slices.Concat(full, bursts(3, 0, 3*window)), 1, 0},
		{"every window opened a quarter late", bursts(240, 0, 0, 5*window/4, 10*window/4), 0.8, 0},
		{"half of each window", bursts(120, 0, 0, window, 2*window, 3*window), 1. / 3, 0},
		{"refused calls are none", bursts(250, 10, 0, window, 2*window), 1, 30},
	} {
		got := weighAddressed(c.marks, 240, window)
		if got.efficiency < c.want-0.001 || got.efficiency > c.want || got.refused != c.refused {
			t.Errorf("%s: got %+v, want efficiency %.3f and %d refused", c.name, got, c.want, c.refused)
		}
	}
	if got := weighAddressed(full, 240, window); got.quantile(0) != 240 || got.quantile(1) != 240 || got.permitted != 720 || got.least != 2 {
		t.Errorf("three full windows: got %+v, want 720 calls that need two windows and a moment", got)
	}
}

// TestFirstOdd: the first difference of two exports is found, also where one is only longer.
func TestFirstOdd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		line int
	}{
		{"x\ny\n", "x\ny\n", 0},
		{"x\ny\n", "x\nz\n", 2},
		{"x\n", "x\ny\n", 2},
		{"", "x\n", 1},
	} {
		line, _, _, odd := firstOdd([]byte(c.a), []byte(c.b))
		if line != c.line || odd != (c.line > 0) {
			t.Errorf("%q and %q: got line %d and %t, want line %d", c.a, c.b, line, odd, c.line)
		}
	}
}

// TestLimitsOf: every limit of the shipped connector is scaled, or off.
func TestLimitsOf(t *testing.T) {
	t.Parallel()
	for scale, want := range map[int]string{30: `"GET /api/people/{uid}": {window: 2s}`, 0: `"GET /api/people/{uid}": {off: true}`} {
		if got, err := limitsOf(scale); err != nil || !strings.Contains(got, want) || strings.Count(got, "\n") < 30 {
			t.Errorf("scale %d: got %v and\n%swant %s among at least 30", scale, err, got, want)
		}
	}
}

// TestWeighScale: the worst of all plans and databases counts, each by its smallest and its largest size.
func TestWeighScale(t *testing.T) {
	t.Parallel()
	figure := func(database, plan string, people int, took time.Duration, mib int64) scaleFigure {
		return scaleFigure{scaleTrial{database, plan, people}, reading{Started: begin, Completed: begin.Add(took), cpu: took / 2, peak: mib << 20}}
	}
	got := weighScale([]scaleFigure{
		figure("sqlite", "inverted", 5_000, 5*time.Second, 50),
		figure("sqlite", "inverted", 55_000, 55*time.Second, 60),
		figure("sqlite", "inverted", 505_000, 606*time.Second, 100),
		figure("postgres", "detail", 5_000, 5*time.Second, 50),
		figure("postgres", "detail", 55_000, 66*time.Second, 70),
		figure("postgres", "inverted", 5_000, 5*time.Second, 500), // alone, so that nothing can be said of its growth
	})
	want := scaleFigures{rss55k: 70 << 20, rss500k: 100 << 20, memorySlope: 40, timeSlope: 1.2, cpuSlope: 1.2}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestScaleTrials: sizes of all plans on all databases, in an order that does not change.
func TestScaleTrials(t *testing.T) {
	t.Parallel()
	got, err := scaleTrials("sqlite,postgres", "5,50", "7")
	want := []scaleTrial{
		{"sqlite", "inverted", 5}, {"sqlite", "inverted", 50}, {"sqlite", "detail", 7},
		{"postgres", "inverted", 5}, {"postgres", "inverted", 50}, {"postgres", "detail", 7},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v and %v, want %v", got, err, want)
	}
	if _, err := scaleTrials("sqlite", "many", ""); err == nil {
		t.Error("many people: got no error, want one")
	}
}
