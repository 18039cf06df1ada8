package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"sluice/connectors"
	"sluice/internal/fault"
)

// paceRig is the pace stage of a connection as its YAML says, behind a real door, before a vendor that the test plays.
type paceRig struct {
	t      *testing.T
	front  *Front
	gen    *generation
	ups    *Upstreams
	chain  http.RoundTripper
	mu     sync.Mutex
	order  []string // what the vendor got, as "METHOD /path"
	answer func(r *http.Request) *http.Response
}

// newPaceRig reads a sluice.yaml without its connection and a connector's file without its name.
func newPaceRig(t *testing.T, sluice, connector string, answer func(*http.Request) *http.Response) *paceRig {
	t.Helper()
	return recallingPaceRig(t, nil, sluice, connector, answer)
}

// recallingPaceRig is newPaceRig for a house that knows something of limits.
func recallingPaceRig(t *testing.T, memory *PaceMemory, sluice, connector string, answer func(*http.Request) *http.Response) *paceRig {
	t.Helper()
	p := &paceRig{t: t, answer: answer, ups: NewUpstreams(Options{Memory: memory})}
	p.load(sluice, connector)
	p.front = NewFront(t.Context(), p.ups)
	return p
}

// load takes a configuration into force, as a reload does.
func (p *paceRig) load(sluice, connector string) {
	p.t.Helper()
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml":          {Data: []byte(sluice + "\nconnections: {acme: {connector: acme, base_url: \"https://vendor.example\"}}\n")},
		"connectors/acme.yaml": {Data: []byte("name: acme\ntimeouts: {total: 3h}\n" + connector)},
	}, connectors.Environment{})
	if len(faults) > 0 {
		p.t.Fatalf("got faults, want none: %v", faults)
	}
	conn := set.Connections["acme"]
	p.gen = &generation{set: set, byName: map[string]*upstream{"acme": {connection: conn}}}
	p.ups.live.Store(p.gen)
	p.ups.kept.begin()
	p.ups.then = nil
	p.chain = Chain(roundTrip(func(r *http.Request) (*http.Response, error) {
		p.mu.Lock()
		p.order = append(p.order, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		return p.answer(r), nil
	}), p.ups.pace(conn))
	for _, f := range p.ups.then {
		f()
	}
	p.ups.kept.sweep()
}

// send sends a request as a caller on loopback would; headers come as name, value.
func (p *paceRig) send(method, path string, headers ...string) (*Call, error) {
	p.t.Helper()
	var c fasthttp.RequestCtx
	var sent fasthttp.Request
	sent.Header.SetMethod(method)
	sent.SetRequestURI("/acme" + path)
	sent.Header.SetHost("localhost")
	for i := 0; i+1 < len(headers); i += 2 {
		sent.Header.Set(headers[i], headers[i+1])
	}
	c.Init(&sent, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	call := newCall(context.Background(), time.Time{})
	call.Arrived = time.Now()
	_, r, err := p.front.request(&c, p.gen, "main", call)
	if err != nil {
		return call, err
	}
	call.waits = nil // there is no socket whose end could be noticed
	resp, err := p.chain.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	return call, err
}

// must is send where nothing may go wrong.
func (p *paceRig) must(method, path string, headers ...string) *Call {
	p.t.Helper()
	call, err := p.send(method, path, headers...)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, path, err)
	}
	return call
}

// sent is what the vendor has got so far.
func (p *paceRig) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.order)
}

// buckets names the buckets that a connection has, in order.
func (p *paceRig) buckets() (names []string) {
	p.t.Helper()
	p.ups.opts.Metrics.buckets.gates["acme"].mu.RLock()
	defer p.ups.opts.Metrics.buckets.gates["acme"].mu.RUnlock()
	for key := range p.ups.opts.Metrics.buckets.gates["acme"].byKey {
		names = append(names, key.rule)
	}
	slices.Sort(names)
	return names
}

func ok(*http.Request) *http.Response { return vendorSays(200, "") }

// count is a number as headers have it.
func count(n int) string { return strconv.Itoa(n) }

// aMinute is a vendor that permits sixty calls in any minute.
const aMinute = "limits: {scope: connection, rules: [{name: all, match: \"* /{rest...}\", limit: 60, window: 60s, starts: sliding}]}\n"

