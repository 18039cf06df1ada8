package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

// childVariable holds what a child process is to do; killsVariable says how often one is killed, 4 times when it is not set.
const (
	childVariable = "AGGREGATE_CHILD"
	killsVariable = "AGGREGATE_KILLS"
)

// child is a node in a process of its own.
type child struct {
	Config string
	Dir    string
	URL    string
	Run    aggregation.RunID
}

// TestAggregateChild is no test but the node that TestAggregateSurvivesKills starts and kills.
func TestAggregateChild(t *testing.T) { //nolint:paralleltest // alone in its process
	text := os.Getenv(childVariable)
	if text == "" {
		t.Skip("only another test runs this")
	}
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	set, err := (source{path: c.Config, vars: []string{"BEID=" + os.Getenv("BEID"), "KEY=" + os.Getenv("KEY")}}).set()
	if err != nil {
		t.Fatal(err)
	}
	h, err := openAggregates(t.Context(), set, store.Options{Dir: c.Dir, URL: c.URL}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if c.URL == "" {
		if err := h.db.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.work(t.Context(), store.QueueOptions{Lease: 900 * time.Millisecond, Sweep: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for {
		run, err := h.db.Run(t.Context(), c.Run)
		if err != nil || run.Over() {
			return
		}
		if err := sleep(t.Context(), 20*time.Millisecond); err != nil {
			return
		}
	}
}

// spawn starts a node.
func (b *aggregateBench) spawn(run aggregation.RunID) *exec.Cmd {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	what, err := json.Marshal(child{b.folder, b.options.Dir, b.options.URL, run})
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), self, "-test.run", "^TestAggregateChild$")
	cmd.Env = append(os.Environ(), append(b.vars(), childVariable+"="+string(what))...)
	cmd.Stdout, cmd.Stderr = b.Output(), b.Output()
	if err := cmd.Start(); err != nil {
		b.Fatalf("start a node: %v", err)
	}
	return cmd
}

// Nodes that are killed at any moment, three of them on PostgreSQL and one on SQLite, leave the vendor's state in the snapshot and each change
// as one event, and repeat a call for each worker that was killed at the most. Now and then all nodes die in one moment.
func TestAggregateSurvivesKills(t *testing.T) {
	t.Parallel()
	kills := 4
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	const workers = 2
	people := 60 * (kills + 1)
	onBoth(t, people, "workers_per_node: 2", func(b *aggregateBench) {
		nodes := make([]*exec.Cmd, 1)
		if b.options.URL != "" {
			nodes = make([]*exec.Cmd, 3)
		}
		looking := b.house(false)
		run := b.start(looking)
		for i := range nodes {
			nodes[i] = b.spawn(run.ID)
		}
		killed := 0
		for range kills {
			before, _ := b.called()
			b.until(looking, run.ID, "some calls more", func(r aggregation.Run, _ aggregation.Standing) bool {
				now, _ := b.called()
				return r.Over() || now >= before+1+rand.IntN(60)
			})
			killed += b.kill(nodes, run.ID)
		}
		got := b.over(looking, run.ID, aggregation.Completed)
		for _, node := range nodes {
			if err := node.Wait(); err != nil {
				b.Errorf("a node: got %v, want it to end well", err)
			}
		}
		all, twice := b.called()
		b.Logf("%d times, %d of %d nodes killed: %d calls for %d people, %d of them repeated", kills, killed, len(nodes), all, people, len(twice))
		if extra := all - people - 1; extra > killed*workers {
			b.Errorf("calls: got %d more than there are people, want %d at the most: %v", extra, killed*workers, twice)
		}
		events, _ := b.events(looking, 0)
		if n := len(events[triggers.IdentityCreated]); n != people || got.Counts.Added != people {
			b.Errorf("got %d events and %+v, want %d new", n, got.Counts, people)
		}
		b.sameAsVendor(looking)
	})
}

// kill kills one of the nodes, one time in ten all of them, and starts others in their place. It says how many it has killed.
func (b *aggregateBench) kill(nodes []*exec.Cmd, run aggregation.RunID) int {
	b.Helper()
	victims := []int{rand.IntN(len(nodes))}
	if rand.IntN(10) == 0 {
		victims = rand.Perm(len(nodes))
	}
	for _, i := range victims {
		_ = nodes[i].Process.Kill() // it may have ended
	}
	for _, i := range victims {
		_ = nodes[i].Wait()
		nodes[i] = b.spawn(run)
	}
	return len(victims)
}
