package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/mocks/teamdynamix"
)

// The trials of four processes on one PostgreSQL: a limit of 60 calls, whose window is 10 s instead of a minute.
const (
	processes     = 4
	processScale  = 6
	processWindow = length / processScale
	processTTL    = time.Second
	processTrip   = roundTrip / processScale
	transit       = time.Second
)

// lapse is how long after a process was last heard the places that it held are free for sure.
const lapse = processTTL + transit + processWindow

// town is four processes of Sluice on one database, the vendor that they call, and callers who want more than it permits.
type town struct {
	vendor *counter
	relay  *relay // to the database
	nodes  []*process
	tidy   []func()
	calls  context.Context
	stop   context.CancelFunc
	asking sync.WaitGroup
}

// shared is the part of a node's configuration by which it shares the limit.
var shared = fmt.Sprintf("database: ${file:database}\nleases: {share: %g, ttl: %v, transit: %v}\n", 1./processes, processTTL, transit)

// startTown starts it all, the callers too; each node's configuration begins with a text. close ends it, also after an error.
func startTown(ctx context.Context, binary, sharing string) (t *town, err error) {
	t = &town{}
	t.calls, t.stop = context.WithCancel(ctx)
	database, err := makeDatabase(ctx)
	if err != nil {
		return t, err
	}
	t.tidy = append(t.tidy, func() {
		if err := database.drop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "sluice-bench: drop the database:", err)
		}
	})
	if t.relay, err = startRelay(ctx, net.JoinHostPort(database.server.Hostname(), database.port())); err != nil {
		return t, err
	}
	t.tidy = append(t.tidy, t.relay.close)
	if t.vendor, err = countCalls(ctx, time.Hour, teamdynamix.Options{People: 20, WindowScale: 1. / processScale, Latency: processTrip}); err != nil {
		return t, err
	}
	t.tidy = append(t.tidy, func() { _ = t.vendor.server.Close() })
	t.vendor.silent = true // or nodes would learn of each other from its answers
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: processes * httpWorkers}}
	_, people, err := t.vendor.people(ctx, client)
	if err != nil {
		return t, err
	}
	for range processes {
		node, err := t.start(ctx, binary, sharing, database.through(t.relay.addr()))
		if err != nil {
			return t, err
		}
		t.nodes = append(t.nodes, node)
	}
	for _, node := range t.nodes {
		for worker := range httpWorkers {
			t.asking.Go(func() { t.ask(client, node, people, worker) })
		}
	}
	return t, nil
}

// start starts one process.
func (t *town) start(ctx context.Context, binary, sharing, database string) (*process, error) {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	t.tidy = append(t.tidy, func() { _ = os.RemoveAll(dir) })
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	options := t.vendor.vendor.Options()
	for name, text := range map[string]string{
		"database": database, "beid": options.BEID, "key": options.WebServicesKey,
		"sluice.yaml": sharing + fmt.Sprintf(`
listeners: {main: {address: %q}}
admin: {address: "127.0.0.1:0"}
limits: {max_hold: 50s}
connections:
  acme:
    connector: teamdynamix
    base_url: %s
    allow_networks: [127.0.0.0/8]
    auth: managed
    credentials: {beid: "${file:beid}", web_services_key: "${file:key}"}
    limits: {"GET /api/people/{uid}": {window: %v, scope: credential}}
`, addr, t.vendor.base, processWindow),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return start(ctx, addr, binary, "serve", "--config", dir)
}

// ask reads people through one process as fast as it is answered. A process that has been killed answers nothing.
func (t *town) ask(client *http.Client, node *process, people []string, worker int) {
	for i := worker; t.calls.Err() == nil; i += httpWorkers {
		_, err := fetch(t.calls, client, http.MethodGet, "http://"+node.addr+"/acme/api/people/"+people[i%len(people)], "", "")
		if err != nil {
			_ = pause(t.calls, 100*time.Millisecond)
		}
	}
}

// close ends everything, in the order that each needs the others.
func (t *town) close() {
	t.stop()
	t.asking.Wait()
	if t.relay != nil {
		t.relay.set(false)
	}
	for _, node := range t.nodes {
		node.stop()
	}
	for i := len(t.tidy) - 1; i >= 0; i-- {
		t.tidy[i]()
	}
}

// first waits for the first call that the vendor counts, and returns its time.
func (t *town) first(ctx context.Context) (time.Time, error) {
	for range 600 {
		if marks := t.marks(); len(marks) > 0 {
			return marks[0].at, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, errors.New("no call has reached the vendor within 30 s")
}

func (t *town) marks() []mark {
	t.vendor.mu.Lock()
	defer t.vendor.mu.Unlock()
	return append([]mark(nil), t.vendor.marks...)
}

// until waits for a number of windows after a time.
func until(ctx context.Context, from time.Time, windows float64) error {
	return pause(ctx, time.Until(from.Add(time.Duration(windows*float64(processWindow)))))
}
