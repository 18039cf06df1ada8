package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/store"
	"sluice/triggers"
	"sluice/triggers/dispatch"
	"sluice/triggers/send"
)

// delivering has events sent to those who subscribe to them, and drops the record of what is over for long.
type delivering struct {
	db         *store.DB
	senders    *send.Senders
	dispatcher *dispatch.Dispatcher
	metrics    *dispatch.Metrics
	keep       store.Retention
	log        *slog.Logger
}

// newDelivering makes a node that delivers. set is the configuration at the start; the catalogue follows reloads. tune changes what is no
// setting, in tests.
func newDelivering(set *connectors.Set, now func() *connectors.Set, db *store.DB, address func() string, log *slog.Logger, tune ...func(*dispatch.Options)) *delivering {
	e := set.Events
	senders := send.New(sendOptions(set))
	metrics := dispatch.NewMetrics(db.Tallies, log)
	host, _ := os.Hostname() // a name for people; chance tells nodes apart
	return &delivering{
		db: db, senders: senders, metrics: metrics, log: log, keep: store.Retention{Done: e.Keep, Dead: e.KeepDead, Most: e.KeepMost, Events: e.KeepEvents},
		dispatcher: dispatch.New(tuned(tune, dispatch.Options{
			Store: db, Sender: senders, Batch: senders.Batcher, Seen: metrics.Seen, Log: log, Owner: fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text()[:8]),
			Kind:  func(trigger string) triggers.Kind { return kindOf(now(), trigger) },
			Check: func(trigger string, output json.RawMessage) error { return checkOutput(now(), trigger, output) },
			Callback: func(invocation string) string {
				base := e.URL
				if base == "" {
					base = address()
				}
				return strings.TrimSuffix(base, "/") + "/beta/trigger-invocations/" + invocation + "/complete"
			},
		})),
	}
}

func tuned(tune []func(*dispatch.Options), o dispatch.Options) dispatch.Options {
	for _, change := range tune {
		change(&o)
	}
	return o
}

// sendOptions are what a configuration says of how events are sent.
func sendOptions(set *connectors.Set) send.Options {
	return send.Options{Allow: set.Events.AllowNetworks, EventBridge: eventBridgeOptions(set.Events.EventBridge)}
}

// eventBridgeOptions are those that the configuration gives.
func eventBridgeOptions(e connectors.EventBridge) send.EventBridgeOptions {
	o := send.EventBridgeOptions{Source: e.Source, Bus: e.Bus}
	o.AccessKeyID, o.Endpoint = e.AccessKeyID, e.Endpoint
	if !e.SecretAccessKey.IsZero() {
		secret := e.SecretAccessKey.Reveal()
		o.SecretAccessKey = &secret
	}
	return o
}

// mainURL is where the listener main answers, by its address.
func (a *App) mainURL() string {
	scheme := "http"
	if l := a.upstreams.Set().Listeners["main"]; l != nil && l.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + a.Address("main")
}

// kindOf tells whether a trigger wants an answer. One that the configuration does not have any more wants none.
func kindOf(set *connectors.Set, id string) triggers.Kind {
	if t := set.Triggers().Trigger(id); t != nil {
		return t.Kind
	}
	return triggers.FireAndForget
}

func checkOutput(set *connectors.Set, id string, output json.RawMessage) error {
	t := set.Triggers().Trigger(id)
	if t == nil {
		return fmt.Errorf("there is no trigger %s any more", id)
	}
	return t.CheckOutput(output)
}

// tidyEvery is how often the record of what is over for long is dropped.
const tidyEvery = 10 * time.Minute

// run delivers until ctx ends, and what was under way is kept.
func (d *delivering) run(ctx context.Context) {
	defer d.senders.Close()
	go d.tidy(ctx)
	go d.watch(ctx)
	d.dispatcher.Run(ctx)
}

// watchAgain is how long it takes to listen again for what other processes write, once that has broken off. Meanwhile it is found by looking.
const watchAgain = 5 * time.Second

func (d *delivering) watch(ctx context.Context) {
	for {
		if err := d.db.Watch(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("events that other processes write are delivered a moment later", "error", err)
		}
		if sleep(ctx, watchAgain) != nil {
			return
		}
	}
}

func (d *delivering) tidy(ctx context.Context) {
	for {
		if _, err := d.db.Retire(ctx, d.keep); err != nil && ctx.Err() == nil {
			d.log.Warn("the record of old invocations stays", "error", err)
		}
		if sleep(ctx, tidyEvery) != nil {
			return
		}
	}
}
