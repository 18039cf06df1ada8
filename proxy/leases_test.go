package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/mocks/limiter"
	"sluice/proxy"
	"sluice/proxy/pace/lease"
)

// sharedVendor is a vendor whose limiter counts the calls of all who come, half way through their round trip.
type sharedVendor struct {
	mu        sync.Mutex
	limiter   limiter.Limiter
	permitted int
	refused   int
}

// RoundTrip implements http.RoundTripper.
func (v *sharedVendor) RoundTrip(r *http.Request) (*http.Response, error) {
	const half = 100 * time.Millisecond
	<-time.After(half)
	v.mu.Lock()
	verdict := v.limiter.Take(time.Now())
	status := http.StatusOK
	if verdict.Permitted {
		v.permitted++
	} else {
		v.refused++
		status = http.StatusTooManyRequests
	}
	v.mu.Unlock()
	<-time.After(half)
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}

func (v *sharedVendor) counts() (permitted, refused int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.permitted, v.refused
}

// sharedStore is a store that counts what it hears, and cannot be reached while it is gone.
type sharedStore struct {
	lease.Store
	gone   atomic.Bool
	trades atomic.Int64
	beats  atomic.Int64
	last   atomic.Pointer[lease.Trade]
}

var errStoreGone = errors.New("store: connection refused")

func (s *sharedStore) Trade(ctx context.Context, trade lease.Trade) (lease.Grant, error) {
	<-time.After(5 * time.Millisecond)
	if s.gone.Load() {
		return lease.Grant{}, errStoreGone
	}
	s.trades.Add(1)
	s.last.Store(&trade)
	return s.Store.Trade(ctx, trade)
}

func (s *sharedStore) Beat(ctx context.Context, node string) (string, error) {
	if s.gone.Load() {
		return "", errStoreGone
	}
	s.beats.Add(1)
	return s.Store.Beat(ctx, node)
}

// fleet is several processes that share one vendor's limit.
type fleet struct {
	t      *testing.T
	vendor *sharedVendor
	store  *sharedStore
	nodes  []*fleetNode
	log    *bytes.Buffer // of the first
}

// fleetNode is one process, with callers who call again as soon as they are answered.
type fleetNode struct {
	ups     *proxy.Upstreams
	stop    context.CancelFunc
	callers sync.WaitGroup
}

const (
	fleetLimit  = 60
	fleetWindow = time.Minute
	fleetTTL    = 4 * time.Second
)

// fleetSet is the configuration of every process.
func fleetSet(t *testing.T, limits string) *connectors.Set {
	t.Helper()
	connection := "connector: acme, base_url: \"https://vendor.example\""
	if strings.Contains(limits, "credential:key") {
		connection += ", auth: managed, credentials: {key: \"${env:KEY}\"}"
	}
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml":          {Data: []byte("connections: {acme: {" + connection + "}}\n")},
		"connectors/acme.yaml": {Data: []byte("name: acme\n" + limits)},
	}, connectors.Environment{Vars: []string{"KEY=planted-4711"}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return set
}

const fleetLimits = "limits:\n  scope: connection\n  rules: [{name: people, match: GET /people, limit: 60, window: 60s, starts: sliding}]\n"

func newFleet(t *testing.T, nodes int) *fleet {
	f := &fleet{
		t: t, vendor: &sharedVendor{limiter: &limiter.SlidingLog{Limit: fleetLimit, Window: fleetWindow}},
		store: &sharedStore{Store: lease.NewMemory(time.Now)}, log: &bytes.Buffer{},
	}
	for i := range nodes {
		log := io.Discard
		if i == 0 {
			log = f.log
		}
		ups := proxy.NewUpstreams(proxy.Options{
			Log:    slog.New(slog.NewTextHandler(log, nil)),
			Wire:   func(*connectors.Connection) (http.RoundTripper, error) { return f.vendor, nil },
			Leases: proxy.Leases{Store: f.store, TTL: fleetTTL, Transit: time.Second, Share: 1 / float64(nodes)},
		})
		if err := ups.Apply(fleetSet(t, fleetLimits)); err != nil {
			t.Fatal(err)
		}
		f.nodes = append(f.nodes, &fleetNode{ups: ups})
	}
	return f
}

