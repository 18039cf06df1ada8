package connectors_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/connectors"
)

func TestConnectionInherits(t *testing.T) {
	t.Parallel()
	const acme = `
name: acme
base_url: https://api.acme.example/v1/
timeouts: {total: 90s, connect: 2s}
breaker: {failures: 3, open: 1m}
retry: {attempts: 2}
`
	set := load(t, `
limits: {max_hold: 20s, queue: 7, request_body: 4MB}
connections:
  plain: {connector: acme}
  own:
    connector: acme
    base_url: https://Tenant.acme.example:8443/v2
    host: Acme.Sluice.Example
    max_hold: 5s
    bulk_floor: 0.25
    timeouts: {total: 30s}
    breaker: {ratio: 0.1, off: true}
    retry: {base: 1s}
    allow_networks: [10.0.0.0/8]
    egress: [192.0.2.1, 192.0.2.2]
    wire: {engine: nethttp, server_name: api.acme.example, proxy: environment, max_conns: 9}
`, acme)
	plain, own := set.Connections["plain"], set.Connections["own"]
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"base", plain.Base.String(), "https://api.acme.example/v1"},
		{"own base", own.Base.String(), "https://Tenant.acme.example:8443/v2"},
		{"host", own.Host, "acme.sluice.example"},
		{"bounds", plain.Bounds, connectors.Bounds{RequestBody: 4e6, ResponseBody: 256 << 20, BufferBody: 8 << 20, Queue: 7, MaxHold: 20 * time.Second, BulkFloor: 0.1}},
		{"own hold", own.Bounds.MaxHold, 5 * time.Second},
		{"own bulk floor", own.Bounds.BulkFloor, 0.25},
		{"timeouts", plain.Timeouts, connectors.Timeouts{Connect: 2 * time.Second, FirstByte: 30 * time.Second, Idle: 30 * time.Second, Total: 90 * time.Second}},
		{"own timeouts", own.Timeouts, connectors.Timeouts{Connect: 2 * time.Second, FirstByte: 30 * time.Second, Idle: 30 * time.Second, Total: 30 * time.Second}},
		{"breaker", plain.Breaker, connectors.Breaker{Failures: 3, Ratio: 0.5, Minimum: 20, Window: time.Minute, Open: time.Minute, Probes: 1}},
		{"own breaker", own.Breaker, connectors.Breaker{Off: true, Failures: 3, Ratio: 0.1, Minimum: 20, Window: time.Minute, Open: time.Minute, Probes: 1}},
		{"retry", plain.Retry, connectors.Retry{Attempts: 2, Base: 200 * time.Millisecond, Max: 5 * time.Second}},
		{"own retry", own.Retry, connectors.Retry{Attempts: 2, Base: time.Second, Max: 5 * time.Second}},
		{"wire", plain.Wire, connectors.Wire{Engine: "fasthttp", MaxConns: 512}},
		{"own wire", own.Wire, connectors.Wire{
			Engine: "nethttp", ServerName: "api.acme.example", Proxy: "environment", MaxConns: 9,
			AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Egress:        []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
		}},
		{"serving", set.Serving, connectors.Serving{Header: 8 << 10, InFlight: 5000, Idle: 2 * time.Minute, Shutdown: 30 * time.Second}},
		{"listeners", set.Listeners, map[string]*connectors.Listener{"main": {Name: "main", Address: "127.0.0.1:8080"}}},
		{"admin", set.Admin, connectors.Admin{Address: "127.0.0.1:8081", Ring: 200}},
		{"logging", set.Logging, connectors.Logging{Level: "info", Format: "text"}},
	} {
		if diff := cmp.Diff(c.want, c.got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLimitOverrides(t *testing.T) {
	t.Parallel()
	const acme = `
name: acme
limits:
  window: 60s
  starts: first_call
  rules:
    - {match: "GET /people/{id}", limit: 60}
    - {name: burst, match: "GET /people/{id}", limit: 5, window: 1s, starts: sliding, spread: true}
    - {match: GET /groups, limit: 30}
`
	set := load(t, `
connections:
  plain: {connector: acme, base_url: https://a.example}
  own:
    connector: acme
    base_url: https://b.example
    limits:
      GET /people/{id}: {limit: 120, scope: credential}
      burst: {off: true}
      GET /groups: {window: 10s, starts: clock, spread: true}
`, acme)
	person := connectors.Rule{Name: "GET /people/{id}", Limit: 60, Window: time.Minute, Starts: "first_call", Scope: "address"}
	burst := connectors.Rule{Name: "burst", Limit: 5, Window: time.Second, Starts: "sliding", Scope: "address", Spread: true}
	groups := connectors.Rule{Name: "GET /groups", Limit: 30, Window: time.Minute, Starts: "first_call", Scope: "address"}
	ownPerson, ownGroups := person, groups
	ownPerson.Limit, ownPerson.Scope = 120, "credential"
	ownGroups.Window, ownGroups.Starts, ownGroups.Spread = 10*time.Second, "clock", true
	for _, c := range []struct {
		connection, path string
		want             []connectors.Rule
	}{
		{"plain", "/people/7", []connectors.Rule{person, burst}},
		{"plain", "/groups", []connectors.Rule{groups}},
		{"own", "/people/7", []connectors.Rule{ownPerson}},
		{"own", "/groups", []connectors.Rule{ownGroups}},
		{"own", "/roles", []connectors.Rule{}},
	} {
		connection := set.Connections[c.connection]
		got := values(connection.Rules(connection.Route("GET", c.path)))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s GET %s (-want +got):\n%s", c.connection, c.path, diff)
		}
	}
	if diff := cmp.Diff([]connectors.Rule{ownPerson, ownGroups}, values(set.Connections["own"].AllRules())); diff != "" {
		t.Errorf("all rules (-want +got):\n%s", diff)
	}
}

// TestLimitShapes: what a vendor's limit is like, and what a tenant says instead.
func TestLimitShapes(t *testing.T) {
	t.Parallel()
	set := load(t, `
connections:
  plain: {connector: acme, base_url: https://a.example}
  own:
    connector: acme
    base_url: https://b.example
    limits:
      bucket: {limit: 200, penalty: 0s}
      burst: {starts: sliding}
      hour: {window: 15m, policy: interval}
      running: {limit: 60, window: 60s, burst: 5}
      unknown: {concurrent: 3, scope: connection, penalty: 5s}
      quick: {concurrent: 7}
`, `
name: acme
limits:
  headers: hubspot
  window: 60s
  starts: bucket
  penalty: 30s
  rules:
    - {name: bucket, match: GET /a, limit: 100}
    - {name: burst, match: GET /a, limit: 100, burst: 600}
    - {name: hour, match: GET /a, limit: 3000, window: 1h, starts: clock, policy: daily, penalty: 0s}
    - {name: running, match: GET /a, concurrent: 15, scope: credential, penalty: 1m, policy: w=60}
    - {name: unknown, match: GET /a, limit: 9, starts: unknown, burst: 2}
    - {name: quick, match: GET /a, concurrent: 5}
    - {name: grid, match: GET /a, limit: 9, window: 7m, starts: fixed}
`)
	type rule = connectors.Rule
	const half, minute = 30 * time.Second, time.Minute
	want := []rule{
		{Name: "bucket", Limit: 100, Window: minute, Starts: "bucket", Burst: 100, Penalty: half, Scope: "address"},
		{Name: "burst", Limit: 100, Window: minute, Starts: "bucket", Burst: 600, Penalty: half, Scope: "address"},
		{Name: "hour", Limit: 3000, Window: time.Hour, Starts: "clock", Policy: "daily", Scope: "address"},
		{Name: "running", Concurrent: 15, Penalty: minute, Policy: "w=60", Scope: "credential"},
		{Name: "unknown", Limit: 9, Window: minute, Starts: "unknown", Burst: 2, Penalty: half, Scope: "address"},
		{Name: "quick", Concurrent: 5, Penalty: half, Scope: "address"},
		{Name: "grid", Limit: 9, Window: 7 * minute, Starts: "fixed", Penalty: half, Scope: "address"},
	}
	own := []rule{
		{Name: "bucket", Limit: 200, Window: minute, Starts: "bucket", Burst: 200, Scope: "address"},
		{Name: "burst", Limit: 100, Window: minute, Starts: "sliding", Penalty: half, Scope: "address"},
		{Name: "hour", Limit: 3000, Window: 15 * minute, Starts: "clock", Policy: "interval", Scope: "address"},
		{Name: "running", Limit: 60, Window: minute, Starts: "unknown", Burst: 5, Penalty: minute, Policy: "w=60", Scope: "credential"},
		{Name: "unknown", Concurrent: 3, Penalty: 5 * time.Second, Scope: "connection"},
		{Name: "quick", Concurrent: 7, Penalty: half, Scope: "address"},
		{Name: "grid", Limit: 9, Window: 7 * minute, Starts: "fixed", Penalty: half, Scope: "address"},
	}
	for name, want := range map[string][]rule{"plain": want, "own": own} {
		connection := set.Connections[name]
		if diff := cmp.Diff(want, values(connection.Rules(connection.Route("GET", "/a")))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := set.Connectors["acme"].Penalty; got != half {
		t.Errorf("penalty of learned limits: got %s, want %s", got, half)
	}
}

// TestLimitOverrideFaults: a connection is told what is wrong with its own word, and not again what is wrong with its connector's.
func TestLimitOverrideFaults(t *testing.T) {
	t.Parallel()
	set, faults := connectors.Load(files(map[string]string{
		"sluice.yaml": `connections:
  a:
    connector: acme
    base_url: https://a.example
    limits:
      running: {limit: 60}
      odd: {limit: 60}
`,
		"connectors/acme.yaml": `name: acme
limits:
  rules:
    - {name: running, match: GET /a, concurrent: 5}
    - {name: odd, match: GET /a, limit: 9, window: 7m, starts: clock}
`,
	}), hermetic())
	const want = `connectors/acme.yaml:5:52: limits.rules[1].window: is 7m, but a window that starts by the clock must divide a day, such as 1h or 24h: change it, or say starts: fixed
sluice.yaml:6:7: connections.a.limits.running.window: is required beside limit, because the connector's rule counts calls under way and has none: say how long the vendor counts, such as 60s`
	if set != nil || faults.Error() != want {
		t.Errorf("got %v and\n%s\nwant no Set and\n%s", set != nil, faults.Error(), want)
	}
}

func values(rules []*connectors.Rule) []connectors.Rule {
	all := make([]connectors.Rule, len(rules))
	for i, rule := range rules {
		all[i] = *rule
	}
	return all
}

func TestManaged(t *testing.T) {
	t.Parallel()
	set := load(t, secretMain+"  b: {connector: acme, base_url: https://b.example}\n", secretAcme)
	a, b := set.Connections["a"], set.Connections["b"]
	if !a.Managed || a.Secrets["key"].Reveal() != "planted-key" {
		t.Errorf("a: got managed %v, secret of %d letters; want true, 11", a.Managed, len(a.Secrets["key"].Reveal()))
	}
	if b.Managed || len(b.Secrets) != 0 {
		t.Errorf("b: got managed %v, %d secrets; want false, 0", b.Managed, len(b.Secrets))
	}
	if got, want := a.Connector.Auth.Bearer.Token, "${credential:key}"; got != want {
		t.Errorf("auth: got %q, want %q", got, want)
	}
}

func TestOwnListener(t *testing.T) {
	t.Parallel()
	set := load(t, `
listeners: {main: {address: 127.0.0.1:0}, own: {address: 127.0.0.1:0}}
connections:
  a: {connector: acme, base_url: https://a.example, listener: own}
  b: {connector: acme, base_url: https://b.example}
`, plainAcme)
	if got, want := set.Listeners["own"].Connection, "a"; got != want {
		t.Errorf("own listener: got connection %q, want %q", got, want)
	}
	if got := set.Listeners["main"].Connection; got != "" {
		t.Errorf("shared listener: got connection %q, want none", got)
	}
}
