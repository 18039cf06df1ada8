package shadow_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/shadow"
)

// noon is when these trials begin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// drive has workers call as fast as the governor lets them, each call counted when it is sent and answered a trip later.
func drive(t *testing.T, rule shadow.Rule, vendor limiter.Limiter, workers int, lasts time.Duration, says func(limiter.Verdict, time.Time) shadow.Report) (answered, refused int) {
	t.Helper()
	const trip = 300 * time.Millisecond
	type call struct {
		back time.Time
		sent shadow.Sent
		said shadow.Report
	}
	g := shadow.New(rule)
	var out []call
	for now := noon; now.Before(noon.Add(lasts)); {
		next := g.Next(now, shadow.Bulk)
		switch {
		case len(out) < workers && !next.After(now):
			verdict := vendor.Take(now)
			said := says(verdict, now)
			if said.Refused = !verdict.Permitted; said.Refused {
				refused++
			} else {
				answered++
			}
			out = append(out, call{now.Add(trip), g.Send(now, shadow.Bulk), said})
			continue
		case len(out) > 0 && (len(out) == workers || shadow.Never(next) || !out[0].back.After(next)):
			now = out[0].back
		case shadow.Never(next):
			t.Fatalf("nothing is out, and the next call may never go: %s", g.Why(now, shadow.Bulk))
		default:
			now = next
		}
		for len(out) > 0 && !out[0].back.After(now) {
			g.Answer(now, out[0].sent, out[0].said)
			out = out[1:]
		}
	}
	return answered, refused
}

func allHeaders(v limiter.Verdict, now time.Time) shadow.Report {
	return shadow.Report{HasLimit: true, Limit: float64(v.Limit), HasRemaining: true, Remaining: float64(v.Remaining), HasReset: true, ResetAfter: v.Reset.Sub(now)}
}

func noHeaders(limiter.Verdict, time.Time) shadow.Report { return shadow.Report{} }

// TestLongWindows: a limit for a day is paced as one for a minute is, whether anything is said of it or not.
func TestLongWindows(t *testing.T) {
	t.Parallel()
	const day, days = 24 * time.Hour, 10
	for _, limit := range []int{1, 5, 1000} {
		for kind, vendor := range map[shadow.Kind]func() limiter.Limiter{
			shadow.Unknown:   func() limiter.Limiter { return &limiter.Fixed{Limit: limit, Window: day, Phase: 5 * time.Hour} },
			shadow.Fixed:     func() limiter.Limiter { return &limiter.Fixed{Limit: limit, Window: day, Phase: 5 * time.Hour} },
			shadow.Clock:     func() limiter.Limiter { return &limiter.Fixed{Limit: limit, Window: day} },
			shadow.FirstCall: func() limiter.Limiter { return &limiter.FirstCall{Limit: limit, Window: day} },
			shadow.Sliding:   func() limiter.Limiter { return &limiter.SlidingLog{Limit: limit, Window: day} },
			shadow.Refill:    func() limiter.Limiter { return &limiter.Bucket{Limit: limit, Window: day, Burst: limit} },
		} {
			for name, says := range map[string]func(limiter.Verdict, time.Time) shadow.Report{"all headers": allHeaders, "no headers": noHeaders} {
				answered, refused := drive(t, shadow.Rule{Limit: limit, Window: day, Kind: kind}, vendor(), 8, days*day, says)
				if refused > 0 || answered < limit*(days-1) {
					t.Errorf("%v, limit %d, %s: got %d of %d calls and %d refusals, want 90 %% and none", kind, limit, name, answered, limit*days, refused)
				}
			}
		}
	}
}

// TestLearnedDay: a limit for a day of which only headers tell is not knocked at.
func TestLearnedDay(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{8, 100} {
		answered, refused := drive(t, shadow.Rule{}, &limiter.Fixed{Limit: 1000, Window: 24 * time.Hour}, workers, 72*time.Hour, allHeaders)
		if refused > 80 || answered < 3000 {
			t.Errorf("%d workers: got %d answered and %d refused, want 3000 and a look an hour at most", workers, answered, refused)
		}
	}
}

// TestDenseStream: calls that come closer than the log is kept in grains find their places free a window later all the same.
func TestDenseStream(t *testing.T) {
	t.Parallel()
	const limit = 6000
	g := shadow.New(shadow.Rule{Limit: limit, Window: time.Minute, Kind: shadow.Sliding})
	now, gap := noon, time.Minute/time.Duration(limit*9/10)
	for i := range limit * 4 {
		now = now.Add(gap)
		if g.Next(now, shadow.Bulk).After(now) {
			t.Fatalf("call %d at nine tenths of the limit waits: %s", i, g.Why(now, shadow.Bulk))
		}
		g.Answer(now.Add(gap/2), g.Send(now, shadow.Bulk), shadow.Report{})
	}
}