// get makes one call at a node.
func (n *fleetNode) get(ctx context.Context) (status int, err error) {
	client, err := n.ups.Client("acme")
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://vendor.example/people", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// start lets so many callers come to each node. One who is turned away comes again a second later.
func (f *fleet) start(callers int) {
	for _, n := range f.nodes {
		ctx, cancel := context.WithCancel(f.t.Context())
		n.stop = cancel
		for range callers {
			n.callers.Go(func() {
				for ctx.Err() == nil {
					if status, err := n.get(ctx); err != nil || status != http.StatusOK {
						<-time.After(time.Second)
					}
				}
			})
		}
	}
}

// mustGet makes calls one after another at a node, each of which the vendor must permit.
func (n *fleetNode) mustGet(t *testing.T, calls int) {
	t.Helper()
	for range calls {
		if status, err := n.get(t.Context()); status != http.StatusOK || err != nil {
			t.Fatalf("got %d, %v; want 200", status, err)
		}
	}
}

// end stops a node's callers and closes it.
func (n *fleetNode) end() {
	n.stop()
	n.callers.Wait()
	n.ups.Close()
}

// permitted is how many calls the vendor permits in the windows that now follow.
func (f *fleet) permitted(windows int) int {
	before, _ := f.vendor.counts()
	<-time.After(time.Duration(windows) * fleetWindow)
	after, _ := f.vendor.counts()
	return after - before
}

// TestUpstreamsShareALimit: four processes use one limit nearly fully and are never refused. One that is closed in the middle of a window
// leaves its places to the others, and while the store is gone for some windows nobody is refused either.
func TestUpstreamsShareALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 4)
		f.start(6)
		f.permitted(2) // the store is careful at its beginning
		const windows = 10
		if got := float64(f.permitted(windows)) / (windows * fleetLimit); got < 0.9 {
			t.Errorf("four nodes: used %.3f of the limit, want 0.9 or more", got)
		}
		<-time.After(fleetWindow / 2)
		f.nodes[3].end()
		if got := float64(f.permitted(4)) / (4 * fleetLimit); got < 0.9 {
			t.Errorf("after one was closed: the others used %.3f of the limit, want 0.9 or more", got)
		}
		f.store.gone.Store(true)
		f.permitted(2)
		if got := float64(f.permitted(2)) / (2 * fleetLimit); got < 0.65 || got > 0.75 {
			t.Errorf("with the store gone: three of four shares used %.3f of the limit, want nearly 0.75", got)
		}
		f.store.gone.Store(false)
		f.permitted(3)
		if got := float64(f.permitted(4)) / (4 * fleetLimit); got < 0.9 {
			t.Errorf("with the store back: used %.3f of the limit, want 0.9 or more", got)
		}
		for _, n := range f.nodes[:3] {
			n.end()
		}
		if _, refused := f.vendor.counts(); refused != 0 {
			t.Errorf("the vendor refused %d calls, want 0", refused)
		}
		if got := strings.Count(f.log.String(), "store of leases"); got != 2 {
			t.Errorf("the log speaks of the store %d times, want twice: when it went and when it came\n%s", got, f.log)
		}
	})
}

// TestSharedLimitNeedsTheStore: the test above could fail. Four processes that do not share are refused.
func TestSharedLimitNeedsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 4)
		for i, n := range f.nodes {
			n.ups.Close()
			n.ups = proxy.NewUpstreams(proxy.Options{Wire: func(*connectors.Connection) (http.RoundTripper, error) { return f.vendor, nil }})
			if err := n.ups.Apply(fleetSet(t, fleetLimits)); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
		}
		f.start(6)
		f.permitted(3)
		for _, n := range f.nodes {
			n.end()
		}
		if _, refused := f.vendor.counts(); refused == 0 {
			t.Error("the vendor refused 0 calls, want some")
		}
	})
}

