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
}

// storeOptions say where a configuration's database is: a server, or a file in the data folder.
func storeOptions(_ *connectors.Set, data string) (store.Options, error) {
	if data == "" {
		return store.Options{}, usagef("an aggregation needs a place that survives a restart: name a folder with --data or $%s", dataVariable)
	}
	return store.Options{Dir: data}, nil
}

// openAggregates opens the house without working. Logs go to log.
func openAggregates(ctx context.Context, set *connectors.Set, options store.Options, log *slog.Logger) (*aggregateHouse, error) {
	db, err := store.Open(ctx, options)
	if err != nil {
		return nil, exitWith(exitBlocked, err)
	}
	h := &aggregateHouse{set: set, db: db, log: log}
	h.upstreams = proxy.NewUpstreams(proxy.Options{Log: log})
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
	h.queue, err = startWorkers(ctx, h.db, h.runner, o)
	return exitWith(exitBlocked, err)
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
