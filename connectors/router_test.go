package connectors_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/connectors"
)

const routedAcme = `
name: acme
limits:
  window: 60s
  rules:
    - {name: all, match: "* /{rest...}", limit: 1000}
    - {name: v1, match: "GET|POST /v1/{rest...}", limit: 100}
    - {match: "GET /v1/people/{id}", limit: 10}
    - {match: "POST /v1/people/{id}", limit: 11}
    - {name: burst, match: ["GET /v1/people/{id}", GET /v1/people/me], limit: 2, window: 1s}
routes:
  - {match: POST /v1/people/search, safe: true, breaker: search}
  - {match: GET /v1/people/me, breaker: me}
  - {match: "GET /v1/{app}/{id}/notes", breaker: notes}
  - {match: "GET /v1/people/{rest...}", breaker: tree}
  - {match: PUT /v1/caf%C3%A9/a%2Fb, safe: false}
`

func TestRoute(t *testing.T) {
	t.Parallel()
	connection := load(t, oneMain, routedAcme).Connections["a"]
	for _, c := range []struct{ method, path, route, group, rules string }{
		{"GET", "/v1/people/7", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"GET", "/v1/people/7/", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"GET", "v1/people/7", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"HEAD", "/v1/people/7?x=/y", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"GET", "/v1/people/me", "GET /v1/people/me", "me", "all v1 burst"},
		{"GET", "/v1/people/%6de", "GET /v1/people/me", "me", "all v1 burst"},
		{"GET", "/v1/people/me%2F", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"GET", "/v1/People/me", "GET /v1/{rest...}", "default", "all v1"},
		{"GET", "/v1/people", "GET /v1/people/{rest...}", "tree", "all v1"},
		{"GET", "/v1/people/7/photos/1", "GET /v1/people/{rest...}", "tree", "all v1"},
		{"GET", "/v1/people/7/notes", "GET /v1/people/{rest...}", "tree", "all v1"},
		{"GET", "/v1/things/7/notes", "GET /v1/{app}/{id}/notes", "notes", "all v1"},
		{"GET", "/v1/things/7/note", "GET /v1/{rest...}", "default", "all v1"},
		{"POST", "/v1/people/search", "POST /v1/people/search", "search", "all v1"},
		{"GET", "/v1/people/search", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"POST", "/v1/people/7", "POST /v1/people/{id}", "default", "all v1 POST /v1/people/{id}"},
		{"DELETE", "/v1/people/7", "DELETE /{rest...}", "default", "all"},
		{"PUT", "/v1/caf%C3%A9/a%2fb", "PUT /v1/caf%C3%A9/a%2Fb", "default", "all"},
		{"PUT", "/v1/café/a%2Fb", "PUT /v1/caf%C3%A9/a%2Fb", "default", "all"},
		{"PUT", "/v1/caf%C3%A9/a/b", "PUT /{rest...}", "default", "all"},
		{"GET", "/v1//7", "GET /v1/{rest...}", "default", "all v1"},
		{"GET", "/v1/people/%", "GET /v1/people/{id}", "tree", "all v1 GET /v1/people/{id} burst"},
		{"GET", "", "GET /{rest...}", "default", "all"},
		{"MKCOL", "/v1/people/7", "* /{rest...}", "default", "all"},
	} {
		route := connection.Route(c.method, c.path)
		var rules []string
		for _, rule := range connection.Rules(route) {
			rules = append(rules, rule.Name)
		}
		if got := strings.Join(rules, " "); route.Name != c.route || route.Group != c.group || got != c.rules {
			t.Errorf("%s %q: got route %q, group %q, rules %q; want %q, %q, %q", c.method, c.path, route.Name, route.Group, got, c.route, c.group, c.rules)
		}
	}
}

