package wire

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// link is one connection to the vendor with its buffers. One call at a time owns it.
type link struct {
	net.Conn
	br    *bufio.Reader
	bw    *bufio.Writer
	calls int       // answered so far; 0 = fresh
	since time.Time // idle since
	probe *prober
	kill  func() // closes the connection under a call whose context ended; made once, for context.AfterFunc
}

func newLink(conn net.Conn) *link {
	l := &link{Conn: conn, br: bufio.NewReaderSize(conn, 4<<10), bw: bufio.NewWriterSize(conn, 4<<10), probe: newProber(conn)}
	l.kill = func() { conn.Close() }
	return l
}

// pool keeps the connections of one egress address. The last one used is the first one taken, so that a load that has gone
// leaves its surplus to age and be closed.
type pool struct {
	dial    func(context.Context) (net.Conn, error)
	max     int
	wait    time.Duration // longest wait for a connection when max are in use
	keepFor time.Duration

	mu      sync.Mutex
	idle    []*link // oldest first
	open    int     // idle, in use and being dialled
	queue   []chan *link
	sweeper *time.Timer // runs while something is idle
	closed  bool
}

// take returns a connection for one call: a kept one unless fresh is asked for, else a new one, else the first that another
// call gives back. The caller gives it back with put or drop.
func (p *pool) take(ctx context.Context, fresh bool) (*link, error) {
	l, turn, dead := p.place(fresh)
	for _, d := range dead {
		d.Close() // before the dial: a vendor may count what we hold open
	}
	switch {
	case l != nil:
		return l, nil
	case turn != nil:
		return p.await(ctx, turn)
	}
	return p.connect(ctx)
}

// place finds a place for a call: a kept link, or a turn to wait for, or neither, which is leave to dial. The dead are links that
// were too old, closed by the vendor, or in the way of a fresh one; they are to be closed without the lock.
func (p *pool) place(fresh bool) (l *link, turn chan *link, dead []*link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle); n > 0 && (!fresh || p.open >= p.max); n = len(p.idle) {
		l := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		if !fresh && time.Since(l.since) < p.keepFor && l.probe.alive() {
			return l, nil, dead
		}
		p.open--
		dead = append(dead, l)
	}
	if p.open < p.max {
		p.open++
		return nil, nil, dead
	}
	turn = make(chan *link, 1)
	p.queue = append(p.queue, turn)
	return nil, turn, dead
}

// connect dials into a place already counted in open.
func (p *pool) connect(ctx context.Context) (*link, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		p.vacate()
		return nil, err
	}
	return newLink(conn), nil
}

func (p *pool) await(ctx context.Context, turn chan *link) (*link, error) {
	bounded, cancel := within(ctx, p.wait)
	defer cancel()
	select {
	case l := <-turn:
		switch {
		case l != nil:
			return l, nil
		case ended(ctx) == nil:
			return p.connect(ctx)
		}
		p.vacate() // no time is left to dial in, which is no fault of the vendor's
		return nil, noPlace(ctx)
	case <-bounded.Done():
	}
	p.mu.Lock()
	for i, q := range p.queue {
		if q == turn {
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	select {
	case l := <-turn: // handed over while we left
		if l == nil {
			p.vacate()
		} else {
			p.put(l)
		}
	default:
	}
	return nil, noPlace(ctx)
}

// ended is ctx's error, also where its deadline has no timer.
func ended(ctx context.Context) error {
	if hard, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(hard) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// noPlace is the error of a call that found every connection in use until it, or its patience, ended: errBusy even where the call's
// deadline came first, as the vendor was not asked for anything.
func noPlace(ctx context.Context) error { return errors.Join(errBusy, ended(ctx)) }

// put gives back a connection that is ready for another call.
func (p *pool) put(l *link) {
	p.mu.Lock()
	if len(p.queue) > 0 {
		turn := p.queue[0]
		p.queue = p.queue[1:]
		turn <- l // it has room, and under the lock, or one who gives up waiting would look before it is there
		p.mu.Unlock()
		return
	}
	if p.closed {
		p.open--
		p.mu.Unlock()
		l.Close()
		return
	}
	l.since = time.Now()
	p.idle = append(p.idle, l)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.keepFor, p.sweep)
	}
	p.mu.Unlock()
}

// drop gives back a connection that is not.
func (p *pool) drop(l *link) {
	l.Close()
	p.vacate()
}

// vacate frees a place, or passes it on to the first in the queue.
func (p *pool) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 {
		turn := p.queue[0]
		p.queue = p.queue[1:]
		turn <- nil
		return
	}
	p.open--
}

// sweep closes what has been idle too long and comes again while anything is left.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].since) >= p.keepFor {
		p.idle[n].Close()
		n++
	}
	p.open -= n
	p.idle = slices.Delete(p.idle, 0, n)
	if p.sweeper = nil; len(p.idle) > 0 {
		p.sweeper = time.AfterFunc(p.keepFor-time.Since(p.idle[0].since), p.sweep)
	}
}

// closeIdle closes what is idle and keeps nothing from now on.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.idle {
		l.Close()
	}
	p.open -= len(p.idle)
	p.idle = nil
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}
