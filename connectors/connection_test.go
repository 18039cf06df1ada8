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
		{"bounds", plain.Bounds, connectors.Bounds{RequestBody: 4e6, ResponseBody: 256 << 20, BufferBody: 8 << 20, Queue: 7, MaxHold: 20 * time.Second}},
		{"own hold", own.Bounds.MaxHold, 5 * time.Second},
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
