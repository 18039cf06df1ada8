package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
)

// aggregateBench is a played tenant, a configuration that reads it through the real chain, and a database.
type aggregateBench struct {
	*testing.T
	vendor  *teamdynamix.Vendor
	base    string
	set     *connectors.Set
	folder  string // of the configuration
	options store.Options

	mu    sync.Mutex
	fault func(w http.ResponseWriter, r *http.Request) bool // answers in the vendor's stead
	calls map[string]int                                    // by method and path, of people
}

// newAggregateBench plays a tenant of some people whose limits do not bind.
func newAggregateBench(t *testing.T, options store.Options, people int, aggregationYAML string) *aggregateBench {
	t.Helper()
	b := &aggregateBench{T: t, options: options, calls: map[string]int{}, folder: t.TempDir()}
	rates := map[string]teamdynamix.Rate{}
	for _, l := range teamdynamix.Limits() {
		rates[l.Method+" "+l.Path] = teamdynamix.Rate{}
	}
	b.vendor = teamdynamix.New(teamdynamix.Options{Seed: 7, People: people, Groups: 5, Rates: rates})
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	b.base = server.URL + teamdynamix.Production
	text := fmt.Sprintf(`listeners:
  main: {address: "127.0.0.1:0"}
connections:
  tdx:
    connector: teamdynamix
    base_url: %s
    allow_networks: [127.0.0.0/8]
    auth: managed
    credentials: {beid: "${env:BEID}", web_services_key: "${env:KEY}"}
    max_hold: 5ms # what is turned away by pace must be waited for
    aggregation: {%s}
%s`, b.base, aggregationYAML, shortLimits(t))
	if err := os.WriteFile(filepath.Join(b.folder, "sluice.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.set, err = b.source().set(); err != nil {
		t.Fatal(err)
	}
	return b
}

// shortLimits are the lines of a TeamDynamix connection by which its limits do not bind either.
func shortLimits(t *testing.T) string {
	t.Helper()
	shipped, faults := connectors.Load(os.DirFS("../../configs"), connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	limits := "    limits:\n"
	for _, rule := range shipped.Connections["tdx"].AllRules() {
		limits += fmt.Sprintf("      %q: {window: %s}\n", rule.Name, rule.Window/2000)
	}
	return limits
}

// vars are the environment that holds the credential.
func (b *aggregateBench) vars() []string {
	o := b.vendor.Options()
	return []string{"BEID=" + o.BEID, "KEY=" + o.WebServicesKey}
}

func (b *aggregateBench) source() source { return source{path: b.folder, vars: b.vars()} }

func (b *aggregateBench) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	fault := b.fault
	if strings.Contains(r.URL.Path, "/api/people") {
		b.calls[r.Method+" "+r.URL.Path]++
	}
	b.mu.Unlock()
	if fault == nil || !fault(w, r) {
		b.vendor.ServeHTTP(w, r)
	}
}

func (b *aggregateBench) setFault(fault func(w http.ResponseWriter, r *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault, b.calls = fault, map[string]int{}
}

// called counts the calls about people since setFault, and those that were made more than once.
func (b *aggregateBench) called() (all int, twice []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, call := range slices.Sorted(maps.Keys(b.calls)) {
		if all += b.calls[call]; b.calls[call] > 1 {
			twice = append(twice, call)
		}
	}
	return all, twice
}

// house opens a node; it ends with the test unless it is closed before.
func (b *aggregateBench) house(works bool) *aggregateHouse {
	b.Helper()
	h, err := openAggregates(b.Context(), b.set, b.options, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatalf("open: %v", err)
	}
	h.runner.Pauses = aggregation.Pauses{First: time.Millisecond, Most: 2 * time.Millisecond, Tries: 3}
	if works {
		if err := h.work(b.Context(), store.QueueOptions{}); err != nil {
			b.Fatalf("work: %v", err)
		}
	}
	b.Cleanup(func() { h.close() })
	return h
}

var tdxPeople = aggregation.Scope{Connection: "tdx", Resource: "people"}

func (b *aggregateBench) start(h *aggregateHouse) aggregation.Run {
	b.Helper()
	run, err := h.runner.Start(b.Context(), tdxPeople, "")
	if err != nil {
		b.Fatalf("start: %v", err)
	}
	return run
}

// longest is how long a run may take to be as it must be, also on a machine that is busy with other tests.
const longest = 3 * time.Minute

// until waits for a run to be as it must be.
func (b *aggregateBench) until(h *aggregateHouse, id aggregation.RunID, what string, yes func(aggregation.Run, aggregation.Standing) bool) aggregation.Run {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), longest)
	defer cancel()
	for {
		run, err := h.db.Run(ctx, id)
		if err != nil {
			b.Fatalf("wait until %s: %v", what, err)
		}
		parts, err := h.db.Partitions(ctx, id)
		if err != nil {
			b.Fatalf("wait until %s: %v", what, err)
		}
		if yes(run, aggregation.StandingOf(parts)) {
			return run
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			b.Fatalf("run %d is %s (%s), partitions %+v; want %s", id, run.State, run.Note, parts, what)
		}
	}
}

// over waits for a run's end.
func (b *aggregateBench) over(h *aggregateHouse, id aggregation.RunID, want aggregation.State) aggregation.Run {
	b.Helper()
	run := b.until(h, id, "it to be over", func(r aggregation.Run, _ aggregation.Standing) bool { return r.Over() })
	if run.State != want {
		b.Fatalf("run %d: got %s (%s), want %s", id, run.State, run.Note, want)
	}
	return run
}

// read makes a whole run.
func (b *aggregateBench) read(h *aggregateHouse) aggregation.Run {
	b.Helper()
	return b.over(h, b.start(h).ID, aggregation.Completed)
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, people int, yaml string, test func(b *aggregateBench)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) { test(newAggregateBench(t, fresh(), people, yaml)) })
}