// steady spends a limit of aMinute so that from then on a place comes free every second.
func (p *paceRig) steady() {
	p.t.Helper()
	for range 60 {
		p.must("GET", "/first")
		<-time.After(990 * time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = nil
}

// TestPacedLanes: of those who wait, calls go by the lane that header, route, consumer and method give them, whoever came first.
func TestPacedLanes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sluice, connector string
		calls             [][]string // method, path, headers: in the order in which they come
		want              []string
	}{
		"by method": {"", aMinute, [][]string{{"GET", "/a"}, {"POST", "/b"}, {"GET", "/c"}}, []string{"POST /b", "GET /a", "GET /c"}},
		"by header": {"", aMinute, [][]string{{"POST", "/a"}, {"GET", "/b", "X-Sluice-Lane", "critical"}, {"POST", "/c", "X-Sluice-Lane", "bulk"}, {"PUT", "/d"}},
			[]string{"GET /b", "POST /a", "PUT /d", "POST /c"}},
		"by route": {"", aMinute + "routes: [{match: PUT /leaver, lane: critical}, {match: POST /search, lane: bulk}]\n",
			[][]string{{"POST", "/search"}, {"POST", "/b"}, {"PUT", "/leaver"}}, []string{"PUT /leaver", "POST /b", "POST /search"}},
		"by consumer": {"consumers: {report: {networks: [127.0.0.0/8], lane: bulk}}", aMinute + "routes: [{match: PUT /leaver, lane: critical}]\n",
			[][]string{{"POST", "/a"}, {"GET", "/b"}, {"PUT", "/leaver"}}, []string{"PUT /leaver", "POST /a", "GET /b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPaceRig(t, "limits: {max_hold: 10m}\n"+tt.sluice, tt.connector, ok)
				p.steady()
				var callers sync.WaitGroup
				for _, c := range tt.calls {
					callers.Go(func() { p.must(c[0], c[1], c[2:]...) })
					synctest.Wait()
				}
				callers.Wait()
				if diff := cmp.Diff(tt.want, p.sent()); diff != "" {
					t.Errorf("sent (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestPacedCriticalPassesAHundred: a termination does not wait for an aggregation's calls that stand before it, and neither is lost.
func TestPacedCriticalPassesAHundred(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPaceRig(t, "limits: {max_hold: 10m}", aMinute, ok)
		p.steady()
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { p.must("GET", "/people") })
		}
		synctest.Wait()
		start := time.Now()
		call := p.must("PUT", "/leaver", "X-Sluice-Lane", "critical")
		if waited := time.Since(start); waited > 1100*time.Millisecond || call.Lane != connectors.Critical {
			t.Errorf("waited %v in lane %v, want no longer than the next place takes, in lane critical", waited, call.Lane)
		}
		callers.Wait()
		if got := len(p.sent()); got != 101 {
			t.Errorf("the vendor got %d calls, want 101", got)
		}
	})
}

// TestPacedFloor: what bulk gets of the places while writes wait is what the configuration says.
func TestPacedFloor(t *testing.T) {
	t.Parallel()
	for floor, want := range map[string]int{"0.1": 10, "0.5": 50} {
		t.Run(floor, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPaceRig(t, "limits: {max_hold: 1h, bulk_floor: "+floor+"}", aMinute, ok)
				p.steady()
				var callers sync.WaitGroup
				for range 110 {
					callers.Go(func() { p.must("GET", "/bulk") })
					callers.Go(func() { p.must("POST", "/write") })
				}
				callers.Wait()
				got := 0
				for _, call := range p.sent()[:100] {
					if call == "GET /bulk" {
						got++
					}
				}
				if got < want-2 || got > want+2 {
					t.Errorf("%d of the first 100 places went to bulk, want about %d", got, want)
				}
			})
		})
	}
}

