package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/configs"
	"sluice/connectors"
	"sluice/store"
	"sluice/triggers"
)

// The bars of delivering, to one subscription whose receiver answers at once.
const (
	deliverySQLiteBar   = 1_500 // a second
	deliveryPostgresBar = 4_000
	deliveryCPUBar      = 5.0 // seconds for 10,000, of whoever emits, delivers and keeps the database
	deliveryLatencyBar  = 30 * time.Millisecond
)

// What is delivered.
const (
	deliveryTrigger  = "idn:identity-attributes-changed"
	deliverySubjects = 4           // events of one subject, which go one after the other
	deliveryBatch    = 100         // events in a transaction, as an aggregation's commit writes them
	deliveryMost     = time.Minute // for all
	deliveryPace     = 100         // events a second, where latency is measured
	deliveryIdle     = 5 * time.Second
)

// deliveryFigures are those of one database.
type deliveryFigures struct {
	database  string
	perSecond float64
	cpu       [3]float64      // seconds for 10,000: of whoever emits, of who delivers, of PostgreSQL
	waits     []time.Duration // from the commit to the receiver, sorted
	idle      float64         // part of a processor that is used while nothing happens, with the database
}

func (f deliveryFigures) perTenThousand() float64 { return f.cpu[0] + f.cpu[1] + f.cpu[2] }

func (f deliveryFigures) wait(percent int) time.Duration {
	return f.waits[(len(f.waits)-1)*percent/100]
}

