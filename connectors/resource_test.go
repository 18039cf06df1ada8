package connectors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/connectors"
	"sluice/transforms"
)

// richResources has everything that a resource may say.
const richResources = `
name: acme
resources:
  zebras:
    kind: user
    key: .id
    fold_case: true
    max_age: 24h
    plans:
      wide:
        list:
          call: POST /zebras/search
          query: {zone: "a \\(1)\"", herd: {jq: "$page.limit"}, year: 1000000, half: 0.5, wild: true}
          body: "{skip: $page.offset}"
          items: .zebras
          paging: {offset: {size: 50, first: 1, total: .count}}
          empty: true
        joins:
          - over: herds
            list: {call: "GET /herds/{key}/zebras", paging: {url: {next: .next}}}
            owner: .zebra
            add: "{herds: [$over.id], role: .role}"
          - {over: zebras, list: {call: "GET /zebras/{key}/roles"}, owner: $over.id, add: "{roles: [.id]}"}
        detail: {call: "GET /zebras/{key}", query: {etag: {jq: $row.etag}}}
        if: .partial
      narrow: {list: {call: GET /zebras, paging: {link: {size: 10, size_by: per_page}}}}
    account: {name: .name, active: .alive, attributes: "{age}", entitlements: {herds: .herds, roles: .roles}}
    writes:
      - {match: ["PUT|DELETE /zebras/{id}", "POST /herds/{herd}/zebras/{id}"], key: id}
      - match: POST /zebras
  herds:
    kind: group
    key: .id
    plans:
      cursor: {list: {call: GET /herds, paging: {cursor: {next: .next, param: after, size: 9}}}}
      page: {list: {call: GET /herds, paging: {page: {param: page}}}}
    account: {name: .name}
`

func TestResources(t *testing.T) {
	t.Parallel()
	got := load(t, "connections: {a: {connector: acme, base_url: https://a.example}}", richResources).Connectors["acme"].Resources
	want := []*connectors.Resource{
		{
			Name: "zebras", Kind: "user", Key: jq(t, ".id"), FoldCase: true, MaxAge: 24 * time.Hour,
			Plans: []*connectors.Plan{
				{
					Name: "wide",
					List: connectors.Listing{
						Request: connectors.Request{
							Method: "POST", Path: "/zebras/search", Body: jq(t, "{skip: $page.offset}", "$page"),
							Query: map[string]*transforms.Query{
								"zone": jq(t, `"a \\(1)\""`), "herd": jq(t, "$page.limit", "$page"), "year": jq(t, `"1000000"`), "half": jq(t, `"0.5"`), "wild": jq(t, `"true"`),
							},
						},
						Items: jq(t, ".zebras"), Empty: true,
						Paging: connectors.Paging{Style: "offset", Size: 50, First: 1, Total: jq(t, ".count")},
					},
					Joins: []connectors.Join{
						{
							Over: "herds",
							List: connectors.Listing{
								Request: connectors.Request{Method: "GET", Path: "/herds/{key}/zebras"}, Items: jq(t, "."),
								Paging: connectors.Paging{Style: "url", Next: jq(t, ".next")},
							},
							Owner: jq(t, ".zebra"), Add: jq(t, "{herds: [$over.id], role: .role}", "$over"),
						},
						{
							Over: "zebras",
							List: connectors.Listing{
								Request: connectors.Request{Method: "GET", Path: "/zebras/{key}/roles"}, Items: jq(t, "."), Paging: connectors.Paging{Style: "none"},
							},
							Owner: jq(t, "$over.id", "$over"), Add: jq(t, "{roles: [.id]}"),
						},
					},
					Detail: &connectors.Request{Method: "GET", Path: "/zebras/{key}", Query: map[string]*transforms.Query{"etag": jq(t, "$row.etag", "$row")}},
					If:     jq(t, ".partial"),
				},
				{
					Name: "narrow",
					List: connectors.Listing{
						Request: connectors.Request{Method: "GET", Path: "/zebras"}, Items: jq(t, "."),
						Paging: connectors.Paging{Style: "link", Rel: "next", Size: 10, SizeBy: "per_page"},
					},
				},
			},
			Map: connectors.Mapping{
				Name: jq(t, ".name"), Active: jq(t, ".alive"), Attributes: jq(t, "{age}"),
				Entitlements: map[string]*transforms.Query{"herds": jq(t, ".herds"), "roles": jq(t, ".roles")},
			},
			Writes: []connectors.WriteRoute{
				{Match: "PUT /zebras/{id}", Param: "id"}, {Match: "DELETE /zebras/{id}", Param: "id"},
				{Match: "POST /herds/{herd}/zebras/{id}", Param: "id"}, {Match: "POST /zebras"},
			},
		},
		{
			Name: "herds", Kind: "group", Key: jq(t, ".id"), MaxAge: 7 * 24 * time.Hour,
			Plans: []*connectors.Plan{
				{
					Name: "cursor",
					List: connectors.Listing{
						Request: connectors.Request{Method: "GET", Path: "/herds"}, Items: jq(t, "."),
						Paging: connectors.Paging{Style: "cursor", Param: "after", Size: 9, Next: jq(t, ".next")},
					},
				},
				{
					Name: "page",
					List: connectors.Listing{
						Request: connectors.Request{Method: "GET", Path: "/herds"}, Items: jq(t, "."),
						Paging: connectors.Paging{Style: "page", Param: "page", First: 1},
					},
				},
			},
			Map: connectors.Mapping{Name: jq(t, ".name")},
		},
	}
	sameText := cmp.Comparer(func(a, b *transforms.Query) bool {
		return a == nil && b == nil || a != nil && b != nil && a.String() == b.String()
	})
	if diff := cmp.Diff(want, got, sameText, cmpopts.IgnoreUnexported(connectors.WriteRoute{})); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	zone, err := got[0].Plans[0].List.Request.Query["zone"].Value(nil)
	if err != nil || zone != `a \(1)"` {
		t.Errorf("zone: got %v, %v; want the text as it is written", zone, err)
	}
}