// TestPacedConcurrent: of three calls under a limit of two under way, the third waits until one is answered, however long that takes.
func TestPacedConcurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		under, most := 0, 0
		var mu sync.Mutex
		p := newPaceRig(t, "", "limits: {scope: connection, rules: [{name: running, match: \"* /{rest...}\", concurrent: 2}]}\n", func(*http.Request) *http.Response {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			<-time.After(20 * time.Second)
			mu.Lock()
			under--
			mu.Unlock()
			return vendorSays(200, "")
		})
		start := time.Now()
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() { p.must("GET", "/a") })
		}
		synctest.Wait()
		rig := &stageRig{ups: p.ups}
		for name, want := range map[string]float64{"sluice_budget_limit": 2, "sluice_budget_waiting": 1} {
			if got := rig.counted(t, name, map[string]string{"bucket": "running"}); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		callers.Wait()
		if most != 2 || time.Since(start) != 40*time.Second {
			t.Errorf("at most %d calls were under way and all took %v, want 2 and 40s", most, time.Since(start))
		}
	})
}

// TestPacedPenalty: after a refusal nothing is sent for as long as the connector says that the vendor sulks, though the vendor itself
// says less.
func TestPacedPenalty(t *testing.T) {
	t.Parallel()
	for name, connector := range map[string]string{
		"of a rule": "limits: {penalty: 30s, scope: connection, rules: [{name: base, match: \"* /{rest...}\", limit: 5, window: 1s, starts: sliding}]}\n",
		"learned":   "limits: {penalty: 30s, headers: x}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				refuse := true
				p := newPaceRig(t, "limits: {max_hold: 2m}", connector, func(*http.Request) *http.Response {
					if refuse {
						refuse = false
						return vendorSays(429, "", "Retry-After", "2")
					}
					return vendorSays(200, "")
				})
				p.must("GET", "/v0/b/x")
				start := time.Now()
				p.must("GET", "/v0/b/x")
				if waited := time.Since(start); waited != 30*time.Second {
					t.Errorf("the next call went after %v, want 30s", waited)
				}
			})
		})
	}
}

// TestPacedReload: with the same settings a reload forgets nothing; with another limit, kind, burst, penalty or floor the rule starts afresh.
func TestPacedReload(t *testing.T) {
	t.Parallel()
	const head, tail = "limits: {scope: connection, rules: [{name: all, match: \"* /{rest...}\", limit: 1, window: 60s", "}]}\n"
	for name, tt := range map[string]struct {
		sluice, rule string
		fresh        bool
	}{
		"the same":            {"", "", false},
		"a starting window":   {"", ", starts: fixed", true},
		"a burst":             {"", ", burst: 2", true},
		"a penalty":           {"", ", penalty: 9s", true},
		"even spacing":        {"", ", spread: true", false},
		"another floor":       {"limits: {bulk_floor: 0.2}", "", true},
		"another longest":     {"limits: {max_hold: 24s}", "", false},
		"another body's size": {"limits: {request_body: 3MB}", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPaceRig(t, "", head+tail, ok)
				p.must("GET", "/a")
				p.load(tt.sluice, head+tt.rule+tail)
				_, err := p.send("GET", "/a")
				if fresh := err == nil; fresh != tt.fresh {
					t.Errorf("the spent minute is forgotten: %t (%v), want %t", fresh, err, tt.fresh)
				}
			})
		})
	}
}

// TestPacedPermitted: the counter of what a limit permits grows while it is in use, is counted once however often it is read, and keeps what
// it has when the rule is another one.
func TestPacedPermitted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPaceRig(t, "", aMinute, ok)
		rig := &stageRig{ups: p.ups}
		permitted := func(want float64) {
			t.Helper()
			for range 2 {
				if got := rig.counted(t, "sluice_budget_permitted_total", map[string]string{"connection": "acme", "bucket": "all"}); got < want-0.1 || got > want+0.1 {
					t.Errorf("%v permitted, want %v", got, want)
				}
			}
		}
		p.must("GET", "/a")
		<-time.After(30 * time.Second)
		permitted(30)
		<-time.After(10 * time.Second)
		p.load("", strings.Replace(aMinute, "60s", "50s", 1)) // nobody reads the counter before the old bucket is gone
		permitted(40)
		<-time.After(time.Hour)
		permitted(40)
	})
}

