package teamdynamix

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// dice draws the faults. One seed and one order of calls give one run of faults.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// spin is the fate of one call.
type spin struct {
	wait       time.Duration
	fail, drop bool
}

func newDice(seed int64) *dice {
	return &dice{rng: rand.New(rand.NewPCG(uint64(seed), 0x7d))}
}

// roll draws three numbers for every call, so that turning one fault on leaves the others where they were.
func (d *dice) roll(o Options) spin {
	d.mu.Lock()
	defer d.mu.Unlock()
	jitter, fail, drop := d.rng.Float64(), d.rng.Float64(), d.rng.Float64()
	return spin{
		wait: o.Latency + time.Duration(jitter*float64(o.Jitter)),
		fail: fail < o.ErrorRate,
		drop: drop < o.DropRate,
	}
}

// pause sleeps, and ends early when the caller has hung up.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// writer is the way out of every answer. It remembers the status, and can stall or cut the body in its middle.
type writer struct {
	http.ResponseWriter
	ctx     context.Context
	status  int
	drop    bool
	slow    time.Duration
	begun   bool
	dropped bool
}

func (w *writer) arm(ctx context.Context, s spin, slow time.Duration) {
	w.ctx, w.drop, w.slow = ctx, s.drop, slow
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.dropped {
		return 0, io.ErrClosedPipe
	}
	if w.begun || !w.drop && w.slow <= 0 {
		return w.ResponseWriter.Write(b)
	}
	w.begun = true
	half := len(b) / 2
	n, err := w.ResponseWriter.Write(b[:half])
	if err != nil {
		return n, err
	}
	control := http.NewResponseController(w.ResponseWriter)
	_ = control.Flush() // a recorder without Flush keeps the bytes all the same
	if w.drop {
		return n, w.cut(control)
	}
	pause(w.ctx, w.slow)
	m, err := w.ResponseWriter.Write(b[half:])
	return n + m, err
}

// cut closes the connection under the answer. Without a connection of its own (a recorder, HTTP/2) the body just ends.
func (w *writer) cut(control *http.ResponseController) error {
	w.dropped = true
	if conn, _, err := control.Hijack(); err == nil {
		_ = conn.Close()
	}
	return io.ErrClosedPipe
}
