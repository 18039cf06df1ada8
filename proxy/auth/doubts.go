package auth

import (
	"sync/atomic"
	"time"
)

// doubts count the 401s that a token's age does not explain. At TeamDynamix a 401 may also mean a missing permission, so one of them
// says nothing; but a token that a vendor revoked before its time gets nothing else. A run of 401s with no other answer between
// them is worth one renewal, in the background, and no more than one in doubtRenewal.
type doubts struct {
	run   atomic.Int32
	since atomic.Int64 // Unix nanoseconds of the first in the run
}

const (
	doubtRun     = 5
	doubtSpan    = time.Minute
	doubtRenewal = 10 * time.Minute
)

// add counts a 401 to a token fetched then, and reports whether it is time to replace that token.
func (d *doubts) add(now, fetched time.Time) bool {
	n := d.run.Add(1)
	if n == 1 {
		d.since.Store(now.UnixNano())
	}
	if n < doubtRun || now.Sub(time.Unix(0, d.since.Load())) < doubtSpan || now.Sub(fetched) < doubtRenewal {
		return false
	}
	d.clear()
	return true
}

// clear ends the run. It is called for every other answer, so it must cost next to nothing.
func (d *doubts) clear() {
	if d.run.Load() != 0 {
		d.run.Store(0)
	}
}
