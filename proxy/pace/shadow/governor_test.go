package shadow_test

import (
	"testing"
	"time"

	"sluice/proxy/pace/shadow"
)

// FuzzGovernor drives a governor by a script of sendings, answers, losses and pauses. Whatever the vendor says, a governor with nothing
// out names a time for the next call that comes, predicts no negative wait, and never has more calls out than its limit.
func FuzzGovernor(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 3, 0, 0, 0, 2, 9, 9})
	f.Add(uint8(10), []byte{0, 1, 0, 0, 1, 60, 10, 255, 3, 200, 0, 0})
	f.Add(uint8(60), []byte{0, 0, 0, 0, 1, 5, 5, 5, 2, 3, 255, 3, 255, 0})
	f.Fuzz(func(t *testing.T, limit uint8, script []byte) {
		rule := shadow.Rule{Limit: int(limit), Patience: 25 * time.Second}
		if limit > 0 {
			rule.Window = time.Minute
		}
		g := shadow.New(rule)
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		var out []shadow.Sent
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			b := script[0]
			script = script[1:]
			return int(b)
		}
		for len(script) > 0 {
			switch op := next(); {
			case op%4 == 0:
				if g.Next(now, shadow.Bulk).After(now) {
					break
				}
				if out = append(out, g.Send(now, shadow.Bulk)); g.Limit() > 0 && limit > 0 && len(out) > max(g.Limit(), int(limit)) {
					t.Fatalf("%d calls are out under a limit of %d", len(out), g.Limit())
				}
			case op%4 == 1 && len(out) > 0:
				sent := out[0]
				out = out[1:]
				flags := next()
				g.Answer(now, sent, shadow.Report{
					Refused: flags&1 != 0, HasRemaining: flags&2 != 0, HasLimit: flags&2 != 0, Limit: float64(next() % 80), Remaining: float64(next() % 100),
					HasReset: flags&4 != 0, ResetAfter: time.Duration(next()) * time.Duration(next()+1) * time.Second,
					RetryAfter: time.Duration(next()*(flags&8)) * time.Hour,
				})
			case op%4 == 2 && len(out) > 0:
				g.Lost(now, out[0])
				out = out[1:]
			default:
				now = now.Add(time.Duration(next()) * 300 * time.Millisecond)
			}
			if wait := g.Wait(now, shadow.Bulk, len(out)%7); wait < 0 {
				t.Fatalf("predicted wait %v", wait)
			}
			if len(out) == 0 {
				if at := g.Next(now, shadow.Bulk); at.Sub(now) > 2*time.Hour {
					t.Fatalf("nothing is out, and the next call may go in %v", at.Sub(now))
				}
			}
		}
	})
}

// TestShutForYears: a reset or Retry-After that is wrong by years shuts for an hour; then one call goes and tells.
func TestShutForYears(t *testing.T) {
	t.Parallel()
	const years = 3 * 365 * 24 * time.Hour
	for name, r := range map[string]shadow.Report{
		"reset":       {HasLimit: true, HasRemaining: true, Limit: 10, Remaining: 0, HasReset: true, ResetAfter: years},
		"retry after": {Refused: true, RetryAfter: years},
	} {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		g := shadow.New(shadow.Rule{})
		sent := g.Send(now, shadow.Bulk)
		g.Answer(now, sent, r)
		start := now
		for next := g.Next(now, shadow.Bulk); next.After(now); next = g.Next(now, shadow.Bulk) {
			if now = next; now.Sub(start) > 2*time.Hour {
				break
			}
		}
		if at := now.Sub(start); at > time.Hour+shadow.ResetSlack || at < time.Hour {
			t.Errorf("%s: the next call may go in %v, want an hour", name, at)
		}
	}
}

// TestFirstCallHangs: a first call that is not answered keeps the others waiting for a moment only.
func TestFirstCallHangs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, rule := range map[string]shadow.Rule{"learned": {}, "configured": {Limit: 60, Window: time.Minute}} {
		g := shadow.New(rule)
		g.Send(now, shadow.Bulk)
		if at := g.Next(now, shadow.Bulk).Sub(now); at != 2*time.Second {
			t.Errorf("%s: the second call may go in %v, want 2s", name, at)
		}
		if wait := g.Wait(now, shadow.Bulk, 0); wait != 2*time.Second {
			t.Errorf("%s: predicted wait %v, want 2s", name, wait)
		}
	}
}
