package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/internal/strict"
	"sluice/proxy"
)

// options are what an App is made from.
type options struct {
	source source
	data   string    // folder for what must survive a restart; "" = nothing does
	log    io.Writer // nil: no log
}

// App is the running proxy: configuration, upstreams, front, listeners and the operator's door. serve, demo and the tests of the whole
// run the same one.
type App struct {
	source    source
	logs      *logs
	log       *slog.Logger
	metrics   *proxy.Metrics
	ring      *proxy.Ring
	tracing   *tracing
	data      *dataFolder    // nil: nothing survives a restart
	database  *database      // nil: there is none
	writes    *writes        // nil: there is no database
	node      *aggregateNode // nil: there is no database
	delivers  *delivering    // nil: there is no database
	unopened  string         // what an operator should know of secrets that no key opens; ""
	upstreams *proxy.Upstreams
	front     *proxy.Front
	halt      context.CancelCauseFunc // ends every call at once
	doors     *doors
	phase     atomic.Int32

	stop   sync.Once
	until  time.Time     // what is under way may go on
	timer  *time.Timer   // cuts it then
	cut    chan struct{} // closed: it was
	closed atomic.Bool

	reloading sync.Mutex // one configuration at a time
	state     atomic.Pointer[configState]
	reloaded  chan struct{} // told after every reload, so that the watcher follows
}

// What an App is doing.
const (
	phaseStarting int32 = iota
	phaseServing
	phaseStopping
)

// newApp loads the configuration, builds everything and binds every listener; nothing is answered before Run. Faults of the
// configuration come back as strict.Faults with exitUsage, an address or a data folder that cannot be had with exitBlocked.
func newApp(ctx context.Context, o options) (*App, error) {
	set, faults := o.source.load()
	if err := faults.Err(); err != nil {
		return nil, exitWith(exitUsage, fmt.Errorf("%s has faults:\n%w", o.source, err))
	}
	a := &App{source: o.source, logs: newLogs(o.log), metrics: proxy.NewMetrics(), ring: &proxy.Ring{}, reloaded: make(chan struct{}, 1)}
	a.log = a.logs.logger()
	logLibraries(a.log)
	a.tracing = &tracing{log: a.log}
	a.doors = &doors{log: a.log, ending: make(chan struct{})}
	if err := a.build(ctx, set, o.data); err != nil {
		a.release()
		return nil, exitWith(exitBlocked, err)
	}
	a.metrics.Reloaded(nil, time.Now())
	a.state.Store(&configState{Revision: set.Revision, AppliedAt: time.Now()})
	return a, nil
}

// build opens what must survive a restart, and makes the request road with its doors.
func (a *App) build(ctx context.Context, set *connectors.Set, folder string) (err error) {
	var memory *proxy.PaceMemory
	if folder != "" {
		does := doesServe
		if !set.Database.IsZero() {
			does = doesServeElse
		}
		if a.data, err = openData(folder, does, a.log); err != nil {
			return err
		}
		memory = a.data.pace()
	}
	if a.database, err = openStore(ctx, set, a.data, a.log); err != nil {
		return err
	}
	options := proxy.Options{Log: a.log, Metrics: a.metrics, Ring: a.ring, Tracer: a.tracing, Memory: memory, Leases: a.database.leases(set)}
	if a.database != nil {
		a.writes = newWrites(a.database.DB, a.log)
		options.Written = a.writes.hear
	}
	a.upstreams = proxy.NewUpstreams(options)
	calls, halt := context.WithCancelCause(context.WithoutCancel(ctx))
	a.front, a.halt = proxy.NewFront(calls, a.upstreams), halt
	if a.database != nil {
		a.letRead(a.database.DB)
		if err := a.letSubscribe(set, a.database.DB, folder); err != nil {
			halt(err)
			return err
		}
		a.node = newAggregateNode(a.database.DB, a.upstreams, a.log)
		a.delivers = newDelivering(set, a.upstreams.Set, a.database.DB, a.mainURL, a.log)
	}
	if err := a.apply(ctx, set); err != nil {
		halt(err)
		a.upstreams.Close()
		return err
	}
	return nil
}

// release lets go of what must survive a restart. It comes after everything that writes there.
func (a *App) release() {
	a.database.close()
	a.data.close()
}

// apply takes a configuration into force. All that can fail comes before anything live is touched.
func (a *App) apply(ctx context.Context, set *connectors.Set) error {
	turn, err := a.doors.prepare(ctx, a.plans(set))
	if err != nil {
		return err
	}
	if err := a.upstreams.Apply(set); err != nil {
		turn.discard()
		return err
	}
	a.logs.set(set.Logging)
	a.ring.Resize(set.Admin.Ring)
	if err := a.tracing.set(set.Tracing); err != nil {
		a.log.Error("requests are not traced", "error", err)
	}
	turn.take(set.Serving.Shutdown)
	a.warn(set)
	return nil
}

// warn says what is permitted and unwise.
func (a *App) warn(set *connectors.Set) {
	if host, _, err := net.SplitHostPort(set.Admin.Address); err == nil && !set.Admin.Off && !onLoopback(host) {
		a.log.Warn("the admin listener asks for no key and others can reach it: let only operators' networks through", "address", set.Admin.Address)
	}
	if a.database != nil && set.Events.URL == "" && !nameable(a.Address("main")) {
		a.log.Warn("callback URLs that receivers are given lead nowhere: say in triggers.url how receivers reach this Sluice", "begin", a.mainURL())
	}
}

