package main

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"sluice/aggregation"
	"sluice/proxy"
	"sluice/store"
)

// aggregateNode makes a serving process work at aggregations, over the upstreams of its front, so that both spend one budget.
type aggregateNode struct {
	db     *store.DB
	runner *aggregation.Runner
	log    *slog.Logger

	mu      sync.Mutex
	queue   *store.Queue
	workers map[string]int // of queue
	stopped bool
}

func newAggregateNode(db *store.DB, upstreams *proxy.Upstreams, log *slog.Logger) *aggregateNode {
	return &aggregateNode{db: db, runner: newRunner(db, upstreams, log), log: log}
}

// begin works from now on. Alone is whoever has the database for itself: what others were at then is its own.
func (n *aggregateNode) begin(ctx context.Context, alone bool) {
	if alone {
		if err := n.db.TakeOver(ctx); err != nil {
			n.log.Warn("aggregations that a process before this one was at are taken over later", "error", err)
		}
	}
	n.keepUp(ctx)
}

// keepUp is follow where nobody can be told but the log; n may be nil.
func (n *aggregateNode) keepUp(ctx context.Context) {
	if n == nil {
		return
	}
	if err := n.follow(ctx); err != nil {
		n.log.Error("this process works at no aggregation", "error", err)
	}
}

// follow works for the connections of the configuration in force. It is called at the start and after each reload; where neither
// connections nor workers_per_node have changed, work goes on undisturbed.
func (n *aggregateNode) follow(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	workers := aggregateWorkers(n.runner.Set())
	if n.stopped || maps.Equal(workers, n.workers) {
		return nil
	}
	if err := n.end(ctx); err != nil {
		return err
	}
	if len(workers) == 0 {
		return nil
	}
	queue, err := startWorkers(ctx, n.db, n.runner, store.QueueOptions{Log: n.log, Workers: workers})
	if err == nil {
		n.queue, n.workers = queue, workers
	}
	return err
}

// stop gives partitions back to other nodes, for good.
func (n *aggregateNode) stop(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	return n.end(ctx)
}

// leave is stop within a time, where nobody can be told but the log; n may be nil.
func (n *aggregateNode) leave(ctx context.Context) {
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	if err := n.stop(ctx); err != nil {
		n.log.Warn("the work at aggregations did not end well", "error", err)
	}
}

func (n *aggregateNode) end(ctx context.Context) error {
	queue := n.queue
	n.queue, n.workers = nil, nil
	if queue == nil {
		return nil
	}
	return queue.Stop(ctx)
}
