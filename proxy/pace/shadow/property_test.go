package shadow_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/shadow"
)

// script hands out the bytes of a fuzz input, and then zeros.
type script []byte

func (s *script) next() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

// flight is a call on its way.
type flight struct {
	sent    shadow.Sent
	counted time.Time
	back    time.Time
	said    shadow.Report
	asked   bool // the vendor has counted it or refused it
}

// vendor is a limiter behind a network, whose clock jumps and whose headers are noisy.
type vendor struct {
	limiter limiter.Limiter
	skew    time.Duration
	script  *script
}

// answer is what the vendor says to a call that is counted now. Noise makes the headers absent or poorer than the truth, never richer.
func (v *vendor) answer(now time.Time) shadow.Report {
	verdict := v.limiter.Take(now)
	r := shadow.Report{Refused: !verdict.Permitted}
	switch noise := v.script.next(); {
	case noise%8 == 1:
		return r
	case noise%8 == 2:
		verdict.Remaining = verdict.Remaining * (noise / 8) / 32
	case noise%32 == 3:
		v.skew = time.Duration(v.script.next()-128) * time.Second
	}
	date := now.Add(v.skew).Truncate(time.Second)
	r.HasLimit, r.HasRemaining, r.HasReset = true, true, true
	r.Limit, r.Remaining = float64(verdict.Limit), float64(verdict.Remaining)
	r.ResetAfter = max(0, verdict.Reset.Add(v.skew).Truncate(time.Second).Sub(date))
	return r
}

// FuzzNeverMoreThanTheLimit plays a governor that is alone against the limiters that the shadow log is sound for, with round trips that differ
// by up to two to one, answers that overtake each other or never come, headers that are missing or poor, and a vendor's clock that jumps.
// The vendor refuses nothing, however the script goes; and with nothing out there is a time at which a call may go.
func FuzzNeverMoreThanTheLimit(f *testing.F) {
	f.Add(uint8(1), uint8(59), []byte("a burst, and then another one"))
	f.Add(uint8(0x12), uint8(2), []byte{0, 0, 0, 9, 9, 9, 255, 255, 0, 0, 0, 3, 77, 200, 200, 200, 1, 1, 1})
	f.Add(uint8(0x23), uint8(5), []byte{200, 200, 200, 200, 2, 2, 2, 2, 10, 200, 200, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(neverMoreThanTheLimit)
}

// TestNeverMoreThanTheLimit plays scripts that are longer than what the fuzzer likes.
func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(20261125, 3))
	for range 2000 {
		input := make([]byte, 200+random.IntN(4000))
		for i := range input {
			input[i] = byte(random.IntN(256))
		}
		neverMoreThanTheLimit(t, uint8(random.IntN(256)), uint8(random.IntN(256)), input)
	}
}

func neverMoreThanTheLimit(t *testing.T, kinds, size uint8, input []byte) {
	t.Helper()
	s := script(input)
	limit, window := 1+int(size)%60, 20*time.Second
	rule := shadow.Rule{Limit: limit, Window: window}
	v := vendor{script: &s}
	var kind shadow.Kind
	switch kinds % 5 {
	case 0:
		v.limiter, kind = &limiter.Fixed{Limit: limit, Window: window, Phase: 7301 * time.Millisecond}, shadow.Fixed
	case 1:
		v.limiter, kind = &limiter.FirstCall{Limit: limit, Window: window}, shadow.FirstCall
	case 2:
		v.limiter, kind = &limiter.SlidingLog{Limit: limit, Window: window}, shadow.Sliding
	case 3:
		v.limiter, kind = &limiter.SlidingLog{Limit: limit, Window: window, CountsRefused: true}, shadow.Sliding
	case 4:
		v.limiter, kind = &limiter.Bucket{Limit: limit, Window: window, Burst: limit}, shadow.Refill
	}
	if kinds&0x10 != 0 {
		rule.Kind = kind
	}
	g := shadow.New(rule)
	now := time.Date(2026, 11, 22, 12, 0, 3, 141592653, time.UTC)
	trip := time.Duration(1+int(kinds>>5)) * 37 * time.Millisecond
	var out []flight
	// pass lets time go by, with all that happens in it in order.
	pass := func(until time.Time) {
		for {
			first, at := -1, until
			for i := range out {
				due := out[i].back
				if !out[i].asked {
					due = out[i].counted
				}
				if !due.After(at) && (first < 0 || due.Before(at)) {
					first, at = i, due
				}
			}
			if first < 0 {
				now = until
				return
			}
			now = at
			c := &out[first]
			if !c.asked {
				c.asked, c.said = true, v.answer(now)
				if c.said.Refused {
					t.Fatalf("a call was refused (%v, limit %d, kind configured %v): %s", kind, limit, rule.Kind != 0, g.Why(now, shadow.Bulk))
				}
				continue
			}
			if s.next()%64 == 63 {
				g.Lost(now, c.sent)
			} else {
				g.Answer(now, c.sent, c.said)
			}
			out = append(out[:first], out[first+1:]...)
		}
	}
	for steps := 0; len(s) > 0 && steps < 4000; steps++ {
		if op := s.next(); op%4 != 0 {
			pass(now.Add(time.Duration(op) * time.Duration(op) * 500 * time.Microsecond))
		}
		lane := shadow.Lane(s.next() % shadow.Lanes)
		for range 1 + s.next()%8 {
			next := g.Next(now, lane)
			if shadow.Never(next) {
				if len(out) == 0 {
					t.Fatalf("nothing is out, and the next call may never go: %s", g.Why(now, lane))
				}
				break
			}
			if next.After(now) {
				if wait := next.Sub(now); len(out) == 0 && wait > 3*window {
					t.Fatalf("nothing is out, and the next call may go in %v: %s", wait, g.Why(now, lane))
				}
				if s.next()%2 == 0 {
					break
				}
				pass(next)
				continue
			}
			there := now.Add(trip/2 + trip*time.Duration(s.next())/512)
			out = append(out, flight{sent: g.Send(now, lane), counted: there, back: there.Add(trip/2 + trip*time.Duration(s.next())/512)})
		}
		if critical, bulk := g.Next(now, shadow.Critical), g.Next(now, shadow.Bulk); critical.After(bulk) {
			t.Fatalf("a critical call may go %v after a bulk one", critical.Sub(bulk))
		}
	}
}
