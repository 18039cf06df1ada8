package pace_test

import (
	"slices"
	"time"

	"sluice/proxy/pace"
)

// limiter is a vendor's limiter. Take counts a call at now and tells what the answer says.
type limiter interface {
	Take(now time.Time) (permitted bool, limit, remaining int, reset time.Time)
}

// fixed is a fixed window: opened by the first call (TeamDynamix), or on a grid when phase is set.
type fixed struct {
	limit  int
	window time.Duration
	grid   bool
	ends   time.Time
	used   int
}

func (f *fixed) Take(now time.Time) (bool, int, int, time.Time) {
	if !now.Before(f.ends) {
		f.used = 0
		f.ends = now.Add(f.window)
		if f.grid {
			f.ends = now.Truncate(f.window).Add(f.window)
		}
	}
	if f.used >= f.limit {
		return false, f.limit, 0, f.ends
	}
	f.used++
	return true, f.limit, f.limit - f.used, f.ends
}

// sliding is a sliding log.
type sliding struct {
	limit  int
	window time.Duration
	log    []time.Time
}

func (s *sliding) Take(now time.Time) (bool, int, int, time.Time) {
	s.log = slices.DeleteFunc(s.log, func(t time.Time) bool { return now.Sub(t) >= s.window })
	reset := now.Add(s.window)
	if len(s.log) > 0 {
		reset = s.log[0].Add(s.window)
	}
	if len(s.log) >= s.limit {
		return false, s.limit, 0, reset
	}
	s.log = append(s.log, now)
	return true, s.limit, s.limit - len(s.log), reset
}

// bucket is a token bucket of a whole window's burst.
type bucket struct {
	limit  int
	window time.Duration
	tokens float64
	last   time.Time
}

func (b *bucket) Take(now time.Time) (bool, int, int, time.Time) {
	if b.last.IsZero() {
		b.tokens = float64(b.limit)
	} else {
		b.tokens = min(float64(b.limit), b.tokens+now.Sub(b.last).Seconds()*float64(b.limit)/b.window.Seconds())
	}
	b.last = now
	if b.tokens < 1 {
		return false, b.limit, 0, now.Add(b.window)
	}
	b.tokens--
	return true, b.limit, int(b.tokens), now.Add(b.window)
}

// answer puts a limiter's word as TeamDynamix would: whole seconds, and the difference to the answer's Date.
func answer(now time.Time, permitted bool, limit, remaining int, reset time.Time, skew time.Duration) pace.Report {
	date := now.Add(skew).Truncate(time.Second)
	return pace.Report{
		Refused: !permitted, HasLimit: true, HasRemaining: true, Limit: float64(limit), Remaining: float64(remaining),
		HasReset: true, ResetAfter: max(0, reset.Add(skew).Truncate(time.Second).Sub(date)),
	}
}
