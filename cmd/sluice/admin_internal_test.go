package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
	"sluice/proxy"
)

func TestAdminPages(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	r.signIn()
	for path, c := range map[string]struct {
		status int
		kind   string
		body   string
	}{
		"/":                           {200, "text/plain", "/admin/limits"},
		"/healthz":                    {200, "text/plain", "alive\n"},
		"/readyz":                     {200, "application/json", `"ready":true`},
		"/metrics":                    {200, "text/plain", `sluice_requests_total{answered="wire",code="200",connection="tdx",route="POST /api/auth/loginadmin"} 1`},
		"/debug/requests":             {200, "application/json", `"route":"POST /api/auth/loginadmin"`},
		"/debug/requests?format=html": {200, "text/html", "POST /api/auth/loginadmin"},
		"/admin/limits":               {200, "application/json", `"bucket":"POST /api/auth/loginadmin"`},
		"/admin/limits?format=html":   {200, "text/html", "<code>POST /api/auth/loginadmin</code>"},
		"/admin/limits?connection=x":  {404, "application/json", "there are tdx"},
		"/debug/pprof/":               {404, "text/plain", "admin.pprof"},
		"/-/reload":                   {405, "text/plain", ""},
		"/nowhere":                    {404, "text/plain", ""},
	} {
		got := r.ask("GET", r.adminURL(path), "")
		if got.status != c.status || !strings.HasPrefix(got.header.Get("Content-Type"), c.kind) || !strings.Contains(got.body, c.body) {
			t.Errorf("%s: got %d %s %.300q, want %d %s with %q", path, got.status, got.header.Get("Content-Type"), got.body, c.status, c.kind, c.body)
		}
	}
	metrics := r.ask("GET", r.adminURL("/metrics"), "").body
	for _, name := range []string{"go_goroutines", "process_open_fds", "sluice_build_info{", "sluice_config_last_reload_successful 1"} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("metrics: got no %s", name)
		}
	}
}

// TestAdminKeepsWebPagesOut: a page in an operator's browser can make requests, and can make its host name point here.
func TestAdminKeepsWebPagesOut(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	for name, c := range map[string]struct {
		method, path string
		head         []string
		status       int
	}{
		"by address":               {"POST", "/-/reload", nil, 204},
		"by localhost":             {"POST", "/-/reload", []string{"Host", "localhost:8081"}, 204},
		"a name made to point":     {"POST", "/-/reload", []string{"Host", "evil.example"}, 421},
		"and to requests":          {"GET", "/debug/requests", []string{"Host", "evil.example:80"}, 421},
		"and to limits":            {"GET", "/admin/limits", []string{"Host", "evil.example"}, 421},
		"and to profiles":          {"GET", "/debug/pprof/heap", []string{"Host", "evil.example"}, 421},
		"a name that looks like":   {"GET", "/debug/requests", []string{"Host", "127.0.0.1.evil.example"}, 421},
		"another origin":           {"POST", "/-/reload", []string{"Origin", "https://evil.example"}, 403},
		"another site":             {"POST", "/-/reload", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"metrics under any name":   {"GET", "/metrics", []string{"Host", "sluice-admin:8081"}, 200},
		"readiness under any name": {"GET", "/readyz", []string{"Host", "sluice-admin"}, 200},
	} {
		if got := r.ask(c.method, r.adminURL(c.path), "", c.head...); got.status != c.status {
			t.Errorf("%s: got %d %q, want %d", name, got.status, got.body, c.status)
		}
	}
}

func TestOwnHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, own string
		want        bool
	}{
		{"127.0.0.1:8081", "127.0.0.1", true}, {"[::1]:8081", "::1", true}, {"::1", "", true}, {"10.1.2.3", "0.0.0.0", true},
		{"LocalHost.", "", true}, {"admin.example:9", "Admin.Example", true},
		{"", "", false}, {":80", "", false}, {"admin.example", "", false}, {"localhost.evil.example", "localhost", false},
	} {
		if got := ownHost(c.header, c.own); got != c.want {
			t.Errorf("ownHost(%q, %q): got %v, want %v", c.header, c.own, got, c.want)
		}
	}
}

