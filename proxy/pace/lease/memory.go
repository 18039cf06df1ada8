package lease

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// Memory is the store of one process, and what another implementation must be like. It is safe for concurrent use.
type Memory struct {
	clock func() time.Time

	mu    sync.Mutex
	pulse Pulse
	books map[string]*Book
}

// NewMemory returns an empty store that reads the time from clock.
func NewMemory(clock func() time.Time) *Memory {
	return &Memory{clock: clock, pulse: NewPulse(rand.Text(), clock()), books: make(map[string]*Book)}
}

// Trade implements Store.
func (m *Memory) Trade(ctx context.Context, trade Trade) (Grant, error) {
	if err := ctx.Err(); err != nil {
		return Grant{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pulse.Hear(m.clock())
	book := m.books[trade.Bucket]
	if book == nil {
		book = &Book{}
	}
	grant, err := book.Trade(m.pulse, trade)
	if err == nil {
		m.books[trade.Bucket] = book
	}
	return grant, err
}

// Beat implements Store. It also forgets buckets that nobody has used for long.
func (m *Memory) Beat(ctx context.Context, _ string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pulse.Hear(m.clock())
	for name, book := range m.books {
		if book.Idle(m.pulse) {
			delete(m.books, name)
		}
	}
	return m.pulse.Epoch, nil
}