// TestPacedPolicies: where a vendor names several limits in its answers and no rule says anything, each is learned and paced by itself, and
// the one that is spent is the one that keeps calls back.
func TestPacedPolicies(t *testing.T) {
	t.Parallel()
	for style, tt := range map[string]struct {
		headers func(n int) []string // of the n-th answer
		buckets []string
		wait    time.Duration // of the call after two were answered
	}{
		"hubspot": {func(n int) []string {
			return []string{"X-HubSpot-RateLimit-Max", "2", "X-HubSpot-RateLimit-Remaining", count(2 - n), "X-HubSpot-RateLimit-Interval-Milliseconds", "10000",
				"X-HubSpot-RateLimit-Daily", "250000", "X-HubSpot-RateLimit-Daily-Remaining", count(250000 - n)}
		}, []string{"GET other", "GET other daily"}, 10 * time.Second},
		"docusign": {func(n int) []string {
			return []string{"X-RateLimit-Limit", "3000", "X-RateLimit-Remaining", count(3000 - n), "X-BurstLimit-Limit", "2", "X-BurstLimit-Remaining", count(2 - n)}
		}, []string{"GET other", "GET other burst"}, 30 * time.Second},
		"x": {func(n int) []string { // WHOOP names the windows beside the one that it tells of
			return []string{"X-RateLimit-Limit", "2, 2;window=60, 10000;window=86400", "X-RateLimit-Remaining", count(2 - n), "X-RateLimit-Reset", "20"}
		}, []string{"GET other", "GET other w=86400"}, 20 * time.Second},
		"ietf": {func(n int) []string {
			return []string{"RateLimit-Policy", `"hour";q=5000;w=3600, "burst";q=2;w=15, "bytes";q=9;w=60;qu="content-bytes"`,
				"RateLimit", `"hour";r=` + count(5000-n) + `;t=3000, "burst";r=` + count(2-n) + `;t=15, "bytes";r=0;t=60`}
		}, []string{"GET other", "GET other burst"}, 15 * time.Second},
	} {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				p := newPaceRig(t, "limits: {max_hold: 2m}", "limits: {headers: "+style+"}\n", func(*http.Request) *http.Response {
					n++
					if n > 2 {
						n = 1
					}
					return vendorSays(200, "", tt.headers(n)...)
				})
				p.must("GET", "/a")
				p.must("GET", "/a")
				if diff := cmp.Diff(tt.buckets, p.buckets()); diff != "" {
					t.Errorf("buckets (-want +got):\n%s", diff)
				}
				start := time.Now()
				p.must("GET", "/a")
				if waited := time.Since(start); waited < tt.wait-time.Second || waited > tt.wait+3*time.Second {
					t.Errorf("the third call waited %v, want about %v", waited, tt.wait)
				}
			})
		})
	}
}

// TestPacedPoliciesAreBounded: a vendor that gives every answer's limit another name makes no more buckets than is good for us.
func TestPacedPoliciesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p := newPaceRig(t, "", "limits: {headers: ietf}\n", func(*http.Request) *http.Response {
			n++
			name := strings.Repeat("x", 100) + count(n)
			return vendorSays(200, "", "RateLimit-Policy", `"`+count(n)+name+`";q=1000;w=60`, "RateLimit", `"`+count(n)+name+`";r=900;t=60`)
		})
		for range 50 {
			p.must("GET", "/a")
		}
		got := p.buckets()
		if len(got) != maxPolicies {
			t.Errorf("got %d buckets, want %d", len(got), maxPolicies)
		}
		for _, name := range got {
			if len(name) > 60 {
				t.Errorf("bucket %q has a name of %d bytes, want it cut", name, len(name))
			}
		}
	})
}

