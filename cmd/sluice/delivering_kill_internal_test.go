package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/dispatch"
)

// delivererVariable holds what a child process is to do; deliveryKillsVariable says at how many moments nodes are killed, 5 when it is not set.
const (
	delivererVariable     = "DELIVERY_CHILD"
	deliveryKillsVariable = "DELIVERY_KILLS"
)

// deliverer is a node in a process of its own. What it reads from its standard input says how many events there are to be in all; when that
// ends, the node stops as one that is told to.
type deliverer struct {
	Config, Dir, URL string
	Delivers, Emits  bool
	Lease            time.Duration
	Dies             int64 // by its own hand, in the midst of the transaction that writes so many events, as many as it may have written before; 0: never
}

// TestDeliveringChild is no test but the node that TestDeliverySurvivesKills starts and kills.
func TestDeliveringChild(t *testing.T) { //nolint:paralleltest // alone in its process
	text := os.Getenv(delivererVariable)
	if text == "" {
		t.Skip("only another test runs this")
	}
	var c deliverer
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	set, err := (source{path: c.Config}).set()
	if err != nil {
		t.Fatal(err)
	}
	options := forTriggers(set, store.Options{Dir: c.Dir, URL: c.URL})
	options.Compile = c.dying(options.Compile)
	db, err := store.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c.URL == "" {
		if err := db.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done sync.WaitGroup
	if c.Delivers {
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		d := newDelivering(set, func() *connectors.Set { return set }, db, func() string { return "http://127.0.0.1" }, log,
			func(o *dispatch.Options) { o.Lease = c.Lease })
		done.Go(func() { d.run(ctx) })
	}
	if err := c.obey(ctx, db, os.Stdin); err != nil {
		t.Error(err)
	}
	cancel()
	done.Wait()
}

// dying has a node die where it asks whether an event passes a filter: its event is written then, and its invocations are not.
func (c deliverer) dying(compile func(string) (store.Predicate, error)) func(string) (store.Predicate, error) {
	var asked atomic.Int64
	return func(text string) (store.Predicate, error) {
		passes, err := compile(text)
		return func(payload any) (bool, func() string, error) {
			if asked.Add(1) == c.Dies {
				if self, err := os.FindProcess(os.Getpid()); err == nil && self.Kill() == nil {
					select {} // until the signal has come
				}
			}
			return passes(payload)
		}, err
	}
}

// obey emits events until there are as many as the last order says, and begins with some that have been told before, as one does who was
// killed before it heard that they were.
func (c deliverer) obey(ctx context.Context, db *store.DB, orders io.Reader) error {
	at, last := 0, int64(0)
	for c.Emits {
		some, err := db.Events(ctx, last, 1000)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		at, last = at+len(some), some[len(some)-1].Seq
	}
	at = max(0, at-20)
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		to, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		for c.Emits && at < to {
			some := make([]triggers.Event, min(1+rand.IntN(12), to-at))
			for i := range some {
				some[i] = killEvent(at + i)
			}
			if err := db.Emit(ctx, some...); err != nil {
				return err
			}
			at += len(some)
		}
	}
	return nil
}

// killSubjects is of how many people the events are; each person's come one after the other.
const killSubjects = 10

// killEvent is the event of a number. Its id depends on nothing else.
func killEvent(n int) triggers.Event {
	subject := fmt.Sprintf("p%d", n%killSubjects)
	return triggers.Event{
		ID: fmt.Sprintf("kill-%d", n), Type: triggers.IdentityDeleted, Source: "tdx", Subject: subject, Time: time.Now(),
		Data: fmt.Appendf(nil, `{"identity":{"type":"IDENTITY","id":%q,"name":"Ann"},"attributes":{"n":%d}}`, subject, n/killSubjects),
	}
}

// Nodes that are killed at any moment, three of them on PostgreSQL or one, and one on SQLite, deliver each event to each subscription, in order
// of its subject, and what they repeat has the id that it had. Emitters are killed too, in the midst of their transactions. killedSink says
// what exactly at-least-once and in order mean. Some answers are refusals, so that nodes die while a subject waits to be sent again.
func TestDeliverySurvivesKills(t *testing.T) {
	t.Parallel()
	kills := 5
	if n, err := strconv.Atoi(os.Getenv(deliveryKillsVariable)); err == nil {
		kills = n
	}
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		t.Run("one node", func(t *testing.T) {
			t.Parallel()
			killDeliverers(t, fresh(), 1, kills)
		})
		if options := fresh(); options.URL != "" {
			t.Run("three nodes", func(t *testing.T) {
				t.Parallel()
				killDeliverers(t, options, 3, kills)
			})
		}
	})
}

// eventsForKill is how many events are emitted before each kill. There are four subscriptions: 200 kills are 10,400 deliveries.
const eventsForKill = 13

func killDeliverers(t *testing.T, options store.Options, nodes, kills int) {
	t.Helper()
	c := newKilling(t, options, nodes)
	for range kills {
		c.order(c.ordered + eventsForKill)
		if rand.IntN(5) == 0 { // whatever they are at
			_ = sleep(t.Context(), time.Duration(rand.Int64N(int64(300*time.Millisecond))))
		} else {
			enough := c.sink.count() + 1 + rand.IntN(2*eventsForKill)
			c.until("some attempts more", func() bool { return c.sink.count() >= enough })
		}
		c.kill()
	}
	c.dies = false
	c.until("each event to be taken", func() bool { return c.sink.all(c.ordered) })
	c.until("all of it to be kept", func() bool { return len(c.invocations(triggers.Waiting)) == 0 })
	c.stop()
	c.check()
	t.Logf("%d moments of %d nodes: %d nodes killed, %d emitters, %d of them in a transaction; %s",
		kills, nodes, c.killed, c.emitters, c.byHand, c.sink)
}