// nameable tells whether others can be told of a listener's address: one on all interfaces has none, and neither has one that is not there.
func nameable(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && !at.Addr().Unmap().IsUnspecified()
}

// Address returns the address that a listener is bound to, "" when there is none of this name.
func (a *App) Address(listener string) string { return addressText(a.doors.address(listener, false)) }

// AdminAddress returns the address of the operator's door, "" when it is off.
func (a *App) AdminAddress() string { return addressText(a.doors.address("", true)) }

func addressText(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	return addr.String()
}

// errStopping is what a caller reads whose request outlasted the stop.
var errStopping = fault.New("front", http.StatusServiceUnavailable, "stopping", "Sluice is stopping and this request took too long; send it again")

// errCut tells that a stop did not end in time.
var errCut = errors.New("requests were cut, because they took longer than limits.shutdown")

// Run answers requests until ctx ends, and then stops: deliveries that receivers have in hand end, then nothing new is accepted, what is under way (held
// requests too) finishes within limits.shutdown, the rest is cut and makes Run return an error. Files are watched meanwhile.
func (a *App) Run(ctx context.Context) error {
	watch, unwatch := context.WithCancel(ctx)
	keep, unkeep := context.WithCancel(context.WithoutCancel(ctx))
	var watcher, sending, keeping sync.WaitGroup
	a.doors.serve()
	a.phase.Store(phaseServing)
	for _, name := range a.listenerNames() {
		a.log.Info("listening", "listener", name, "address", a.Address(name))
	}
	a.log.Info("serving", "config", a.source.String(), "revision", a.state.Load().Revision, "admin", a.AdminAddress(), "version", buildOf().Version)
	watcher.Go(func() { a.watch(watch) })
	if a.data != nil {
		watcher.Go(func() { a.data.keep(watch, a.upstreams) })
	}
	if a.database != nil {
		a.log.Info("the database is open", "database", a.database.Where())
		a.database.back = a.node.keepUp
		watcher.Go(func() { a.database.keep(watch) })
		keeping.Go(func() { a.writes.keep(keep) })
		a.node.begin(ctx, !a.database.shared)
		sending.Go(func() { a.delivers.run(watch) })
		schedule := &scheduler{db: a.database.DB, set: a.upstreams.Set, start: a.node.runner.Start, log: a.log}
		watcher.Go(func() { schedule.keep(watch) })
	}
	<-ctx.Done()
	a.stopping()
	unwatch()
	watcher.Wait()
	return a.close(&sending, func() { unkeep(); keeping.Wait() })
}

// stopping says that Sluice stops, to the log and to who asks whether it is ready, and has what is under way cut when its time is over.
func (a *App) stopping() {
	a.stop.Do(func() {
		a.phase.Store(phaseStopping)
		bound := a.upstreams.Set().Serving.Shutdown
		a.log.Info("stopping", "wait", bound)
		a.until, a.cut = time.Now().Add(bound), make(chan struct{})
		a.timer = time.AfterFunc(bound, func() {
			defer close(a.cut)
			a.halt(errStopping)
		})
	})
}

const (
	// cutAfter is what calls get to end after they were told to, and what they have at least before that when deliveries have taken long.
	cutAfter = 3 * time.Second
	// sendFor is how long the listeners stay open for who completes a delivery: what one takes, and the keeping of it.
	sendFor = 16 * time.Second
)

// Close stops as Run does when its context ends. It is for an App that is not run; a second Close does nothing.
func (a *App) Close() error { return a.close(&sync.WaitGroup{}, func() {}) }

// close stops what is under way: deliveries, and requests, after which unkeep is called to end what those have left to do.
func (a *App) close(sending *sync.WaitGroup, unkeep func()) error {
	if a.closed.Swap(true) {
		return nil
	}
	a.stopping()
	defer a.logs.flush()
	a.reloading.Lock() // a reload under way would open what is closed here
	defer a.reloading.Unlock()
	ctx, cancel := context.WithDeadline(context.Background(), a.until.Add(cutAfter))
	defer cancel()
	var leaving sync.WaitGroup
	leaving.Go(func() { a.node.leave(ctx) })
	// A receiver that has a delivery in hand may complete it meanwhile.
	within(min(sendFor, time.Until(a.until)-cutAfter), sending)
	err := a.doors.close(ctx, false)
	leaving.Wait()
	a.doors.leaving.Wait()
	if !a.timer.Stop() {
		<-a.cut
		err = errCut
	}
	a.halt(errStopping)
	sending.Wait()
	unkeep()
	if a.data != nil {
		a.data.save(a.upstreams)
	}
	a.upstreams.Close()
	a.release()
	a.tracing.close(context.Background())
	last, cancelLast := context.WithTimeout(context.Background(), time.Second)
	defer cancelLast()
	_ = a.doors.close(last, true) // nobody's data: a scrape under way may be cut
	if err != nil {
		a.log.Error("stopped", "error", err)
		return err
	}
	a.log.Info("stopped")
	return nil
}

// within waits for a group, and no longer than a while.
func within(most time.Duration, group *sync.WaitGroup) {
	over := make(chan struct{})
	go func() { group.Wait(); close(over) }()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	}
}

// faultsOf are the faults of a refused configuration, whatever refused it.
func faultsOf(err error) strict.Faults {
	if faults, ok := errors.AsType[strict.Faults](err); ok {
		return faults
	}
	return strict.Faults{{File: "machine", Message: err.Error()}}
}
