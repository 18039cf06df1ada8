package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/connectors"
	"sluice/proxy"
	"sluice/store"
)

const (
	lookEvery  = 5 * time.Second // how long a database may be gone without anybody knowing
	lookWithin = 2 * time.Second // how long it has for an answer
	sweepEvery = time.Hour
)

// database is the store of a running Sluice, and what is known of its health. The request road lives without it.
type database struct {
	*store.DB

	shared bool // by several processes: PostgreSQL
	log    *slog.Logger
	up     prometheus.Gauge
	back   func(context.Context) // what waits for a database that was gone; nil: nothing does

	mu   sync.Mutex
	gone time.Time // since when it does not answer; zero: it does
}

// openStore opens the database that a configuration names, else the one in the data folder; nil when there is neither.
func openStore(ctx context.Context, set *connectors.Set, data *dataFolder, log *slog.Logger) (*database, error) {
	options := store.Options{URL: set.Database.Reveal()}
	switch {
	case options.URL != "":
	case data != nil:
		options.Dir = data.path
	default:
		return nil, nil //nolint:nilnil // there need be none
	}
	options = forTriggers(set, options)
	db, err := store.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	d := &database{DB: db, shared: options.URL != "", log: log, up: prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "sluice", Name: "store_up", Help: "Whether the database answers and keeps events: 1, or 0 when it does not.",
	})}
	d.up.Set(1)
	return d, nil
}

// leases are how limits are shared by this database: not at all, unless several processes are on it.
func (d *database) leases(set *connectors.Set) proxy.Leases {
	if d == nil || !d.shared {
		return proxy.Leases{}
	}
	warnOfLeases(set, d.log)
	return sharedLeases(d.DB, set)
}

// sharedLeases are how limits are shared by a database that several processes are on.
func sharedLeases(db *store.DB, set *connectors.Set) proxy.Leases {
	return proxy.Leases{Store: db, TTL: set.Leases.TTL, Transit: set.Leases.Transit, Share: set.Leases.Share}
}

// warnOfLeases says, once and to whom it matters because calls will be made, what an outage of the database would mean for them.
func warnOfLeases(set *connectors.Set, log *slog.Logger) {
	if set.Leases.Share == 0 {
		log.Warn("while the database cannot be reached, nothing goes under the limits that are shared: set leases.share to 1 / the number of processes")
	}
}

// keep looks whether the database answers, and sweeps it now and then, until ctx ends.
func (d *database) keep(ctx context.Context) {
	look, sweep := time.NewTicker(lookEvery), time.NewTicker(sweepEvery)
	defer look.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if d.look(ctx) && d.back != nil {
				d.back(ctx)
			}
		case <-sweep.C:
			if err := d.SweepLeases(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("leases that nobody uses were not swept", "error", err)
			}
		}
	}
}

// look asks the database, and says in the log what has changed; again when it answers after it did not.
func (d *database) look(ctx context.Context) (again bool) {
	asking, cancel := context.WithTimeout(ctx, lookWithin)
	err := d.Ping(asking)
	cancel()
	if ctx.Err() != nil {
		return false
	}
	_, untold := d.Untold()
	return d.saw(err, untold)
}

// saw keeps what a look at the database gave, nil for what is well.
func (d *database) saw(silent, untold error) (again bool) {
	up := 0.0
	if silent == nil && untold == nil {
		up = 1
	}
	d.up.Set(up) // once, because a scrape may come at any time
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case silent == nil && !d.gone.IsZero():
		d.log.Info("the database answers again", "database", d.Where(), "gone", time.Since(d.gone).Round(time.Second))
		d.gone = time.Time{}
		return true
	case silent != nil && d.gone.IsZero():
		d.log.Error("the database does not answer; requests go on without it", "database", d.Where(), "error", silent)
		d.gone = time.Now()
	}
	return false
}

// readyStore is the database in what /readyz says.
type readyStore struct {
	Database string    `json:"database"` // a file, or host, port and name
	Up       bool      `json:"up"`
	Since    time.Time `json:"since,omitzero"` // when it was first seen not to answer
}

// ready is what /readyz says of the database, and what an operator should know of it; nil when there is none.
func (d *database) ready() (state *readyStore, note string) {
	if d == nil {
		return nil, ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	state = &readyStore{Database: d.Where(), Up: d.gone.IsZero(), Since: d.gone}
	if !state.Up {
		note = fmt.Sprintf("the database %s does not answer since %s: requests go on without it, and no event is taken or delivered", state.Database, d.gone.UTC().Format(time.RFC3339))
	} else if since, err := d.Untold(); err != nil {
		state.Up, state.Since = false, since
		note = fmt.Sprintf("the database %s keeps no events since %s: requests go on, and no event is taken or delivered: %v", state.Database, since.UTC().Format(time.RFC3339), err)
	}
	return state, note
}

// close gives the connections back, if there is a database.
func (d *database) close() {
	if d != nil {
		d.Close()
	}
}
