package pace

import "time"

// use is what a limit has permitted while anybody wanted something of it: its calls per window, for as long as calls wait under it and for
// one window after each call. Held against the calls that were made it says how well the limit is used; an idle night is no
// waste. A limit that is not known, or that counts calls under way, permits no number of calls in a time.
type use struct {
	permitted float64   // calls, up to upTo
	upTo      time.Time // when permitted was last brought up to date
	sent      time.Time // the latest call; zero = none yet
	ends      time.Time // one window after it
}

// advance brings permitted up to date. It comes before all that changes who waits, and before a call is sent.
func (u *use) advance(now time.Time, b *Bucket) {
	until := now
	if !b.awaited() {
		until = earlier(now, u.ends)
	}
	if window := b.gov.Window(); window > 0 && until.After(u.upTo) {
		u.permitted += float64(b.gov.Limit()) * float64(until.Sub(u.upTo)) / float64(window)
	}
	u.upTo = now
}

// send notes a call.
func (u *use) send(now time.Time, b *Bucket) {
	u.advance(now, b)
	u.sent, u.ends = now, now.Add(b.gov.Window())
}