// Every program of a request takes the values of all RequestVariables in their order, whatever its place lets it use.
func TestRequestVariables(t *testing.T) {
	t.Parallel()
	zebras := load(t, "connections: {a: {connector: acme, base_url: https://a.example}}", richResources).Connectors["acme"].Resource("zebras")
	row, page := map[string]any{"etag": "7"}, map[string]any{"limit": 50, "offset": 100}
	for _, c := range []struct {
		q    *transforms.Query
		want any
	}{
		{zebras.Plans[0].List.Request.Query["herd"], 50},
		{zebras.Plans[0].List.Request.Body, map[string]any{"skip": 100}},
		{zebras.Plans[0].Detail.Query["etag"], "7"},
	} {
		got, err := c.q.Value(nil, "key", row, nil, page)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.q, err, diff)
		}
	}
}

func TestResourceNames(t *testing.T) {
	t.Parallel()
	acme := load(t, "connections: {a: {connector: acme, base_url: https://a.example}}", richResources).Connectors["acme"]
	zebras := acme.Resource("zebras")
	if acme.Resource("lions") != nil || zebras.Plan("lions") != nil {
		t.Error("got a resource or a plan of lions, want none")
	}
	if got := []string{zebras.Plan("").Name, zebras.Plan("narrow").Name}; got[0] != "wide" || got[1] != "narrow" {
		t.Errorf("got plans %q, want the first and the one that was named", got)
	}
}

// A write that nothing else of the file names is told apart too.
func TestWrites(t *testing.T) {
	t.Parallel()
	acme := load(t, "connections: {a: {connector: acme, base_url: https://a.example}}", richResources).Connectors["acme"]
	for _, c := range []struct {
		method, path string
		want         []connectors.Write
	}{
		{"PUT", "/zebras/7", []connectors.Write{{Resource: acme.Resource("zebras"), Key: "7"}}},
		{"DELETE", "/zebras/a%2Fb?force=1", []connectors.Write{{Resource: acme.Resource("zebras"), Key: "a/b"}}},
		{"POST", "/herds/3/zebras/7/", []connectors.Write{{Resource: acme.Resource("zebras"), Key: "7"}}},
		{"POST", "/zebras", []connectors.Write{{Resource: acme.Resource("zebras")}}},
		{"GET", "/zebras/7", nil},
		{"PUT", "/lions/7", nil},
	} {
		got := acme.Writes(c.method, c.path)
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s %s: got %+v, want %+v", c.method, c.path, got, c.want)
		}
	}
}

