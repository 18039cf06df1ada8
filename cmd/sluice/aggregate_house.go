package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/proxy"
	"sluice/store"
)

// aggregateHouse is what aggregations need: the store, the road to the vendors, and a node that works.
type aggregateHouse struct {
	set       *connectors.Set
	db        *store.DB
	upstreams *proxy.Upstreams
	runner    *aggregation.Runner
	log       *slog.Logger
	queue     *store.Queue // nil: this node does not work
	unwritten func() error // why this node could keep nothing for so long that it had better end; nil: it does not work
	shared    bool         // limits are shared with other processes by the database
	serving   *serving     // the process that works in this one's stead; nil: none does
}

// storeOptions say where the database is: on the server that the configuration names, else in the data folder. That there is none is a
// mistake of the command line.
func storeOptions(set *connectors.Set, data string) (store.Options, error) {
	switch {
	case !set.Database.IsZero():
		return forTriggers(set, store.Options{URL: set.Database.Reveal()}), nil
	case data == "":
		return store.Options{}, usagef("there is no database: name a data folder with --data, or a configuration with database with --config")
	}
	return forTriggers(set, store.Options{Dir: data}), nil
}

// openAggregates opens the house without working. Logs go to log.
func openAggregates(ctx context.Context, set *connectors.Set, options store.Options, log *slog.Logger) (*aggregateHouse, error) {
	db, err := store.Open(ctx, options)
	if err != nil {
		return nil, exitWith(exitBlocked, err)
	}
	h := &aggregateHouse{set: set, db: db, log: log, shared: options.URL != ""}
	road := proxy.Options{Log: log}
	if h.shared {
		road.Leases = sharedLeases(db, set)
	}
	h.upstreams = proxy.NewUpstreams(road)
	if err := h.upstreams.Apply(set); err != nil {
		h.close()
		return nil, exitWith(exitUsage, err)
	}
	h.runner = newRunner(db, h.upstreams, log)
	return h, nil
}

// newRunner is the aggregator of a process, over the upstreams that it has.
func newRunner(db *store.DB, upstreams *proxy.Upstreams, log *slog.Logger) *aggregation.Runner {
	return &aggregation.Runner{Store: db, Set: upstreams.Set, Client: bulkClient(upstreams), Log: log}
}

// aggregateWorkers are the connections that can be aggregated, and at how many partitions of each a node works at once.
func aggregateWorkers(set *connectors.Set) map[string]int {
	workers := map[string]int{}
	for name, connection := range set.Connections {
		if connection.Connector != nil && len(connection.Connector.Resources) > 0 {
			workers[name] = connection.Aggregation.WorkersPerNode
		}
	}
	return workers
}

// startWorkers makes a process a node that works at partitions of o.Workers.
func startWorkers(ctx context.Context, db *store.DB, runner *aggregation.Runner, o store.QueueOptions) (*store.Queue, error) {
	o.Work = runner.Work
	queue, err := db.Queue(o)
	if err != nil {
		return nil, err
	}
	if err := queue.Start(ctx); err != nil {
		return nil, err
	}
	return queue, nil
}

// work makes this process a node.
func (h *aggregateHouse) work(ctx context.Context, o store.QueueOptions) (err error) {
	o.Log, o.Workers = h.log, aggregateWorkers(h.set)
	if len(o.Workers) == 0 {
		return nil
	}
	h.calls()
	h.unwritten = func() error { return h.db.Unwritten(unwrittenFor) }
	h.queue, err = startWorkers(ctx, h.db, h.runner, o)
	return exitWith(exitBlocked, err)
}

// unwrittenFor is how long a run in the foreground waits for a store that cannot be written. Its owner may then free the disk and resume it.
const unwrittenFor = time.Minute

// calls warns before this process makes calls; one that only looks or gives an order spends nothing.
func (h *aggregateHouse) calls() {
	if h.shared {
		warnOfLeases(h.set, h.log)
	}
}

// stopWithin is what a call under way gets to end.
const stopWithin = 10 * time.Second

// close gives partitions back to other nodes.
func (h *aggregateHouse) close() {
	if h.queue != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if err := h.queue.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			h.log.Warn("the queue did not stop well", "error", err)
		}
	}
	h.upstreams.Close()
	h.db.Close()
}