// TestReloadLetsLeasesGo: a rule that is gone after a reload gives its places back and then trades no more; a closed process is silent.
func TestReloadLetsLeasesGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1)
		n := f.nodes[0]
		<-time.After(2 * fleetWindow)
		n.mustGet(t, 5)
		if err := n.ups.Apply(fleetSet(t, strings.Replace(fleetLimits, "60, window", "50, window", 1))); err != nil {
			t.Fatal(err)
		}
		<-time.After(fleetTTL)
		if last := f.store.last.Load(); last.Holds != 0 || len(last.Spent) != 5 {
			t.Errorf("the last word of the old rule: holds %d, has spent %d, want 0 and 5", last.Holds, len(last.Spent))
		}
		bucket := f.store.last.Load().Bucket
		if status, err := n.get(t.Context()); status != http.StatusOK || err != nil {
			t.Fatalf("under the new rule: got %d, %v; want 200", status, err)
		}
		if last := f.store.last.Load(); last.Bucket != bucket || last.Terms.Limit != 50 {
			t.Errorf("the new rule trades as %s by a limit of %d, want %s and 50", last.Bucket, last.Terms.Limit, bucket)
		}
		if err := n.ups.Apply(&connectors.Set{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * fleetTTL)
		trades, beats := f.store.trades.Load(), f.store.beats.Load()
		<-time.After(fleetWindow)
		if got := f.store.trades.Load() - trades; got != 0 {
			t.Errorf("trades without a rule: got %d, want 0", got)
		}
		if got := f.store.beats.Load() - beats; got != int64(fleetWindow/(fleetTTL/2)) {
			t.Errorf("beats in a window: got %d, want one in %v", got, fleetTTL/2)
		}
		n.ups.Close()
		n.ups.Close() // once more does no harm
		beats = f.store.beats.Load()
		<-time.After(fleetWindow)
		if got := f.store.beats.Load() - beats; got != 0 {
			t.Errorf("beats of a closed process: got %d, want 0", got)
		}
	})
}

// TestCloseGivesBack: the last word of a process that closes gives back what it has in hand, so that the others need not wait for it.
func TestCloseGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1)
		n := f.nodes[0]
		<-time.After(2 * fleetWindow)
		n.mustGet(t, 5)
		n.ups.Close()
		if last := f.store.last.Load(); last.Holds != 0 || last.Wants != 0 || len(last.Spent) != 5 {
			t.Errorf("the last word: holds %d, wants %d, has spent %d, want 0, 0 and 5", last.Holds, last.Wants, len(last.Spent))
		}
	})
}

// TestWhichLimitsAreShared: a limit that counts by source address, by a credential that callers bring, or calls under way is this
// process's own.
func TestWhichLimitsAreShared(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limits string
		want   bool
	}{
		"by connection": {"limits: {scope: connection, rules: [{name: r, match: GET /people, limit: 60, window: 60s}]}\n", true},
		"by address":    {"limits: {scope: address, rules: [{name: r, match: GET /people, limit: 60, window: 60s}]}\n", false},
		"by credential": {"limits: {scope: credential, rules: [{name: r, match: GET /people, limit: 60, window: 60s}]}\n", false},
		"by credential that is ours": {
			"credentials: [key]\nauth: {bearer: {token: \"${credential:key}\"}}\n" +
				"limits: {scope: credential, rules: [{name: r, match: GET /people, limit: 60, window: 60s}]}\n", true,
		},
		"under way": {"limits: {scope: connection, rules: [{name: r, match: GET /people, concurrent: 5}]}\n", false},
		"learned":   {"limits: {headers: ietf}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 1)
				n := f.nodes[0]
				defer n.ups.Close()
				if err := n.ups.Apply(fleetSet(t, tt.limits)); err != nil {
					t.Fatal(err)
				}
				<-time.After(2 * fleetWindow)
				if status, err := n.get(t.Context()); status != http.StatusOK || err != nil {
					t.Fatalf("got %d, %v; want 200", status, err)
				}
				if got := f.store.trades.Load() > 0; got != tt.want {
					t.Errorf("traded: got %v, want %v", got, tt.want)
				}
				if last := f.store.last.Load(); last != nil && last.Bucket != `"acme" "https://vendor.example" "r" ""` {
					t.Errorf("bucket in the store: got %s, want connection, base URL, rule and policy alone", last.Bucket)
				}
			})
		})
	}
}