func TestAggregation(t *testing.T) {
	t.Parallel()
	set := load(t, `
connections:
  plain: {connector: acme, base_url: https://a.example}
  own:
    connector: acme
    base_url: https://b.example
    aggregation: {plans: {zebras: narrow}, changed_only: true, guard: {percent: 0}}
`, richResources, "SLUICE_CONNECTIONS_OWN_AGGREGATION_WORKERS_PER_NODE=3")
	zebras, herds := set.Connectors["acme"].Resources[0], set.Connectors["acme"].Resources[1]
	for _, c := range []struct {
		connection, zebras, herds string
		want                      connectors.Aggregation
	}{
		{"plain", "wide", "cursor", connectors.Aggregation{WorkersPerNode: 1, Guard: connectors.Guard{Percent: 5, Minimum: 20}}},
		{"own", "narrow", "cursor", connectors.Aggregation{ChangedOnly: true, WorkersPerNode: 3, Guard: connectors.Guard{Minimum: 20}}},
	} {
		made := set.Connections[c.connection]
		if diff := cmp.Diff(c.want, made.Aggregation, cmpopts.IgnoreUnexported(connectors.Aggregation{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.connection, diff)
		}
		if got := made.Plan(zebras).Name + " " + made.Plan(herds).Name; got != c.zebras+" "+c.herds {
			t.Errorf("%s: got plans %s, want %s %s", c.connection, got, c.zebras, c.herds)
		}
	}
}

// FuzzResources holds that any connector is either refused with a place for every fault, or has plans that can be read.
func FuzzResources(f *testing.F) {
	f.Add(richResources)
	f.Add("name: acme\nresources: {a: {kind: user, key: ., plans: {b: {list: {call: GET /}}}, account: {name: .}}}")
	f.Add("name: acme\nresources: {a: &a {kind: user, key: ., plans: {b: {list: {call: GET /}, joins: [{over: c}]}}}, c: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		set, faults := connectors.Load(files(map[string]string{"sluice.yaml": "logging: {level: info}", "connectors/acme.yaml": text}), connectors.Environment{Open: openNothing})
		if (set == nil) != (len(faults) > 0) {
			t.Fatalf("got Set %v and %d faults", set != nil, len(faults))
		}
		for _, fault := range faults {
			if fault.Line == 0 || fault.Message == "" {
				t.Errorf("fault without place or words: %+v", fault)
			}
		}
		if set == nil {
			return
		}
		for _, c := range set.Connectors {
			for _, r := range c.Resources {
				holdResource(t, c, r)
			}
		}
	})
}

func holdResource(t *testing.T, c *connectors.Connector, r *connectors.Resource) {
	t.Helper()
	if r.Key == nil || r.Map.Name == nil || r.MaxAge <= 0 || len(r.Plans) == 0 {
		t.Errorf("%s lacks a key, a name, an age or a plan: %+v", r.Name, r)
	}
	for _, p := range r.Plans {
		if p.List.Request.Method == "" || !strings.HasPrefix(p.List.Request.Path, "/") || p.List.Items == nil || p.List.Paging.Style == "" {
			t.Errorf("%s by %s has no list: %+v", r.Name, p.Name, p.List)
		}
		for _, j := range p.Joins {
			if c.Resource(j.Over) == nil || j.Owner == nil || j.Add == nil {
				t.Errorf("%s by %s has a join without parts: %+v", r.Name, p.Name, j)
			}
		}
	}
}

func jq(t *testing.T, source string, variables ...string) *transforms.Query {
	t.Helper()
	q, err := transforms.CompileQuery(source, variables...)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