func TestRouteIgnoresCase(t *testing.T) {
	t.Parallel()
	const acme = "name: acme\nroutes: [{match: [GET /Api/People, 'GET /api/{x}/Lookup'], breaker: b}]\n"
	for _, c := range []struct{ ignore, path, want string }{
		{"", "/Api/People", "GET /Api/People"},
		{"", "/api/people", "GET other"},
		{"ignore_case: true\n", "/api/PEOPLE", "GET /Api/People"},
		{"ignore_case: true\n", "/API/%50eople", "GET /Api/People"},
		{"ignore_case: true\n", "/API/any/LOOKUP", "GET /api/{x}/Lookup"},
		{"ignore_case: true\n", "/API/any/LOOKUPS", "GET other"},
	} {
		connection := load(t, oneMain, acme+c.ignore).Connections["a"]
		if got := connection.Route("GET", c.path).Name; got != c.want {
			t.Errorf("%s with %q: got %q, want %q", c.path, c.ignore, got, c.want)
		}
	}
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates
func TestRouteAllocatesNothing(t *testing.T) {
	connection := shipped(t).Connections["tdx"]
	for _, path := range []string{"/api/people/a5be8bb6-3a44", "/API/People/ada%40example.org/Groups/7", "/nowhere/at/all"} {
		if got := testing.AllocsPerRun(100, func() { connection.Rules(connection.Route("GET", path)) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", path, got)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	connection := shipped(b).Connections["tdx"]
	for _, c := range []struct{ name, method, path string }{
		{"person", "GET", "/api/people/a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		{"case", "GET", "/API/People/a5be8bb6-3a44-4a31-9b1e-0c1f1c1f0a01"},
		{"escape", "DELETE", "/api/people/ada%40example.org/groups/7"},
		{"other", "GET", "/api/12/tickets/34"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				connection.Rules(connection.Route(c.method, c.path))
			}
		})
	}
}

// FuzzRoute holds the trie against the definition: of all templates that match a path, taken segment by segment, the
// narrowest.
func FuzzRoute(f *testing.F) {
	for _, seed := range []string{"/v1/people/7", "/v1/people/me/", "/v1/caf%C3%A9/a%2Fb", "//", "/v1/%zz?x", "/v1/a/b/notes#", "/v1/people/%6de"} {
		f.Add("GET", seed)
	}
	connection := load(f, oneMain, routedAcme).Connections["a"]
	templates := []string{"/{...}", "/v1/{...}", "/v1/people/{}", "/v1/people/search", "/v1/people/me", "/v1/{}/{}/notes", "/v1/people/{...}", "/v1/café/a\x00b"}
	methods := map[string][]string{
		"/{...}": {"*", "GET", "PUT"}, "/v1/{...}": {"GET", "POST"}, "/v1/people/{}": {"GET", "POST"}, "/v1/people/search": {"POST"},
		"/v1/people/me": {"GET"}, "/v1/{}/{}/notes": {"GET"}, "/v1/people/{...}": {"GET"}, "/v1/café/a\x00b": {"PUT"},
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if !slices.Contains([]string{"GET", "POST", "PUT"}, method) {
			method = "GET"
		}
		want, best := "", []int(nil)
		for _, template := range templates {
			if rank := matchSlowly(template, path); rank != nil && slices.Contains(methods[template], method) && (best == nil || slices.Compare(rank, best) < 0) {
				want, best = template, rank
			}
		}
		route := connection.Route(method, path)
		if got := shapeOf(route); got != want || route != connection.Route(method, path) {
			t.Errorf("%s %q: got %q, want %q", method, path, got, want)
		}
	})
}

// matchSlowly returns how narrow the match is, literal 0, parameter 1, rest 2, segment by segment; nil for none.
func matchSlowly(template, path string) []int {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	var parts []string
	if path != "" || strings.Contains(path, "/") {
		parts = strings.Split(path, "/")
	}
	rank := []int{}
	for i, want := range strings.Split(template[1:], "/") {
		if want == "{...}" {
			return append(rank, 2)
		}
		if i >= len(parts) {
			return nil
		}
		plain := decodeSlowly(parts[i])
		switch {
		case want == "{}" && parts[i] != "":
			rank = append(rank, 1)
		case want == strings.ReplaceAll(plain, "/", "\x00"):
			rank = append(rank, 0)
		default:
			return nil
		}
		if i == strings.Count(template, "/")-1 && len(parts) != i+1 {
			return nil
		}
	}
	return rank
}

// decodeSlowly decodes each escape by itself; a broken one stands for itself.
func decodeSlowly(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if i+3 <= len(part) {
			if plain, err := url.PathUnescape(part[i : i+3]); err == nil && part[i] == '%' {
				b.WriteString(plain)
				i += 2
				continue
			}
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

func shapeOf(r *connectors.Route) string {
	parts := strings.Split(r.Template, "/")
	for i, part := range parts {
		switch {
		case strings.HasSuffix(part, "...}"):
			parts[i] = "{...}"
		case strings.HasPrefix(part, "{"):
			parts[i] = "{}"
		default:
			parts[i] = strings.ReplaceAll(decodeSlowly(part), "/", "\x00")
		}
	}
	return strings.Join(parts, "/")
}
