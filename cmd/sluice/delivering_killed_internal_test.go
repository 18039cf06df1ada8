package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// killing is some nodes that deliver, an emitter, a receiver, and the database that they share. On SQLite the one node emits too, because
// nobody else has the folder.
type killing struct {
	*testing.T
	sink    *killedSink
	server  *httptest.Server // of the sink
	db      *store.DB
	shared  bool
	lease   time.Duration
	folder  string
	options store.Options
	nodes   []*node // the last emits
	ordered int     // events, so far
	dies    bool    // whether emitters die by their own hand, now and then

	killed, emitters, byHand int
}

// node is a child process.
type node struct {
	what   deliverer
	cmd    *exec.Cmd
	orders io.WriteCloser
	exited chan struct{}
	err    error // of its end
}

func newKilling(t *testing.T, options store.Options, nodes int) *killing {
	t.Helper()
	c := &killing{
		T: t, sink: newKilledSink(min(nodes, 2)), db: storetest.Open(t, options), shared: options.URL != "", options: options, folder: killedConfig(t), dies: true,
		lease: time.Duration(nodes) * 700 * time.Millisecond, // of three, so long that none that is slow loses it
	}
	c.server = httptest.NewServer(c.sink)
	t.Cleanup(func() { c.server.CloseClientConnections(); c.server.Close() })
	filter := `$[?(@.identity.type == "IDENTITY")]`
	for id, s := range map[string]triggers.Subscription{
		"plain": {}, "filtered": {Filter: &filter}, "narrow": {Sluice: triggers.Extension{Concurrency: 2}},
		unordered: {Sluice: triggers.Extension{Ordering: triggers.OrderingNone}},
	} {
		s.ID, s.Name, s.TriggerID, s.Type, s.Enabled = id, id, triggers.IdentityDeleted, triggers.TypeHTTP, true
		s.HTTP = &triggers.HTTPConfig{URL: c.server.URL + "/" + id, DispatchMode: triggers.DispatchSync, Authentication: triggers.NoAuth}
		if err := c.db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for range nodes {
		c.nodes = append(c.nodes, c.spawn(deliverer{Delivers: true, Emits: !c.shared}))
	}
	if c.shared {
		c.nodes = append(c.nodes, c.spawn(deliverer{Emits: true}))
	}
	return c
}

// killedConfig is a folder of a configuration that lets receivers be on this machine.
func killedConfig(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	text := "listeners: {main: {address: \"127.0.0.1:0\"}}\ntriggers: {allow_networks: [127.0.0.0/8]}\n" +
		"connections:\n  tdx: {connector: teamdynamix, base_url: \"http://127.0.0.1:1\", allow_networks: [127.0.0.0/8]}\n"
	if err := os.WriteFile(filepath.Join(folder, "sluice.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// spawn starts a node. It ends with the test at the latest.
func (c *killing) spawn(what deliverer) *node {
	c.Helper()
	what.Config, what.Dir, what.URL, what.Lease, what.Dies = c.folder, c.options.Dir, c.options.URL, c.lease, 0
	if what.Emits && c.dies && rand.IntN(2) == 0 {
		what.Dies = 1 + rand.Int64N(2*eventsForKill)
	}
	text, err := json.Marshal(what)
	if err != nil {
		c.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		c.Fatal(err)
	}
	n := &node{what: what, exited: make(chan struct{}), cmd: exec.CommandContext(c.Context(), self, "-test.run", "^TestDeliveringChild$")}
	n.cmd.Env = append(os.Environ(), delivererVariable+"="+string(text))
	n.cmd.Stdout, n.cmd.Stderr = c.Output(), c.Output()
	if n.orders, err = n.cmd.StdinPipe(); err != nil {
		c.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		c.Fatalf("start a node: %v", err)
	}
	go func() { n.err = n.cmd.Wait(); close(n.exited) }()
	c.Cleanup(func() { _ = n.cmd.Process.Kill(); <-n.exited })
	n.order(c.ordered)
	return n
}

// order says how many events there are to be. A node that has died does not hear it.
func (n *node) order(events int) { _, _ = fmt.Fprintln(n.orders, events) }

func (c *killing) order(events int) {
	c.ordered = events
	c.nodes[len(c.nodes)-1].order(events)
}

// kill kills one of those that deliver, one time in ten all of them, and one time in four the emitter too; others come in their place.
func (c *killing) kill() {
	c.Helper()
	emitter := len(c.nodes) - 1
	delivering := len(c.nodes)
	if c.shared {
		delivering--
	}
	victims := []int{rand.IntN(delivering)}
	if rand.IntN(10) == 0 {
		victims = rand.Perm(delivering)
	}
	if rand.IntN(4) == 0 && c.shared {
		victims = append(victims, emitter)
	}
	for _, i := range victims {
		_ = c.nodes[i].cmd.Process.Kill() // it may have died by itself
	}
	c.bury(victims...)
}

// bury waits for the end of nodes that were killed, and starts others.
func (c *killing) bury(victims ...int) {
	c.Helper()
	delivered := false
	for _, i := range victims {
		n := c.nodes[i]
		<-n.exited
		if n.cmd.ProcessState.ExitCode() != -1 { // it was no signal
			c.Fatalf("a node: got %v, want it killed", n.err)
		}
		if n.what.Delivers {
			c.killed++
			delivered = true
		}
		if n.what.Emits {
			c.emitters++
		}
	}
	if delivered && c.sink.most == 1 { // what the only one had sent and nobody had read yet must not seem to be the next one's
		c.server.CloseClientConnections()
		for c.sink.answering.Load() > 0 {
			if err := sleep(c.Context(), time.Millisecond); err != nil {
				c.Fatal(err)
			}
		}
	}
	c.sink.died(delivered, c.kept)
	for _, i := range victims {
		c.nodes[i] = c.spawn(c.nodes[i].what)
	}
}

// kept says of a subscription how many events of each subject are kept as delivered. taken are as many of each as were taken a moment ago.
func (c *killing) kept(subscription string, taken map[string]int) map[string]int {
	c.Helper()
	for _, i := range c.invocations(triggers.Waiting) {
		if i.Subscription == subscription {
			taken[i.Event.Subject] = min(taken[i.Event.Subject], numberOf(c, i.Event))
		}
	}
	return taken
}

func numberOf(c *killing, e triggers.Event) int {
	c.Helper()
	var n int
	if _, err := fmt.Sscanf(e.ID, "kill-%d", &n); err != nil {
		c.Fatal(err)
	}
	return n / killSubjects
}

// invocations are all in some state.
func (c *killing) invocations(states ...triggers.State) (all []triggers.Invocation) {
	c.Helper()
	for beyond := int64(0); ; beyond = all[len(all)-1].Seq {
		some, err := c.db.Invocations(c.Context(), triggers.Query{States: states, Beyond: beyond, Limit: 1000})
		if err != nil {
			c.Fatal(err)
		}
		if all = append(all, some...); len(some) < 1000 {
			return all
		}
	}
}

// until waits for something, at most as long as a run of an aggregation may take. Who has died by his own hand meanwhile is buried.
func (c *killing) until(what string, yes func() bool) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), longest)
	defer cancel()
	for !yes() {
		for i, n := range c.nodes {
			select {
			case <-n.exited:
				c.byHand++
				c.bury(i)
			default:
			}
		}
		if err := sleep(ctx, 3*time.Millisecond); err != nil {
			c.Fatalf("waited %s for %s; %s", longest, what, c.sink)
		}
	}
}

// stop has all nodes end as they should.
func (c *killing) stop() {
	c.Helper()
	for _, n := range c.nodes {
		_ = n.orders.Close()
		if <-n.exited; n.err != nil {
			c.Errorf("a node: got %v, want it to end well", n.err)
		}
	}
}

// check holds what was taken against what is kept.
func (c *killing) check() {
	c.Helper()
	all := c.invocations()
	if len(all) != 4*c.ordered {
		c.Errorf("got %d invocations, want one for each of %d events and 4 subscriptions", len(all), c.ordered)
	}
	for _, i := range all {
		sent, id := c.sink.sent(i.Subscription, i.Event.Subject, numberOf(c, i.Event))
		if i.State != triggers.Done || i.Attempts < 1 || i.Attempts > sent || i.ID != id {
			c.Errorf("%s of %s: got %s after %d attempts as %s, want it done after %d at the most as %s", i.Event.ID, i.Subscription, i.State, i.Attempts, i.ID, sent, id)
		}
	}
	if wrong := c.sink.faults(); len(wrong) > 0 {
		c.Errorf("%d faults: %s", len(wrong), strings.Join(wrong[:min(len(wrong), 10)], "; "))
	}
}