// TestWindowShrinks: calls that were counted for an hour are counted for a second once the vendor says so.
func TestWindowShrinks(t *testing.T) {
	t.Parallel()
	g := shadow.New(shadow.Rule{})
	said := func(window time.Duration) shadow.Report {
		return shadow.Report{HasLimit: true, Limit: 60, Window: window}
	}
	now := noon
	for range 3 {
		g.Answer(now, g.Send(now, shadow.Bulk), said(time.Hour))
	}
	sent := 0
	for end := now.Add(10 * time.Minute); now.Before(end); now = now.Add(100 * time.Millisecond) {
		if g.Next(now, shadow.Bulk).After(now) {
			continue
		}
		sent++
		g.Answer(now, g.Send(now, shadow.Bulk), said(time.Second))
	}
	if sent < 3000 {
		t.Errorf("60 calls a second: got %d calls in ten minutes, want 3000 at least of the 6000 that one worker could make: %s", sent, g.Why(now, shadow.Bulk))
	}
}

// TestHungCall: others who were seen days ago and one call that hangs keep nobody waiting.
func TestHungCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []shadow.Kind{shadow.Unknown, shadow.Fixed, shadow.FirstCall, shadow.Sliding, shadow.Refill} {
		g := shadow.New(shadow.Rule{Limit: 60, Window: time.Minute, Kind: kind})
		now := noon
		for i := range 5 { // somebody else makes four calls for each of ours
			sent := g.Send(now, shadow.Bulk)
			now = now.Add(300 * time.Millisecond)
			g.Answer(now, sent, shadow.Report{HasLimit: true, HasRemaining: true, Limit: 60, Remaining: float64(57 - 5*i), HasReset: true, ResetAfter: 50 * time.Second})
		}
		now = now.Add(72 * time.Hour)
		g.Send(now, shadow.Critical)
		start := now
		for g.Next(now, shadow.Critical).After(now) && now.Sub(start) < time.Minute {
			now = now.Add(100 * time.Millisecond)
		}
		if waited := now.Sub(start); waited > 3*time.Second {
			t.Errorf("%v: while a call hangs the next critical one waits %v, want no longer than the first is alone: %s", kind, waited, g.Why(now, shadow.Critical))
		}
	}
}

// TestSpacingForgivesALowerLimit: what urgent calls spent ahead under a large limit is no debt of hours under a small one.
func TestSpacingForgivesALowerLimit(t *testing.T) {
	t.Parallel()
	g := shadow.New(shadow.Rule{Limit: 100_000, Window: time.Minute, Spread: true, Kind: shadow.Fixed})
	now := noon
	for i := range 500 {
		g.Answer(now, g.Send(now, shadow.Critical), shadow.Report{HasLimit: true, HasRemaining: true, Limit: 100_000, Remaining: float64(99_999 - i)})
	}
	g.Answer(now, g.Send(now, shadow.Critical), shadow.Report{HasLimit: true, HasRemaining: true, Limit: 5, Remaining: 4})
	now = now.Add(2 * time.Minute)
	if wait := g.Next(now, shadow.Interactive).Sub(now); wait > time.Minute {
		t.Errorf("two minutes later the next interactive call waits %v, want a minute at most: %s", wait, g.Why(now, shadow.Interactive))
	}
}

// TestRestoreWhatever: whatever a file says, a call may go before long.
func TestRestoreWhatever(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 9))
	span := func() time.Duration {
		return []time.Duration{-time.Hour, 0, 1, time.Second, time.Minute, time.Hour, 24 * time.Hour, 1 << 62}[random.IntN(8)]
	}
	number := func() float64 { return []float64{-1, 0, 1e-300, 0.5, 1, 60, 1e9, 1e300}[random.IntN(8)] }
	for range 3_000 {
		rule := shadow.Rule{}
		if random.IntN(2) == 0 {
			rule = shadow.Rule{Limit: []int{1, 60, 1e6}[random.IntN(3)], Window: []time.Duration{time.Second, time.Minute, 24 * time.Hour}[random.IntN(3)], Kind: shadow.Kind(random.IntN(6))}
		}
		s := shadow.Saved{Limit: int(min(number(), 1e12)), Window: span(), Shut: span(), Reset: span(), Fixed: random.IntN(10), Sliding: random.IntN(10),
			Burst: number(), Level: number(), Calls: number(), Free: span(), Shortest: span(), Usual: span()}
		for range random.IntN(5) {
			s.Own = append(s.Own, shadow.SavedPlaces{In: span(), Calls: random.IntN(100) - 10})
			s.Strangers = append(s.Strangers, shadow.SavedPlaces{In: span(), Calls: random.IntN(100) - 10})
		}
		now := noon
		g := shadow.Restore(rule, now, s, span())
		if wait := g.Wait(now, shadow.Bulk, 3); wait < 0 {
			t.Fatalf("predicted wait %v of %+v with %+v", wait, rule, s)
		}
		for looks := 0; g.Next(now, shadow.Bulk).After(now); looks++ {
			next := g.Next(now, shadow.Bulk)
			if shadow.Never(next) || looks > 30_000 {
				t.Fatalf("nothing is out and no call has gone by %v: %s\nrule %+v, saved %+v", now.Sub(noon), g.Why(now, shadow.Bulk), rule, s)
			}
			now = next
		}
	}
}

