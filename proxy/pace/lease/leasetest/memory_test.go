package leasetest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/lease/leasetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	leasetest.Test(t, func(clock func() time.Time) lease.Store { return lease.NewMemory(clock) })
}

// TestRows: a store that keeps nothing but encoded rows, as a database does, and leaves unwritten what it may.
func TestRows(t *testing.T) {
	t.Parallel()
	leasetest.Test(t, func(clock func() time.Time) lease.Store {
		r := &rows{clock: clock, rows: make(map[string][]byte)}
		if err := r.write("pulse", lease.NewPulse(rand.Text(), clock())); err != nil {
			t.Fatal(err)
		}
		return r
	})
}

// rows is a table in memory.
type rows struct {
	clock func() time.Time
	mu    sync.Mutex
	rows  map[string][]byte
}

func (r *rows) write(key string, row any) (err error) {
	r.rows[key], err = json.Marshal(row)
	return err
}

func (r *rows) read(key string, row any) error {
	if r.rows[key] == nil {
		return nil
	}
	return json.Unmarshal(r.rows[key], row)
}

func (r *rows) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pulse lease.Pulse
	var book lease.Book
	key := "bucket " + trade.Bucket
	if err := r.read("pulse", &pulse); err != nil {
		return lease.Grant{}, err
	}
	if err := r.read(key, &book); err != nil {
		return lease.Grant{}, err
	}
	now := r.clock()
	old := pulse.Old(now)
	pulse.Hear(now)
	grant, err := book.Trade(pulse, trade)
	if err != nil || ctx.Err() != nil {
		return lease.Grant{}, fmt.Errorf("trade: %w", cause(ctx, err))
	}
	if old {
		if err := r.write("pulse", pulse); err != nil {
			return lease.Grant{}, err
		}
	}
	return grant, r.write(key, book)
}

func cause(ctx context.Context, err error) error {
	if err == nil {
		return ctx.Err()
	}
	return err
}

func (r *rows) Beat(ctx context.Context, _ string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pulse lease.Pulse
	if err := r.read("pulse", &pulse); err != nil || ctx.Err() != nil {
		return "", cause(ctx, err)
	}
	pulse.Hear(r.clock())
	return pulse.Epoch, r.write("pulse", pulse)
}
