package store

import (
	"fmt"
	"sync"
	"time"
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
