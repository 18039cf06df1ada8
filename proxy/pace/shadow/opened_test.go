package shadow_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/shadow"
)

// crowd is callers who come in bursts, so many in every period, gap apart; one who is refused does not come again.
type crowd struct {
	rule              shadow.Rule
	vendor            limiter.Limiter
	trip, period, gap time.Duration
	calls             int
	early             time.Duration      // by how much the resets that the vendor names are too early
	others            func(to time.Time) // calls of somebody else until then
}

// call is on its way to the vendor, or on its way back.
type call struct {
	sent    shadow.Sent
	at      time.Time // when something happens to it next
	said    shadow.Report
	counted bool
}

// tally is what came of a crowd; row is the longest run of refusals.
type tally struct{ answered, refused, row, inRow int }

func (c *crowd) run(lasts time.Duration) (sum tally) {
	g := shadow.New(c.rule)
	var out []call
	waiting, came := 0, 0
	for now, next := noon, noon; now.Before(noon.Add(lasts)); {
		for ; !next.After(now); waiting++ {
			came++
			if next = next.Add(c.gap); came%c.calls == 0 {
				next = noon.Add(time.Duration(came/c.calls) * c.period)
			}
		}
		at := next
		for ; waiting > 0; waiting-- {
			if may := g.Next(now, shadow.Bulk); may.After(now) {
				at = earlier(at, may)
				break
			}
			out = append(out, call{sent: g.Send(now, shadow.Bulk), at: now.Add(c.trip / 2)})
		}
		for _, o := range out {
			at = earlier(at, o.at)
		}
		if now = at; c.others != nil {
			c.others(now)
		}
		out = c.pass(g, out, now, &sum)
	}
	return sum
}

// pass does what is due at now, and returns the calls that are still out.
func (c *crowd) pass(g *shadow.Governor, out []call, now time.Time, sum *tally) []call {
	still := out[:0]
	for _, o := range out {
		switch {
		case o.at.After(now):
		case o.counted:
			g.Answer(now, o.sent, o.said)
			continue
		default:
			o.counted, o.at = true, now.Add(c.trip/2)
			o.said = c.answer(now, sum)
		}
		still = append(still, o)
	}
	return still
}

func (c *crowd) answer(now time.Time, sum *tally) shadow.Report {
	v := c.vendor.Take(now)
	if v.Permitted {
		sum.answered++
		sum.inRow = 0
	} else {
		sum.refused++
		sum.inRow++
		sum.row = max(sum.row, sum.inRow)
	}
	r := allHeaders(v, now)
	r.Refused = !v.Permitted
	r.ResetAfter = max(0, v.Reset.Truncate(time.Second).Sub(now.Truncate(time.Second))-c.early)
	return r
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// changes is a vendor that counts otherwise from a time on.
type changes struct {
	before, after limiter.Limiter
	at            time.Time
}

func (c *changes) Take(now time.Time) limiter.Verdict {
	if now.Before(c.at) {
		return c.before.Take(now)
	}
	return c.after.Take(now)
}

// TestOpenedFloodsNobody: what looks like windows and is none, or is none any more, costs a refusal or few, and half a limit at most.
func TestOpenedFloodsNobody(t *testing.T) {
	t.Parallel()
	fixed := func(n int) limiter.Limiter {
		return &limiter.Fixed{Limit: n, Window: time.Minute, Phase: 41123 * time.Millisecond}
	}
	known := func(n int) shadow.Rule { return shadow.Rule{Limit: n, Window: time.Minute} }
	for name, c := range map[string]struct {
		crowd
		row int
	}{
		"a sliding log, learned": {crowd{
			vendor: &limiter.SlidingLog{Limit: 100, Window: time.Minute}, trip: 30 * time.Millisecond, period: 64140 * time.Millisecond, calls: 194,
		}, 2},
		"a sliding counter, learned": {crowd{
			vendor: &limiter.SlidingCounter{Limit: 100, Window: 5 * time.Minute, Phase: 41 * time.Second},
			trip:   300 * time.Millisecond, period: 383296 * time.Millisecond, gap: 750 * time.Millisecond, calls: 132,
		}, 2},
		"resets 3 s too early": {crowd{
			rule: known(100), vendor: fixed(100), trip: 2 * time.Second, period: 31918 * time.Millisecond, gap: 150 * time.Millisecond, calls: 96, early: 3 * time.Second,
		}, 2},
		"a limit cut to a tenth": {crowd{
			rule: known(300), vendor: &changes{fixed(300), fixed(30), noon.Add(20 * time.Minute)}, trip: 300 * time.Millisecond,
			period: 48359 * time.Millisecond, gap: 50 * time.Millisecond, calls: 433,
		}, 150},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.run(200 * time.Minute); got.row > c.row || got.answered == 0 {
				t.Errorf("got %d answered and %d refused, %d of them in a row, want %d in a row at most", got.answered, got.refused, got.row, c.row)
			}
		})
	}
}

// TestLagKeepsOurShare: two who give way to each other over a long trip still use what the other leaves.
func TestLagKeepsOurShare(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{60, 300} {
		random := rand.New(rand.NewPCG(1, 1))
		vendor := &limiter.SlidingLog{Limit: limit, Window: time.Minute}
		next, rate := noon, 0.5*float64(limit)/float64(time.Minute)
		c := crowd{
			rule: shadow.Rule{Limit: limit, Window: time.Minute, Kind: shadow.Sliding}, vendor: vendor, trip: 2 * time.Second, period: time.Minute, calls: limit,
			others: func(to time.Time) {
				for ; !next.After(to); next = next.Add(time.Duration(random.ExpFloat64() / rate)) {
					vendor.Take(next)
				}
			},
		}
		got := c.run(time.Hour)
		if ours := float64(got.answered) / float64(60*limit); ours < 0.35 {
			t.Errorf("limit %d, of which somebody wants half: got %.2f for ourselves and %d refusals, want 0.35 or more", limit, ours, got.refused)
		}
	}
}
