// Package limiter plays the limiters that vendors put before their APIs, each by its published rule, so that pacing can be tried against
// all of them. Tests and benches drive it in virtual or real time: every method takes the time as an argument, which never runs
// back. It knows no HTTP and no clock, and it imports nothing of ours.
package limiter

import "time"

// Verdict is what a limiter says of one call.
type Verdict struct {
	Permitted bool
	Limit     int       // calls per window
	Remaining int       // calls that could go right now
	Reset     time.Time // what the vendor's headers would give as the end of the window
}

// Limiter counts calls. It is not safe for concurrent use.
type Limiter interface {
	// Take asks for one call at now and counts it if it is permitted.
	Take(now time.Time) Verdict
}

// Fixed is a window on a grid: it ends at Phase, Phase+Window, and so on after the zero time, whoever calls when (GitHub, DocuSign's
// clock hour).
type Fixed struct {
	Limit  int
	Window time.Duration
	Phase  time.Duration

	ends time.Time
	used int
}

// Take implements Limiter.
func (f *Fixed) Take(now time.Time) Verdict {
	if !now.Before(f.ends) {
		f.ends = now.Add(-f.Phase).Truncate(f.Window).Add(f.Window + f.Phase)
		f.used = 0
	}
	return f.take()
}

func (f *Fixed) take() Verdict {
	v := Verdict{Permitted: f.used < f.Limit, Limit: f.Limit, Reset: f.ends}
	if v.Permitted {
		f.used++
	}
	v.Remaining = f.Limit - f.used
	return v
}

// FirstCall is a window that its first call opens and that ends its length later; the next call after that opens another (TeamDynamix,
// About Rate Limiting).
type FirstCall struct {
	Limit  int
	Window time.Duration

	fixed Fixed
}

// Take implements Limiter.
func (f *FirstCall) Take(now time.Time) Verdict {
	if !now.Before(f.fixed.ends) {
		f.fixed = Fixed{Limit: f.Limit, ends: now.Add(f.Window)}
	}
	return f.fixed.take()
}

// SlidingLog permits at most Limit calls in any span of Window. Its reset is when the oldest call leaves the span.
type SlidingLog struct {
	Limit         int
	Window        time.Duration
	CountsRefused bool // a refused call stays in the span too, so that who knocks on never gets in

	log []time.Time
}

// Take implements Limiter.
func (s *SlidingLog) Take(now time.Time) Verdict {
	for len(s.log) > 0 && now.Sub(s.log[0]) >= s.Window {
		s.log = s.log[1:]
	}
	v := Verdict{Permitted: len(s.log) < s.Limit, Limit: s.Limit}
	if v.Permitted || s.CountsRefused {
		s.log = append(s.log, now)
	}
	v.Remaining = max(0, s.Limit-len(s.log))
	v.Reset = s.log[0].Add(s.Window)
	if over := len(s.log) - s.Limit; over > 0 {
		v.Reset = s.log[over].Add(s.Window)
	}
	return v
}

// SlidingCounter estimates a sliding window from two counters on a grid: the present one, and of the one before the share that a span of
// Window still covers (Cloudflare, Kong).
type SlidingCounter struct {
	Limit  int
	Window time.Duration
	Phase  time.Duration

	ends         time.Time
	before, used int
}

// Take implements Limiter.
func (s *SlidingCounter) Take(now time.Time) Verdict {
	if !now.Before(s.ends) {
		s.before = 0
		if now.Before(s.ends.Add(s.Window)) {
			s.before = s.used
		}
		s.used = 0
		s.ends = now.Add(-s.Phase).Truncate(s.Window).Add(s.Window + s.Phase)
	}
	covered := float64(s.before) * float64(s.ends.Sub(now)) / float64(s.Window)
	v := Verdict{Permitted: covered+float64(s.used) <= float64(s.Limit-1), Limit: s.Limit, Reset: s.ends}
	if v.Permitted {
		s.used++
	}
	v.Remaining = max(0, s.Limit-s.used-int(covered+0.999999))
	return v
}

// Bucket holds Burst tokens at most and gets Limit new ones in each Window, evenly. With a Burst of Limit it is the usual token bucket; with a
// small one it is what a leaky bucket without a queue permits. Its reset is when it will be full again.
type Bucket struct {
	Limit  int
	Window time.Duration
	Burst  int

	tokens float64
	last   time.Time
}

// rounding forgives what many small refills lose.
const rounding = 1e-9

// Take implements Limiter.
func (b *Bucket) Take(now time.Time) Verdict {
	rate := float64(b.Limit) / float64(b.Window)
	if b.last.IsZero() {
		b.tokens = float64(b.Burst)
	}
	b.tokens = min(float64(b.Burst), b.tokens+rate*float64(now.Sub(b.last)))
	b.last = now
	v := Verdict{Permitted: b.tokens >= 1-rounding, Limit: b.Limit}
	if v.Permitted {
		b.tokens--
	}
	v.Remaining = int(b.tokens + rounding)
	v.Reset = now.Add(time.Duration((float64(b.Burst) - b.tokens) / rate))
	return v
}