func (f deliveryFigures) String() string {
	return fmt.Sprintf("%-9s %8.0f/s   CPU s per 10,000: %5.2f (emit %.2f, deliver %.2f, PostgreSQL %.2f)   at %d/s: p50 %.1f ms, p99 %.1f ms, longest %.1f ms   idle %.1f %% of a processor",
		f.database, f.perSecond, f.perTenThousand(), f.cpu[0], f.cpu[1], f.cpu[2], deliveryPace,
		ms(f.wait(50)), ms(f.wait(99)), ms(f.wait(100)), 100*f.idle)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// benchDelivery measures deliveries to one subscription: how many a second, at what cost, and how late. args may name the sluice binary.
func benchDelivery(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("delivery", flag.ContinueOnError)
	events := flags.Int("events", 20_000, "how many events are delivered as fast as they can")
	seconds := flags.Int("seconds", 30, fmt.Sprintf("how long %d events a second are delivered", deliveryPace))
	databases := flags.String("databases", "sqlite,postgres", "on which databases")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary := cmp.Or(flags.Arg(0), "bin/sluice")
	var all []deliveryFigures
	for _, database := range strings.Split(*databases, ",") {
		f, err := measureDelivery(ctx, binary, database, *events, *seconds)
		if err != nil {
			return fmt.Errorf("%s: %w", database, err)
		}
		fmt.Println(f)
		all = append(all, f)
	}
	return weighDelivery(all)
}

// weighDelivery prints the worst of all databases, and says whether a bar is missed.
func weighDelivery(all []deliveryFigures) error {
	var cpu, p99 float64
	var missed []error
	fmt.Println()
	for _, f := range all {
		name, bar := "sqlite", float64(deliverySQLiteBar)
		if f.database != "sqlite" {
			name, bar = "pg", deliveryPostgresBar
		}
		fmt.Printf("delivery_%s_per_s=%.0f\n", name, f.perSecond)
		if f.perSecond < bar {
			missed = append(missed, fmt.Errorf("%s: fewer than %.0f deliveries a second", f.database, bar))
		}
		cpu, p99 = max(cpu, f.perTenThousand()), max(p99, ms(f.wait(99)))
	}
	fmt.Printf("delivery_cpu_s_per_10k=%.2f\ndelivery_p99_ms=%.1f\n", cpu, p99)
	if cpu > deliveryCPUBar {
		missed = append(missed, fmt.Errorf("more than %g CPU seconds for 10,000 deliveries", deliveryCPUBar))
	}
	if p99 > ms(deliveryLatencyBar) {
		missed = append(missed, fmt.Errorf("one in a hundred waits longer than %v", deliveryLatencyBar))
	}
	return errors.Join(missed...)
}

// delivering is a Sluice that delivers to a sink, and the database that both it and the bench write.
type delivering struct {
	database     *benchDatabase // nil: SQLite
	house        *house
	addr         string
	db           *store.DB
	sink         *sink
	node         *process
	subscription string
	payload      map[string]any
}

// build makes the sink, the database and the configuration, with files of its own. close is called also where it has failed.
func (d *delivering) build(ctx context.Context, binary, database string, files map[string]string) (err error) {
	if d.sink, err = openSink(ctx); err != nil {
		return err
	}
	server := ""
	if database != "sqlite" {
		if d.database, err = makeDatabase(ctx); err != nil {
			return err
		}
		server = d.database.through(d.database.server.Host)
	}
	if d.addr, err = freeAddr(ctx); err != nil {
		return err
	}
	if d.house, err = layHouse(binary, server, d.addr, "triggers: {allow_networks: [127.0.0.0/8]}\n", files); err != nil {
		return err
	}
	if err := d.subscribe(ctx); err != nil {
		return err
	}
	d.db, err = store.Open(ctx, store.Options{Dir: d.house.data, URL: server})
	return err
}

// serve starts the node.
func (d *delivering) serve(ctx context.Context) (err error) {
	d.node, err = startFree(ctx, d.addr, d.house.binary, d.house.args("serve")...)
	return err
}

func (d *delivering) close(ctx context.Context) error {
	if d.node != nil {
		d.node.stop()
	}
	if d.db != nil {
		d.db.Close()
	}
	if d.house != nil {
		d.house.close()
	}
	if d.sink != nil {
		d.sink.close()
	}
	if d.database != nil {
		return d.database.drop(ctx)
	}
	return nil
}

func measureDelivery(ctx context.Context, binary, database string, events, seconds int) (f deliveryFigures, err error) {
	f.database = database
	d := &delivering{}
	defer func() { err = errors.Join(err, d.close(ctx)) }()
	if err := d.build(ctx, binary, database, map[string]string{}); err != nil {
		return f, err
	}
	if err := d.flood(ctx, events, &f); err != nil {
		return f, err
	}
	if err := d.trickle(ctx, seconds, &f); err != nil {
		return f, err
	}
	err = d.rest(ctx, &f)
	return f, err
}

// subscribe makes the sink's subscription, and takes the trigger's example as what is sent.
func (d *delivering) subscribe(ctx context.Context) (err error) {
	set, faults := connectors.Load(configs.FS, connectors.Environment{})
	if len(faults) > 0 {
		return fmt.Errorf("the shipped configuration: %w", faults)
	}
	if err := json.Unmarshal(set.Triggers().Trigger(deliveryTrigger).ExampleInput, &d.payload); err != nil {
		return err
	}
	d.subscription, err = d.house.subscribe(ctx, "bench", d.sink.url)
	return err
}

// subscribe makes a subscription to an HTTP receiver as an operator does, and returns its id.
func (h *house) subscribe(ctx context.Context, name, url string) (string, error) {
	text, err := json.Marshal(map[string]any{
		"name": name, "triggerId": deliveryTrigger, "type": triggers.TypeHTTP, "enabled": true,
		"httpConfig": map[string]string{"url": url, "httpDispatchMode": triggers.DispatchSync, "httpAuthenticationType": triggers.NoAuth},
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(h.dir, name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	said, err := h.output(ctx, "subscriptions", "create", file)
	if err != nil {
		return "", err
	}
	var made triggers.Subscription
	err = json.Unmarshal(said, &made)
	return made.ID, err
}

// emit writes events first to first+n in one transaction. Each bears its number, and its subject is shared by some others.
func (d *delivering) emit(ctx context.Context, subject func(int) string, first, n int) error {
	events := make([]triggers.Event, n)
	now := time.Now().UTC()
	for i := range events {
		number := first + i
		d.payload[numberMember] = number
		data, err := json.Marshal(d.payload)
		if err != nil {
			return err
		}
		events[i] = triggers.Event{ID: fmt.Sprintf("bench-%d", number), Type: deliveryTrigger, Source: "bench", Subject: subject(number), Time: now, Data: data}
	}
	return d.db.Emit(ctx, events...)
}

// flood writes all events while the subscription is paused, and then has them delivered.
func (d *delivering) flood(ctx context.Context, events int, f *deliveryFigures) error {
	if _, err := d.house.output(ctx, "subscriptions", "pause", d.subscription); err != nil {
		return err
	}
	postgres := postgresTime{}
	if err := postgres.look(); err != nil {
		return err
	}
	own := ownTime()
	for at := 0; at < events; at += deliveryBatch {
		subject := func(n int) string { return fmt.Sprintf("identity-%d", n/deliverySubjects) }
		if err := d.emit(ctx, subject, at, min(deliveryBatch, events-at)); err != nil {
			return err
		}
	}
	f.cpu[0] = (ownTime() - own).Seconds()
	if err := d.serve(ctx); err != nil {
		return err
	}
	before, err := cpu(d.node.pids()...)
	if err != nil {
		return err
	}
	if _, err := d.house.output(ctx, "subscriptions", "resume", d.subscription); err != nil {
		return err
	}
	began, err := d.sink.until(ctx, 1)
	if err != nil {
		return err
	}
	if _, err = d.sink.until(ctx, events); err != nil {
		return err
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	f.perSecond = float64(events) / time.Since(began).Seconds()
	after, err := cpu(d.node.pids()...)
	if err != nil {
		return err
	}
	spent, err := postgres.since()
	if err != nil {
		return err
	}
	f.cpu[1] = (after - before).Seconds()
	if f.database != "sqlite" {
		f.cpu[2] = spent.Seconds()
	}
	for i := range f.cpu {
		f.cpu[i] *= 10_000 / float64(events)
	}
	return d.sink.sound(events)
}

// settled waits until nothing is on its way, by the database.
func (d *delivering) settled(ctx context.Context) error {
	for end := time.Now().Add(deliveryMost); time.Now().Before(end); {
		all, err := d.db.Tallies(ctx)
		if err != nil {
			return err
		}
		if all[d.subscription].Waiting == 0 {
			return nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("what was delivered is not kept as delivered")
}

// trickle writes one event after the other at a pace, and sees how long each takes from its commit to the receiver.
func (d *delivering) trickle(ctx context.Context, seconds int, f *deliveryFigures) error {
	had, n := d.sink.count(), seconds*deliveryPace
	committed := make([]time.Time, n)
	tick := time.NewTicker(time.Second / deliveryPace)
	defer tick.Stop()
	for i := range committed {
		if err := d.emit(ctx, func(n int) string { return fmt.Sprintf("identity-%d", n) }, had+i, 1); err != nil {
			return err
		}
		committed[i] = time.Now()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if _, err := d.sink.until(ctx, had+n); err != nil {
		return err
	}
	for i, at := range committed {
		f.waits = append(f.waits, max(0, d.sink.when(had+i).Sub(at)))
	}
	slices.Sort(f.waits)
	return d.sink.sound(had + n)
}

// rest sees what it costs to wait for events.
func (d *delivering) rest(ctx context.Context, f *deliveryFigures) error {
	if err := d.settled(ctx); err != nil {
		return err
	}
	if err := pause(ctx, deliveryIdle); err != nil { // until the node has let go
		return err
	}
	postgres := postgresTime{}
	if err := postgres.look(); err != nil {
		return err
	}
	before, err := cpu(d.node.pids()...)
	if err != nil {
		return err
	}
	if err := pause(ctx, deliveryIdle); err != nil {
		return err
	}
	after, err := cpu(d.node.pids()...)
	if err != nil {
		return err
	}
	spent, err := postgres.since()
	if f.database == "sqlite" {
		spent = 0
	}
	f.idle = (after - before + spent).Seconds() / deliveryIdle.Seconds()
	return err
}
