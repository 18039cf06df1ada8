package aggregation

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"time"
)

// ChangedOnly makes Settle skip what did not change. The zero value skips nothing.
type ChangedOnly struct {
	Before iter.Seq2[Record, error] // the snapshot, in order of ID; nil: everything is read
	MaxAge time.Duration            // after which an account is read all the same; 0 = 7 days
	Off    bool                     // nothing is skipped: Before only tells what accounts had
	Sure   bool                     // what joins say counts at once, also where they move
}

const defaultMaxAge = 7 * 24 * time.Hour

// priors walks through a snapshot beside a run's accounts, which come in the same order.
type priors struct {
	next   func() (*Record, error)
	stop   func()
	first  *Record // that is not below the account in hand
	maxAge time.Duration
	off    bool
}

// priors opens the snapshot.
func (c ChangedOnly) priors() (*priors, error) {
	p := &priors{stop: func() {}, maxAge: c.MaxAge, off: c.Off}
	if p.maxAge <= 0 {
		p.maxAge = defaultMaxAge
	}
	if c.Before == nil {
		return p, nil
	}
	p.next, p.stop = pull("snapshot", c.Before)
	var err error
	if p.first, err = p.next(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// of returns the snapshot's record of an account; ids come in order.
func (p *priors) of(id string) (*Record, error) {
	for p.first != nil && p.first.ID < id {
		var err error
		if p.first, err = p.next(); err != nil {
			return nil, err
		}
	}
	if p.first == nil || p.first.ID != id {
		return nil, nil
	}
	return p.first, nil
}

// fresh tells whether the snapshot has an account in full, of the same row, that is not due to be read again.
func (p *priors) fresh(prior *Record, hash string, now time.Time) bool {
	return !p.off && prior != nil && prior.Account != nil && prior.RowHash == hash && !Due(prior.ID, prior.ReadAt, now, p.maxAge)
}

// Due tells whether an account that did not change is to be read again. Each account has its own moment within every maxAge, by a hash of
// its ID, and is due once that moment has come since it was read: however many were first read on one day, the same share of them is due
// on every later day.
func Due(id string, readAt, now time.Time, maxAge time.Duration) bool {
	if readAt.IsZero() || maxAge <= 0 {
		return true
	}
	sum := sha256.Sum256([]byte(id))
	phase := int64(binary.BigEndian.Uint64(sum[:8]) % uint64(maxAge))
	turn := func(t time.Time) int64 { return (t.UnixNano() - phase) / int64(maxAge) }
	return turn(now) > turn(readAt)
}
