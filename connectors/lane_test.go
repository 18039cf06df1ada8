package connectors_test

import (
	"testing"

	"sluice/connectors"
)

func TestParseLane(t *testing.T) {
	t.Parallel()
	for _, lane := range []connectors.Lane{connectors.Critical, connectors.Interactive, connectors.Bulk} {
		if got, ok := connectors.ParseLane(lane.String()); got != lane || !ok {
			t.Errorf("%s: got %s, %v; want itself", lane, got, ok)
		}
	}
	for _, name := range []string{"", "auto", "Critical", "bulk ", "urgent"} {
		if got, ok := connectors.ParseLane(name); got != 0 || ok {
			t.Errorf("%q: got %s, %v; want no lane", name, got, ok)
		}
	}
	if got, want := connectors.Lane(0).String(), "auto"; got != want {
		t.Errorf("nothing said: got %q, want %q", got, want)
	}
}

// TestLane holds who has the say: the caller if it may, else the more urgent of route and consumer, else what the call is.
func TestLane(t *testing.T) {
	t.Parallel()
	set := load(t, oneMain+`consumers:
  auto: {networks: [10.1.0.0/16]}
  free: {networks: [10.2.0.0/16], lane: bulk, choose_lane: true}
  bulk: {networks: [10.3.0.0/16], lane: bulk}
  live: {networks: [10.4.0.0/16], lane: interactive}
  leavers: {networks: [10.5.0.0/16], lane: critical}
`, `
name: acme
sign_in: [{match: POST /token, token: {json: .t}}, {match: GET /sso, token: {json: .t}}, {match: POST /slow, token: {json: .t}}]
routes:
  - {match: POST /disable, lane: critical}
  - {match: GET /me, lane: interactive}
  - {match: ["* /reports", POST /slow], lane: bulk}
  - {match: [POST /search, PUT /pages], safe: true}
  - {match: GET /guarded, safe: false}
`)
	const none, critical, interactive, bulk = connectors.Lane(0), connectors.Critical, connectors.Interactive, connectors.Bulk
	for _, c := range []struct {
		consumer, method, path string
		asked, want            connectors.Lane
	}{
		{"auto", "GET", "/x", none, bulk}, {"auto", "HEAD", "/x", none, bulk}, {"auto", "OPTIONS", "/x", none, bulk},
		{"auto", "QUERY", "/x", none, bulk}, {"auto", "POST", "/x", none, interactive}, {"auto", "PATCH", "/x", none, interactive},
		{"auto", "PUT", "/x", none, interactive}, {"auto", "DELETE", "/x", none, interactive}, {"auto", "PURGE", "/x", none, interactive},
		{"auto", "POST", "/search", none, bulk}, {"auto", "PUT", "/pages", none, interactive}, {"auto", "GET", "/guarded", none, bulk},
		{"auto", "POST", "/token", none, interactive}, {"auto", "GET", "/sso", none, interactive}, {"auto", "POST", "/slow", none, bulk},
		{"auto", "POST", "/disable", none, critical}, {"auto", "GET", "/me", none, interactive}, {"auto", "PUT", "/reports", none, bulk},
		{"bulk", "POST", "/disable", none, critical}, {"bulk", "GET", "/me", none, interactive}, {"bulk", "POST", "/x", none, bulk},
		{"bulk", "POST", "/token", none, interactive},
		{"live", "GET", "/x", none, interactive}, {"live", "POST", "/search", none, interactive}, {"live", "POST", "/disable", none, critical},
		{"live", "GET", "/reports", none, interactive},
		{"leavers", "GET", "/x", none, critical}, {"leavers", "GET", "/reports", none, critical}, {"leavers", "GET", "/me", none, critical},
		{"free", "POST", "/x", none, bulk}, {"free", "GET", "/x", critical, critical}, {"free", "POST", "/disable", bulk, bulk},
		{"free", "POST", "/token", interactive, interactive},
		{"auto", "GET", "/x", critical, bulk}, {"leavers", "POST", "/x", bulk, critical}, // neither may choose
	} {
		route := set.Connections["a"].Route(c.method, c.path)
		if got := set.Consumers[c.consumer].Lane(route, c.method, c.asked); got != c.want {
			t.Errorf("%s: %s %s asking for %s: got %s, want %s", c.consumer, c.method, c.path, c.asked, got, c.want)
		}
	}
	free := set.Consumers["free"]
	if free.FixedLane != bulk || !free.ChooseLane || set.Consumers["auto"].FixedLane != none || set.Consumers["auto"].ChooseLane {
		t.Errorf("got %+v and %+v, want what the file says", free, set.Consumers["auto"])
	}
}

// Every request asks for its lane.
//
//nolint:paralleltest // AllocsPerRun counts the whole process: it must run alone
func TestLaneDoesNotAllocate(t *testing.T) {
	consumer, route := &connectors.Consumer{}, load(t, oneMain, plainAcme).Connections["a"].Route("POST", "/x")
	if got := testing.AllocsPerRun(100, func() { consumer.Lane(route, "POST", 0) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