// FuzzOwnHost: a host that a browser would look up by a name of somebody else's is never ours.
func FuzzOwnHost(f *testing.F) {
	for _, header := range []string{"127.0.0.1:8081", "[::1]:8081", "localhost", "evil.example:80", "127.0.0.1.evil.example", "a@127.0.0.1", "[::1", "localhost.", ":1"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if !ownHost(header, "admin.example") {
			return
		}
		u, err := url.Parse("http://" + header + "/")
		if err != nil || u.Host != header {
			return // no browser sends it
		}
		name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		if _, err := netip.ParseAddr(name); err != nil && name != "localhost" && name != "admin.example" {
			t.Errorf("ownHost(%q): got true, but it is the name %q", header, name)
		}
	})
}

func TestAdminProfilesFollowReload(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	r.write("sluice.yaml", strings.Replace(plainConfig, `admin: {`, `admin: {pprof: true, `, 1))
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("reload: got %d %q, want 204", got.status, got.body)
	}
	if got := r.ask("GET", r.adminURL("/debug/pprof/goroutine?debug=1"), ""); got.status != 200 || !strings.Contains(got.body, "goroutine profile") {
		t.Errorf("got %d %.100q, want a profile", got.status, got.body)
	}
}

func TestAdminRequestsAreEscaped(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	r.ask("GET", r.url("main", "/tdx/api/accounts?q=<script>alert(1)</script>"), "", "X-Odd", "<img src=x>")
	page := r.ask("GET", r.adminURL("/debug/requests"), "", "Accept", "text/html,*/*")
	if !strings.Contains(page.body, "X-Odd: &lt;img src=x&gt;") || strings.Contains(page.body, "<img") || strings.Contains(page.body, "<script") {
		t.Errorf("got a page with what callers wrote in it as HTML:\n%s", page.body)
	}
	if got := page.header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: got %q, want nothing permitted but styles", got)
	}
	var shown struct{ Requests []proxy.RoundTrip }
	data := r.ask("GET", r.adminURL("/debug/requests"), "").body
	if err := json.Unmarshal([]byte(data), &shown); err != nil || len(shown.Requests) != 1 || shown.Requests[0].Status != 401 {
		t.Errorf("as JSON: got %s, %v; want the one request, answered 401", data, err)
	}
}

func TestReadyNamesOpenBreakers(t *testing.T) {
	t.Parallel()
	r := newRig(t, strings.Replace(plainConfig, "127.0.0.0/8]", "127.0.0.0/8], breaker: {failures: 1, open: 1h}, retry: {attempts: 1}", 1),
		teamdynamix.Options{ErrorRate: 1}).start()
	r.ask("GET", r.url("main", "/tdx/api/accounts"), "")
	got := r.ask("GET", r.adminURL("/readyz"), "")
	var ready struct {
		Ready    bool
		Reasons  []string
		Notes    []string
		Breakers []readyBreaker
		Config   struct {
			Revision  string
			AppliedAt time.Time
		}
		Listeners []readyListener
	}
	if err := json.Unmarshal([]byte(got.body), &ready); err != nil {
		t.Fatalf("got %q: %v", got.body, err)
	}
	if got.status != 200 || !ready.Ready || len(ready.Reasons) != 0 || len(ready.Notes) != 1 {
		t.Errorf("got %d %+v, want ready with one note: the vendor is no reason to send callers elsewhere", got.status, ready)
	}
	if len(ready.Breakers) != 1 || ready.Breakers[0].Connection != "tdx" || ready.Breakers[0].State != "open" {
		t.Errorf("breakers: got %+v, want that of tdx open", ready.Breakers)
	}
	if ready.Config.Revision == "" || ready.Config.AppliedAt.IsZero() || len(ready.Listeners) != 1 || ready.Listeners[0].Address != r.app.Address("main") {
		t.Errorf("got config %+v and listeners %+v, want what runs", ready.Config, ready.Listeners)
	}
}
