package main

import (
	"testing"
	"time"

	"sluice/proxy/pace/shadow"
)

// TestPacingBars holds the bench's bars at a round trip of 300 ms: nobody else spending, all headers and none, kind configured and found.
func TestPacingBars(t *testing.T) {
	t.Parallel()
	for _, s := range zoo {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, configured := range []bool{false, true} {
				for _, headers := range []float64{1, 0} {
					f := s.play(circumstance{configured: configured, trip: 300 * time.Millisecond, headers: headers})
					if f.efficiency() < s.least || f.perThousand() > s.most {
						t.Errorf("kind configured %t, headers %.0f: got %.3f of what is permitted and %.2f refusals per 1,000, want at least %.2f and at most %.0f",
							configured, headers, f.efficiency(), f.perThousand(), s.least, s.most)
					}
				}
			}
		})
	}
}

// TestPacingShares: with somebody else spending a fifth, both get what the bars say. A sliding log over a long round trip is the hardest:
// each word of the vendor's is several calls old.
func TestPacingShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		species    int
		configured bool
		trip       time.Duration
	}{
		{0, true, 300 * time.Millisecond}, {1, true, 300 * time.Millisecond}, {2, true, 300 * time.Millisecond},
		{2, true, 2 * time.Second}, {2, false, 2 * time.Second},
	} {
		s, most := zoo[c.species], 6.0
		if s.rule.Kind == shadow.Sliding {
			most = 25
		}
		f := s.play(circumstance{configured: c.configured, trip: c.trip, headers: 1, competitor: 0.2})
		if f.efficiency() < 0.95 || f.perThousand() > most || f.keeps() < 0.8 {
			t.Errorf("%s, %v: got %.3f of what they leave, %.2f refusals per 1,000, %.2f of their calls kept; want 0.95, at most %.0f, 0.80",
				s.name, c.trip, f.efficiency(), f.perThousand(), f.keeps(), most)
		}
	}
}

// TestPacingBursts: callers who come in bursts wait hardly longer than before an oracle, however far away the vendor is.
func TestPacingBursts(t *testing.T) {
	t.Parallel()
	arrivals := bursts(0.5, calls, length, playedWindows, 3)
	for _, trip := range roundTrips {
		oracle := oracleWaits(arrivals, calls, length, phase, trip)
		for _, kind := range []shadow.Kind{shadow.Unknown, shadow.Fixed} {
			o := (&trial{limiter: zoo[0].make(phase), rule: shadow.Rule{Limit: calls, Window: length, Kind: kind}, limit: calls, window: length,
				windows: playedWindows + 5, trip: trip, headers: 1, arrivals: arrivals, seed: 1}).run()
			if ratio := float64(o.waited) / float64(oracle); ratio > 1.1 || o.refused > 0 || o.sent != len(arrivals) {
				t.Errorf("kind %v, %v: got %.3f times the oracle's wait, %d refusals, %d of %d sent; want 1.1 at most, none and all",
					kind, trip, ratio, o.refused, o.sent, len(arrivals))
			}
		}
	}
}

// TestOracle: three calls at once on a window of two wait for the next one, and who comes later goes after them.
func TestOracle(t *testing.T) {
	t.Parallel()
	end := windowEnd(0, length, phase)
	got := oracleWaits([]time.Duration{0, 0, 0, end + time.Second}, 2, length, phase, 0)
	if got != end {
		t.Errorf("waits in sum: got %v, want %v: only the third waits, for the window's end", got, end)
	}
}
