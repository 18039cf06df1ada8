package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sluice/aggregation"
)

// trouble is since when nothing of an aggregation could be kept, because the disk is full or gives errors, or the server is away. Single
// writes may well succeed meanwhile, such as a heartbeat's few bytes: only what was kept ends it. Nor does each try fail in our hands: the
// queue cannot take a job from a full disk, and then nothing is tried at all.
type trouble struct {
	mu          sync.Mutex
	first, last time.Time // error
	wrote       time.Time // the last write that succeeded
	err         error     // the last; nil: something was kept since
}

func (t *trouble) failed(now time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.first = now
	}
	t.last, t.err = now, err
}

func (t *trouble) succeeded(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrote = now
}

func (t *trouble) kept() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = nil
}

// lasts returns the latest error where nothing was kept over a time since the first. One after which others succeed, while a vendor is waited
// for, must come again.
func (t *trouble) lasts(now time.Time, over time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := now
	if t.wrote.After(t.last) {
		until = t.last
	}
	if t.err == nil || until.Sub(t.first) < over {
		return nil
	}
	return fmt.Errorf("nothing could be kept for %s: %w", until.Sub(t.first).Round(time.Second), t.err)
}

// Unwritten returns why nothing of an aggregation could be kept over a time, or nil.
func (db *DB) Unwritten(over time.Duration) error { return db.trouble.lasts(time.Now(), over) }

// untoldFor is how long a failure counts after which nobody has tried.
const untoldFor = time.Minute

// note counts a write of what is big enough to be refused by a full disk. That the time of whoever wrote was over says nothing, where that
// may have waited for a commit.
func (t *trouble) note(ctx context.Context, now time.Time, err error) {
	switch {
	case err == nil:
		t.kept()
	case ctx.Err() != nil:
	case errors.Is(err, aggregation.ErrAway):
		t.failed(now, err)
	}
}

// Untold returns why events cannot be told or deliveries kept at present, and since when; nil where they can, or where nobody has tried for a minute.
func (db *DB) Untold() (since time.Time, err error) {
	t := &db.untold
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil || time.Since(t.last) > untoldFor {
		return time.Time{}, nil
	}
	return t.first, t.err
}