// TestHeadersStop: others who were seen hold nobody back once the vendor no longer says what is left.
func TestHeadersStop(t *testing.T) {
	t.Parallel()
	for _, kind := range []shadow.Kind{shadow.Unknown, shadow.Fixed, shadow.FirstCall, shadow.Sliding} {
		g := shadow.New(shadow.Rule{Limit: 60, Window: 2 * time.Second, Kind: kind})
		now := noon
		for i := range 3 {
			sent := g.Send(now, shadow.Bulk)
			now = now.Add(50 * time.Millisecond)
			g.Answer(now, sent, shadow.Report{HasLimit: true, HasRemaining: true, HasReset: true, Limit: 60, Remaining: float64(59 - 18*i), ResetAfter: 2 * time.Second})
		}
		calls := 0
		for end := now.Add(20 * time.Second); now.Before(end); now = now.Add(10 * time.Millisecond) {
			if !g.Next(now, shadow.Bulk).After(now) {
				g.Answer(now.Add(5*time.Millisecond), g.Send(now, shadow.Bulk), shadow.Report{})
				calls++
			}
		}
		if calls < 400 {
			t.Errorf("%v: got %d calls in 20 s without headers, want 400 at least of 600: %s", kind, calls, g.Why(now, shadow.Bulk))
		}
	}
}

// TestRefusedCallOpensNoWindow: a window that somebody else's call has opened ends when the vendor says, and not a window after we were
// refused.
func TestRefusedCallOpensNoWindow(t *testing.T) {
	t.Parallel()
	g := shadow.New(shadow.Rule{Limit: 1, Window: 2 * time.Minute, Kind: shadow.FirstCall})
	sent := g.Send(noon, shadow.Critical)
	now := noon.Add(100 * time.Millisecond)
	g.Answer(now, sent, shadow.Report{Refused: true, HasLimit: true, HasRemaining: true, Limit: 1, HasReset: true, ResetAfter: 6 * time.Second})
	if wait := g.Wait(now, shadow.Critical, 0); wait > 8*time.Second {
		t.Errorf("predicted wait: got %v, want the 6 s that the vendor named and a little", wait)
	}
	for g.Next(now, shadow.Critical).After(now) && now.Sub(noon) < time.Minute {
		now = g.Next(now, shadow.Critical)
	}
	if waited := now.Sub(noon); waited > 8*time.Second {
		t.Errorf("the next call went after %v, want the 6 s that the vendor named and a little", waited)
	}
}

// TestWaitWithoutAWindow: of a limit whose window nobody names the wait is what Next says too.
func TestWaitWithoutAWindow(t *testing.T) {
	t.Parallel()
	g := shadow.New(shadow.Rule{})
	now := noon
	for left := 1; left >= 0; left-- {
		g.Answer(now, g.Send(now, shadow.Bulk), shadow.Report{HasLimit: true, HasRemaining: true, Limit: 2, Remaining: float64(left)})
	}
	if wait := g.Wait(now, shadow.Bulk, 0); wait != time.Minute {
		t.Errorf("predicted wait: got %v, want the minute after which a call goes to see", wait)
	}
}

// TestScoutTurnsNobodyAway: the place that is kept for the end of a window is not kept from a caller who could not wait for it.
func TestScoutTurnsNobodyAway(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute} {
		g := shadow.New(shadow.Rule{Limit: 60, Window: time.Minute, Kind: shadow.FirstCall, Patience: patience})
		now := noon
		for i := range 59 {
			for g.Next(now, shadow.Bulk).After(now) {
				now = g.Next(now, shadow.Bulk)
			}
			sent := g.Send(now, shadow.Bulk)
			now = now.Add(50 * time.Millisecond)
			g.Answer(now, sent, shadow.Report{HasLimit: true, HasRemaining: true, Limit: 60, Remaining: float64(59 - i), HasReset: true, ResetAfter: time.Minute - now.Sub(noon)})
		}
		g.Hurry(now, shadow.Bulk, 0, patience)
		if wait := g.Wait(now, shadow.Bulk, 0); wait > patience {
			t.Errorf("patience %v: one place is left and a caller is told to wait %v: %s", patience, wait, g.Why(now, shadow.Bulk))
		}
	}
}
