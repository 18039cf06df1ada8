package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
	"sluice/proxy"
)

// plan is a door that the configuration wants to be open.
type plan struct {
	name    string
	admin   bool // the operator's door: the last to close
	address string
	files   *connectors.TLS // nil: plain HTTP
	shape   any             // what the engine is made from: when it differs, the door needs another engine
	build   func() engine   // makes the HTTP server behind the door
}

// engine is an HTTP server. serve returns when stop has been called; stop waits for the requests under way until ctx ends.
type engine struct {
	serve  func(net.Listener) error
	retire func() // from now on every answer is the last of its connection
	stop   func(context.Context) error
}

// door is an engine behind a socket.
type door struct {
	plan
	engine engine
	socket *socket
	hatch  *hatch
	tls    atomic.Pointer[tls.Config] // nil: plain HTTP
}

// doors are all that this process listens on. A new set of doors is prepared, which may fail and changes nothing, and then taken up,
// which cannot fail: what stays the same is not touched, what goes finishes its requests.
type doors struct {
	log *slog.Logger

	mu      sync.Mutex
	open    []*door
	serving bool
	leaving sync.WaitGroup
	ending  chan struct{} // closed when the whole house stops
	end     sync.Once
}

// retireFor is how long callers on kept connections have to move on to the engine that follows. One who asks nothing in that time is
// idle, and loses an idle connection.
const retireFor = 5 * time.Second

// turn is a set of doors that is ready to be taken up.
type turn struct {
	doors *doors
	next  []*door
	bound []*socket // those that were bound for it
}

// prepare binds and reads all that plans need. Every address that cannot be had is in the error.
func (d *doors) prepare(ctx context.Context, plans []plan) (*turn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &turn{doors: d}
	var faults []error
	for _, p := range plans {
		if err := t.add(ctx, p); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", p.title(), err))
		}
	}
	if len(faults) > 0 {
		t.discard()
		return nil, errors.Join(faults...)
	}
	return t, nil
}

func (p plan) title() string {
	if p.admin {
		return "admin"
	}
	return "listener " + p.name
}

// add makes one door ready. A door of the same engine is used again; a door of another engine takes over the socket.
func (t *turn) add(ctx context.Context, p plan) error {
	var config *tls.Config
	if p.files != nil {
		made, err := serverTLS(p.files)
		if err != nil {
			return err
		}
		config = made
	}
	next := &door{plan: p, socket: t.socket(p)}
	next.tls.Store(config)
	if next.socket == nil {
		bound, err := bind(ctx, p.address)
		if err != nil {
			return fmt.Errorf("%w; end what uses it, or choose another address", err)
		}
		t.bound = append(t.bound, bound)
		next.socket = bound
	}
	t.next = append(t.next, next)
	return nil
}

// socket finds the socket that is open at a plan's address. Of port 0 each door has one of its own.
func (t *turn) socket(p plan) *socket {
	for _, d := range t.doors.open {
		if d.address == p.address && (!anyPort(p.address) || d.name == p.name && d.admin == p.admin) {
			return d.socket
		}
	}
	return nil
}

// discard gives back what was bound.
func (t *turn) discard() {
	for _, s := range t.bound {
		_ = s.Close()
	}
}

// take opens the doors of t and lets the others go; their requests may take until wait has passed.
func (t *turn) take(wait time.Duration) {
	d := t.doors
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.open
	d.open = nil
	for _, next := range t.next {
		i := slices.IndexFunc(before, func(old *door) bool { return old.sameAs(next) })
		if i >= 0 {
			before[i].tls.Store(next.tls.Load())
			before[i].files = next.files
			d.open = append(d.open, before[i])
			before = slices.Delete(slices.Clone(before), i, i+1)
			continue
		}
		next.hatch, next.engine = newHatch(next.socket), next.build()
		d.open = append(d.open, next)
		if d.serving {
			d.start(next, slices.Contains(t.bound, next.socket))
		}
	}
	for _, old := range before {
		kept := slices.ContainsFunc(d.open, func(now *door) bool { return now.socket == old.socket })
		if kept { // whoever connects from now on is the next door's
			_ = old.hatch.Close()
		}
		serving := d.serving
		d.leaving.Go(func() { d.leave(old, kept, serving, wait) })
	}
}

// sameAs tells whether a door can go on instead of next.
func (o *door) sameAs(next *door) bool {
	return o.socket == next.socket && o.name == next.name && o.admin == next.admin && o.shape == next.shape &&
		(o.tls.Load() == nil) == (next.tls.Load() == nil)
}

// leave closes a door that is no longer wanted.
func (d *doors) leave(old *door, socketKept, serving bool, wait time.Duration) {
	if !socketKept {
		old.shut(serving)
	}
	if socketKept {
		old.engine.retire()
		select {
		case <-time.After(retireFor):
		case <-d.ending:
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := old.close(ctx); err != nil {
		d.log.Warn("requests were cut when their listener was closed", "listener", old.title(), "address", old.address, "error", err)
	}
}

// shut takes no more connections at the door's socket.
func (o *door) shut(serving bool) {
	if serving {
		o.socket.shut()
		return
	}
	_ = o.socket.Close()
}

// close ends the door's engine; the requests under way finish until ctx ends.
func (o *door) close(ctx context.Context) error {
	_ = o.hatch.Close()
	return o.engine.stop(ctx)
}

// serve begins to answer at all doors.
func (d *doors) serve() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = true
	started := map[*socket]bool{}
	for _, o := range d.open {
		d.start(o, !started[o.socket])
		started[o.socket] = true
	}
}

func (d *doors) start(o *door, accept bool) {
	if accept {
		go o.socket.accept(d.log)
	}
	var listener net.Listener = o.hatch
	if !o.admin {
		listener = proxy.Callers(listener, proxy.WritePatience)
	}
	if o.tls.Load() != nil {
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return o.tls.Load(), nil },
		})
	}
	go func() {
		if err := o.engine.serve(listener); err != nil {
			d.log.Error("a listener stopped serving", "listener", o.title(), "address", o.address, "error", err)
		}
	}()
}

// close ends the doors of the operator, or all others. It returns an error when ctx ended before their requests did.
func (d *doors) close(ctx context.Context, admin bool) error {
	d.end.Do(func() { close(d.ending) })
	d.mu.Lock()
	going := slices.DeleteFunc(slices.Clone(d.open), func(o *door) bool { return o.admin != admin })
	d.open = slices.DeleteFunc(d.open, func(o *door) bool { return o.admin == admin })
	serving := d.serving
	d.mu.Unlock()
	errs := make([]error, len(going))
	var all sync.WaitGroup
	for i, o := range going {
		all.Go(func() {
			o.shut(serving)
			errs[i] = o.close(ctx)
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// refresh reads the certificates again, each for itself: a good one is served even when the rest of a configuration is refused.
func (d *doors) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.open {
		if o.files == nil {
			continue
		}
		config, err := serverTLS(o.files)
		if err != nil {
			d.log.Error("the certificate in force stays", "listener", o.title(), "error", err)
			continue
		}
		o.tls.Store(config)
	}
}

// address returns where a door listens; nil when there is none of this name.
func (d *doors) address(name string, admin bool) net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.open {
		if o.name == name && o.admin == admin {
			return o.socket.Addr()
		}
	}
	return nil
}
