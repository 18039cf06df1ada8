package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/connectors"
)

// TestCacheWhoSharesWithWhom sends one request, changes one thing, sends another, and looks whether memory answers it.
func TestCacheWhoSharesWithWhom(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*cacheRig, *http.Request) {
		return func(_ *cacheRig, r *http.Request) { r.Header.Set(name, value) }
	}
	target := func(raw string) func(*cacheRig, *http.Request) {
		return func(_ *cacheRig, r *http.Request) {
			u, err := url.Parse(raw)
			if err != nil {
				panic(err)
			}
			r.URL = u
		}
	}
	other := func(c *cacheRig, _ *http.Request) { c.consumer = &connectors.Consumer{Name: "other"} }
	base := func(_ *cacheRig, r *http.Request) { CallOf(r.Context()).Caller.Host = "elsewhere" }
	cases := map[string]struct {
		change          func(*cacheRig, *http.Request)
		shared, managed bool
		hit             bool
	}{
		"nothing":                            {change: func(*cacheRig, *http.Request) {}, hit: true},
		"another consumer":                   {change: other},
		"another consumer, shared":           {change: other, shared: true, hit: true},
		"another Authorization":              {change: header("Authorization", "Bearer b")},
		"another Authorization, shared":      {change: header("Authorization", "Bearer b"), shared: true},
		"another Authorization, managed":     {change: header("Authorization", "Bearer b"), managed: true},
		"the same, shared and managed":       {change: header("Authorization", "Bearer b"), shared: true, managed: true, hit: true},
		"another cookie, shared and managed": {change: header("Cookie", "sid=2"), shared: true, managed: true},
		"another API key":                    {change: header("X-Api-Key", "k2"), shared: true},
		"another API key of some vendor":     {change: header("Us-Customer-Api-Key", "k2"), shared: true},
		"another token header":               {change: header("Private-Token", "t2"), shared: true},
		"acting for somebody (Box)":          {change: header("As-User", "7"), shared: true},
		"acting for somebody (GitLab)":       {change: header("Sudo", "7"), shared: true},
		"acting for somebody (Smartsheet)":   {change: header("Assume-User", "7"), shared: true},
		"another tenant":                     {change: header("X-Tenant-Id", "7"), shared: true},
		"a name too long to look into":       {change: header("X-"+strings.Repeat("a", 80), "7"), shared: true},
		"another Accept":                     {change: header("Accept", "text/xml"), shared: true},
		"another Accept-Language":            {change: header("Accept-Language", "de"), shared: true},
		"another Accept-Encoding":            {change: header("Accept-Encoding", "gzip"), shared: true},
		"the rule's own header":              {change: header("X-Page-Size", "50"), shared: true},
		"a request id":                       {change: header("X-Request-Id", "2"), shared: true, hit: true},
		"another program":                    {change: header("User-Agent", "curl"), shared: true, hit: true},
		"a header of no weight":              {change: header("X-Zone", "north"), shared: true, hit: true},
		"another base in links":              {change: base, shared: true},
		"another path":                       {change: target("https://vendor.example/people/2"), shared: true},
		"the same path, encoded":             {change: target("https://vendor.example/people/%31"), shared: true},
		"a query":                            {change: target(personURL + "?a=1"), shared: true},
		"an empty query":                     {change: target(personURL + "?"), shared: true},
		"another view":                       {change: func(_ *cacheRig, r *http.Request) { CallOf(r.Context()).View = &connectors.View{Name: "seconds"} }, shared: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCacheRig(t)
			c.route.Cache = &connectors.Cache{TTL: time.Minute, Shared: tc.shared, Vary: []string{"X-Page-Size"}}
			c.conn.Managed = tc.managed
			send := func(change func(*cacheRig, *http.Request)) string {
				r, call := c.request(t, http.MethodGet, personURL, nil, "Authorization", "Bearer a", "Cookie", "sid=1", "Accept", "application/json")
				change(c, r)
				call.Consumer = c.consumer
				resp, err := c.chain.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = readAll(t, resp)
				return call.Cached
			}
			if got := send(func(*cacheRig, *http.Request) {}); got != "miss" {
				t.Fatalf("first: got %s, want miss", got)
			}
			want := "miss"
			if tc.hit {
				want = "hit"
			}
			if got := send(tc.change); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCacheKeyHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	r, _ := c.request(t, http.MethodGet, personURL+"?q=1", nil, "Authorization", "Bearer planted-secret", "Cookie", "sid=planted-secret")
	resp, err := c.chain.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = readAll(t, resp)
	kept := c.ups.kept.things[keptKey("cache", "tdx", "r1")].(*answers)
	for key := range kept.byKey.Items() {
		if len(key) != 32 || strings.Contains(key, "planted") {
			t.Errorf("got key %q, want 32 bytes of hash", key)
		}
	}
	if got := kept.byKey.ItemCount(); got != 1 {
		t.Errorf("got %d answers kept, want 1", got)
	}
}

// FuzzCacheKey: two requests that differ anywhere have different keys, whatever bytes move from one part to its neighbour.
func FuzzCacheKey(f *testing.F) {
	f.Add("/a", "b", "c", "d", "/a", "b", "c", "d")
	f.Add("/ab", "", "c", "", "/a", "b", "c", "")
	f.Add("/a", "q", "xy", "z", "/a", "q", "x", "yz")
	f.Add("/a", "q", "", "x", "/a", "q", "x", "")
	f.Add("/a", "q", "", "Authorization\x01s", "/a", "q", "Authorization\x01", "s")
	rig := newCacheRig(f)
	c := &cacher{conn: rig.conn}
	rule := &connectors.Cache{Vary: []string{"X-Page-Size"}}
	call := rig.call(f.Context())
	key := func(path, query, page, secret string) string {
		r := &http.Request{Method: "GET", URL: &url.URL{RawPath: "/" + path, RawQuery: query}, Header: http.Header{
			"X-Page-Size": {page}, "Authorization": {secret},
		}}
		return c.cacheKey(call, rule, r)
	}
	f.Fuzz(func(t *testing.T, path1, query1, page1, secret1, path2, query2, page2, secret2 string) {
		same := path1 == path2 && query1 == query2 && page1 == page2 && secret1 == secret2
		if got := key(path1, query1, page1, secret1) == key(path2, query2, page2, secret2); got != same {
			t.Errorf("%q and %q: got equal keys %v, want %v", []string{path1, query1, page1, secret1}, []string{path2, query2, page2, secret2}, got, same)
		}
	})
}

// FuzzDirectives: names are lower-case tokens; said again they read the same; and nothing that follows no-store can hide it.
func FuzzDirectives(f *testing.F) {
	for _, seed := range []string{"no-cache", "max-age=60, private=\"a, b\"", `x="\",no-store"`, ",,=,a=b=c", "NO-STORE;x", "\"", `a="b`, "é, no-store"} {
		f.Add(seed)
	}
	names := func(line string) (all []string) {
		for name := range directives([]string{line}) {
			all = append(all, name)
		}
		return all
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := names(line)
		for _, name := range got {
			if name != strings.ToLower(name) || strings.ContainsAny(name, " ,=\"\t") || name == "" {
				t.Errorf("%q: got name %q, want a lower-case token", line, name)
			}
		}
		if again := names(strings.Join(got, ",")); !slices.Equal(again, got) {
			t.Errorf("%q: got %q, and said again %q", line, got, again)
		}
		if first := names("No-Store , " + line); len(first) != len(got)+1 || first[0] != "no-store" {
			t.Errorf("no-store before %q: got %q, want it first and the rest as before", line, first)
		}
		w := wishOf(&http.Request{Header: http.Header{"Cache-Control": {line}}})
		if w.maxAge < 0 || w.minFresh < 0 || w.pass != slices.Contains(got, "no-store") {
			t.Errorf("%q: got wish %+v of directives %q", line, w, got)
		}
	})
}

func BenchmarkCacheKey(b *testing.B) {
	rig := newCacheRig(b)
	c := &cacher{conn: rig.conn, prefix: []byte("tdx r1")}
	r, call := rig.request(b, http.MethodGet, personURL+"?fields=all", nil, "Authorization", "Bearer "+strings.Repeat("t", 500), "Accept", "application/json",
		"User-Agent", "connector/1", "Accept-Encoding", "gzip", "X-Request-Id", "1", "X-Connector-Run", "7")
	b.ReportAllocs()
	for b.Loop() {
		if c.cacheKey(call, rig.route.Cache, r) == "" {
			b.Fatal("no key")
		}
	}
}
