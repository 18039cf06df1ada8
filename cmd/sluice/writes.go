package main

import (
	"context"
	"log/slog"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/store"
)

// writes passes on to the store who was written to through the proxy, so that the next run reads them in full. A request never waits for
// it: what finds no room, or a database that is gone, is only read when its turn comes.
type writes struct {
	db    *store.DB
	log   *slog.Logger
	heard chan write
}

// write is an account that was written to.
type write struct {
	scope aggregation.Scope
	id    string
}

// mostWrites is how many wait for the store.
const mostWrites = 4096

// touchWithin is how long the store has for one.
const touchWithin = 10 * time.Second

func newWrites(db *store.DB, log *slog.Logger) *writes {
	return &writes{db: db, log: log, heard: make(chan write, mostWrites)}
}

// hear is proxy.Options.Written.
func (w *writes) hear(connection string, changed []connectors.Write) {
	for _, c := range changed {
		if c.Key == "" {
			continue
		}
		select {
		case w.heard <- write{aggregation.Scope{Connection: connection, Resource: c.Resource.Name}, c.Key}:
		default:
			w.log.Warn("an account that was written to is not marked for an early reading: too many at once", "connection", connection, "resource", c.Resource.Name)
		}
	}
}

// keep marks accounts until ctx ends, and then those that were heard of before.
func (w *writes) keep(ctx context.Context) {
	for {
		select {
		case one := <-w.heard:
			w.touch(ctx, one)
		case <-ctx.Done():
			for len(w.heard) > 0 {
				w.touch(context.WithoutCancel(ctx), <-w.heard)
			}
			return
		}
	}
}

func (w *writes) touch(ctx context.Context, one write) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), touchWithin)
	defer cancel()
	if _, err := w.db.Touch(ctx, one.scope, one.id); err != nil {
		w.log.Warn("an account that was written to is not marked for an early reading", "connection", one.scope.Connection, "resource", one.scope.Resource, "error", err)
	}
}
