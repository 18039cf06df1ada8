package triggers_test

import (
	"errors"
	"testing"
	"time"

	"sluice/triggers"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	born := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	broken := errors.New("status 500")
	for name, c := range map[string]struct {
		after  time.Duration // since it was made
		tries  int
		err    error
		chance float64
		want   time.Duration // from now; below 0: dead
	}{
		"the first pause":                 {0, 1, broken, 1, time.Second},
		"the first pause at its shortest": {0, 1, broken, 0, 500 * time.Millisecond},
		"the third":                       {time.Minute, 3, broken, 1, 6250 * time.Millisecond},
		"an hour at the most":             {time.Hour, 40, broken, 1, time.Hour},
		"the receiver says when":          {0, 1, triggers.RetryAfter(time.Minute, broken), 1, time.Minute},
		"sooner than we would":            {time.Hour, 40, triggers.RetryAfter(time.Minute, broken), 1, time.Hour},
		"not beyond the span":             {71*time.Hour + 30*time.Minute, 40, triggers.RetryAfter(24*time.Hour, broken), 1, 30 * time.Minute},
		"past the span":                   {72 * time.Hour, 40, broken, 1, -1},
		"past it, and tried once":         {80 * time.Hour, 1, broken, 1, time.Second},
		"past it, and the receiver says":  {80 * time.Hour, 4, triggers.RetryAfter(time.Hour, broken), 1, 15625 * time.Millisecond},
		"past it, and tried five times":   {80 * time.Hour, 5, broken, 1, -1},
		"for good":                        {0, 1, triggers.Permanent(broken), 1, -1},
		"many tries do not overflow":      {time.Hour, 1 << 40, broken, 1, time.Hour},
	} {
		now := born.Add(c.after)
		got := triggers.Schedule(now, born, c.tries, c.err, 72*time.Hour, c.chance)
		if got.Dead != (c.want < 0) || !got.Dead && got.At.Sub(now) != c.want {
			t.Errorf("%s: got %+v (in %v), want %v", name, got, got.At.Sub(now), c.want)
		}
	}
	// What is past its span has as many attempts as that allows, and five at the most.
	for span, want := range map[time.Duration]int{0: 2, time.Second: 2, 2 * time.Second: 3, 9 * time.Second: 4, 10 * time.Second: 5, 72 * time.Hour: 5} {
		tries := 1
		for !triggers.Schedule(born.Add(span), born, tries, broken, span, 1).Dead {
			tries++
		}
		if tries != want {
			t.Errorf("tried for %s: got %d attempts past it, want %d", span, tries, want)
		}
	}
}