// TestPacedInnocent: of two rules, the refusal shuts the one of which the answer says that it is spent, and the other one not.
func TestPacedInnocent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refuse := true
		p := newPaceRig(t, "", `limits:
  headers: hubspot
  scope: connection
  rules:
    - {name: interval, match: ["GET /a", "GET /b"], limit: 100, window: 10s, policy: interval}
    - {name: daily, match: "GET /a", limit: 250000, window: 24h, policy: daily}
`, func(*http.Request) *http.Response {
			if !refuse {
				return vendorSays(200, "")
			}
			refuse = false
			return vendorSays(429, "", "X-HubSpot-RateLimit-Max", "100", "X-HubSpot-RateLimit-Remaining", "98", "X-HubSpot-RateLimit-Daily", "250000", "X-HubSpot-RateLimit-Daily-Remaining", "0")
		})
		p.must("GET", "/a")
		if call := p.must("GET", "/b"); call.Held > 0 {
			t.Errorf("a call under the interval alone was held for %v, want not: the day is what is spent", call.Held)
		}
		start := time.Now()
		if _, err := p.send("GET", "/a"); fault.Of(err).Status != http.StatusTooManyRequests && time.Since(start) < time.Second {
			t.Errorf("a call under the day went on after %v with %v, want it held or told no", time.Since(start), err)
		}
		rig := &stageRig{ups: p.ups}
		for bucket, want := range map[string]float64{"interval": 0, "daily": 1} {
			if got := rig.counted(t, "sluice_budget_refused_total", map[string]string{"bucket": bucket}); got != want {
				t.Errorf("%v refusals counted under %s, want %v", got, bucket, want)
			}
		}
	})
}

// TestLimitsSayWhatABucketIs: by which address, which policy, how the vendor counts, what others spend, and why the next call waits.
func TestLimitsSayWhatABucketIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := map[string]int{}
		p := newPaceRig(t, "", `limits:
  headers: hubspot
  rules: [{name: people, match: GET /people, limit: 2, window: 10s, starts: sliding, policy: interval}]
`, func(r *http.Request) *http.Response {
			n[r.URL.Path]++
			<-time.After(200 * time.Millisecond)
			return vendorSays(200, "", "X-HubSpot-RateLimit-Max", "2", "X-HubSpot-RateLimit-Remaining", count(2-n[r.URL.Path]),
				"X-HubSpot-RateLimit-Interval-Milliseconds", "10000", "X-HubSpot-RateLimit-Daily", "5000", "X-HubSpot-RateLimit-Daily-Remaining", "4000")
		})
		conn := p.gen.set.Connections["acme"]
		conn.Wire.Egress = []netip.Addr{netip.MustParseAddr("192.0.2.7")}
		for _, path := range []string{"/other", "/other", "/people", "/people"} {
			p.must("GET", path)
		}
		got, err := p.ups.Limits("acme", 2)
		if err != nil || len(got.Buckets) != 2 || got.More != 1 {
			t.Fatalf("got %+v, %v; want two buckets and one more", got, err)
		}
		all, _ := p.ups.Limits("acme", 9)
		by := map[string]BucketState{}
		for _, b := range all.Buckets {
			by[b.Bucket] = b
		}
		people := by["people"]
		if people.Address != "192.0.2.7" || people.Policy != "interval" || people.Kind != "sliding" || !people.Configured || people.Limit != 2 ||
			people.WindowMs != 10_000 || people.Left == nil || *people.Left != 0 || people.TripMs != 200 {
			t.Errorf("people: got %+v", people)
		}
		if bulk := people.Lanes[2]; bulk.WaitMs < 9_000 || bulk.WaitMs > 10_000 || !strings.Contains(bulk.Why, "all 2 places of 10s are taken") {
			t.Errorf("people in bulk: got %+v, want a wait of ten seconds and why", bulk)
		}
		if daily := by["GET other daily"]; daily.Policy != "daily" || daily.Limit != 5000 || daily.Configured {
			t.Errorf("daily: got %+v, want the learned limit of the day", daily)
		}
		if first := by["GET other"]; first.Policy != "interval" {
			t.Errorf("the first bucket of the route: got %+v, want the policy interval", first)
		}
		if _, err := p.ups.Limits("nobody", 9); fault.Of(err).Status != http.StatusNotFound {
			t.Errorf("no such connection: got %v, want 404", err)
		}
	})
}

// TestPolicyNamesCannotHarm: what a vendor calls its limit is printed on a terminal.
func TestPolicyNamesCannotHarm(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"daily": " daily", "a\x1b[2Jb\n": " a[2Jb", strings.Repeat("é", 30): " " + strings.Repeat("é", 20), "\xff\x00": " "} {
		if got := (policy{name: name}).suffix(); !strings.HasPrefix(got, want) || len(got) > 41 || strings.ContainsAny(got, "\x1b\n\x00") {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := (policy{window: time.Minute}).suffix(); got != " w=60" {
		t.Errorf("by window: got %q, want w=60", got)
	}
}
