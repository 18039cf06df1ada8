package teamdynamix_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/mocks/teamdynamix"
)

// documented is the vendor's documentation once more, written apart from the mock's table: method and path, calls,
// seconds, scope, access. A dash means that no source has a limit.
const documented = `
POST   /api/auth                                  60  60 ip open
POST   /api/auth/login                            60  60 ip open
POST   /api/auth/loginadmin                       60  60 ip open
GET    /api/auth/loginsso                         60  60 ip open
GET    /api/auth/getuser                          60  60 ip signed-in
POST   /api/people                                45  60 ip admin
GET    /api/people/{uid}                          60  60 ip people
POST   /api/people/{uid}                          45  60 ip admin
PATCH  /api/people/{uid}                          45  60 ip admin
POST   /api/people/search                         60  60 ip empty-list
GET    /api/people/lookup                         75  10 ip empty-list
GET    /api/people/userlist                        -   - ip admin
GET    /api/people/getuid/{username}               -   - ip people
PUT    /api/people/{uid}/isactive                  -   - ip people
POST   /api/people/import                         10  60 ip admin
GET    /api/people/{uid}/groups                  180  60 ip people
POST   /api/people/{uid}/groups                  180  60 ip people
PUT    /api/people/{uid}/groups/{id}             180  60 ip people
DELETE /api/people/{uid}/groups/{id}             180  60 ip people
GET    /api/people/{uid}/functionalroles         180  60 ip people
PUT    /api/people/{uid}/functionalroles/{id}    180  60 ip people
DELETE /api/people/{uid}/functionalroles/{id}    180  60 ip people
POST   /api/people/bulk/changeacctdepts            1 120 organization admin
POST   /api/people/bulk/changeactivestatus         1 120 organization admin
POST   /api/people/bulk/applydesktop               1 120 organization admin
POST   /api/people/bulk/applydashboard             1 120 organization admin
POST   /api/people/bulk/changeapplications         1 120 ip admin
POST   /api/people/bulk/changeorgapplications      1 120 ip admin
POST   /api/people/bulk/changesecurityrole/{id}    1 120 ip admin
POST   /api/people/bulk/managegroups               1 120 ip admin
POST   /api/groups                                45  60 ip admin
GET    /api/groups/{id}                           60  60 ip people
PUT    /api/groups/{id}                           45  60 ip admin
POST   /api/groups/search                         60  60 ip signed-in
GET    /api/groups/{id}/applications              60  60 ip people
POST   /api/groups/{id}/applications              45  60 ip admin
DELETE /api/groups/{id}/applications              45  60 ip admin
GET    /api/groups/{id}/members                   60  60 ip people
POST   /api/groups/{id}/members                   45  60 ip admin
DELETE /api/groups/{id}/members                   45  60 ip admin
GET    /api/securityroles/{id}                    60  60 ip signed-in
PUT    /api/securityroles/{id}                    60  60 ip admin
GET    /api/securityroles/permissions             60  60 ip signed-in
POST   /api/securityroles/search                  60  60 ip signed-in
POST   /api/functionalroles                       60  60 ip admin
PUT    /api/functionalroles/{id}                  60  60 ip admin
POST   /api/functionalroles/search                60  60 ip people
GET    /api/accounts                              60  60 ip signed-in
POST   /api/accounts                              60  60 ip admin
GET    /api/accounts/{id}                         60  60 ip signed-in
PUT    /api/accounts/{id}                         60  60 ip admin
POST   /api/accounts/search                       60  60 ip signed-in
GET    /api/applications                          60  60 ip signed-in
`

type rule struct {
	method, path, scope, access string
	calls, seconds              int
}

func rules(t *testing.T) []rule {
	t.Helper()
	var out []rule
	for line := range strings.Lines(strings.TrimSpace(documented)) {
		f := strings.Fields(line)
		calls, _ := strconv.Atoi(f[2]) // a dash is 0
		seconds, _ := strconv.Atoi(f[3])
		out = append(out, rule{f[0], f[1], f[4], f[5], calls, seconds})
	}
	return out
}

// concrete puts an id of each kind into a path template. Whether the record exists does not matter to the limits.
func concrete(path string) string {
	return strings.NewReplacer("{uid}", "nobody", "{username}", "nobody", "{id}", "1").Replace(path)
}

func TestLimitsTable(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, r := range rules(t) {
		want[r.method+" "+r.path] = fmt.Sprint(r.calls, r.seconds, r.scope, r.access)
	}
	for _, l := range teamdynamix.Limits() {
		key := l.Method + " " + l.Path
		if got := fmt.Sprint(l.Calls, int(l.Window.Seconds()), l.Scope, l.Access); got != want[key] {
			t.Errorf("%s: got %s, want %q", key, got, want[key])
		}
		delete(want, key)
	}
	for key := range want {
		t.Errorf("%s: got no such method, want one", key)
	}
}

// TestLimits drives every method into its limit, waits the window out, and drives it once more.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, r := range rules(t) {
		t.Run(r.method+r.path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { checkLimit(t, r) })
		})
	}
}

func checkLimit(t *testing.T, r rule) {
	c := &client{T: t, vendor: teamdynamix.New(teamdynamix.Options{People: 5}), base: teamdynamix.Production, address: "10.0.0.1"}
	call := func() *http.Response { return c.do(r.method, concrete(r.path), nil) } // no token: a 401 counts like any answer
	if r.calls == 0 {
		got := call().Header["X-RateLimit-Limit"] //nolint:staticcheck // as the vendor spells it
		if got != nil {
			t.Errorf("limit of an unlimited method: got %q, want none", got)
		}
		return
	}
	window := time.Duration(r.seconds) * time.Second
	for round := range 2 {
		opened := time.Now()
		for n := 1; n <= r.calls; n++ {
			checkAnswer(t, call(), r.calls, r.calls-n, opened.Add(window), false)
		}
		<-time.After(window - time.Millisecond)
		checkAnswer(t, call(), r.calls, 0, opened.Add(window), true)
		other := *c
		other.address = "10.0.0.2"
		limited := r.scope == "organization"
		if got := other.do(r.method, concrete(r.path), nil).StatusCode == 429; got != limited {
			t.Errorf("round %d, another address: got limited %t, want %t", round, got, limited)
		}
		<-time.After(window) // both windows are over
	}
	s := c.vendor.Stats()
	got := s.Routes[r.method+" "+r.path]
	want := teamdynamix.RouteStats{Calls: 2 * (r.calls + 2), Limited: 2, Windows: 4} // a window per round and address
	if r.scope == "organization" {
		want.Limited, want.Windows = 4, 2
	}
	if got != want {
		t.Errorf("stats: got %+v, want %+v", got, want)
	}
}

// checkAnswer holds one answer of a limited method against the contract: three headers as spelled, whole-second IMF
// date, no Retry-After.
func checkAnswer(t *testing.T, resp *http.Response, limit, remaining int, ends time.Time, limited bool) {
	t.Helper()
	if got := resp.StatusCode == http.StatusTooManyRequests; got != limited {
		t.Fatalf("with %d remaining: got status %d, want limited %t", remaining, resp.StatusCode, limited)
	}
	for name, want := range map[string]string{
		"X-RateLimit-Limit":     strconv.Itoa(limit),
		"X-RateLimit-Remaining": strconv.Itoa(remaining),
		"X-RateLimit-Reset":     ends.UTC().Format("Mon, 02 Jan 2006 15:04:05") + " GMT",
	} {
		if got := strings.Join(resp.Header[name], "|"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, ok := resp.Header["Retry-After"]; ok {
		t.Errorf("Retry-After: got %q, want none", got)
	}
}

func TestOneMethodDoesNotSpendAnothersPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &client{T: t, vendor: teamdynamix.New(teamdynamix.Options{}), base: teamdynamix.Production, address: "10.0.0.1"}
		for range 61 {
			c.do("GET", "/api/people/nobody", nil)
		}
		for _, other := range []struct{ base, method, path string }{
			{teamdynamix.Production, "POST", "/api/people/nobody"},
			{teamdynamix.Production, "GET", "/api/people/nobody/groups"},
			{teamdynamix.Sandbox, "GET", "/api/people/nobody"},
		} {
			c.base = other.base
			if got := c.do(other.method, other.path, nil).StatusCode; got != 401 {
				t.Errorf("%s %s%s: got %d, want 401 and no limit", other.method, other.base, other.path, got)
			}
		}
	})
}

func TestWindowKnobs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		opts   teamdynamix.Options
		window time.Duration
		calls  int
	}{
		{"as documented", teamdynamix.Options{}, time.Minute, 60},
		{"ten times shorter", teamdynamix.Options{WindowScale: 0.1}, 6 * time.Second, 60},
		{"another table", teamdynamix.Options{Rates: map[string]teamdynamix.Rate{"POST /api/people/search": {Calls: 3, Window: 20 * time.Second}}}, 20 * time.Second, 3},
		{"a clock ahead", teamdynamix.Options{Skew: 7 * time.Second}, time.Minute, 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &client{T: t, vendor: teamdynamix.New(tt.opts), base: teamdynamix.Production, address: "10.0.0.1"}
				<-time.After(300 * time.Millisecond) // a window that opens between two seconds
				ends := time.Now().Add(tt.window)
				for n := 1; n <= tt.calls; n++ {
					checkAnswer(t, c.do("POST", "/api/people/search", nil), tt.calls, tt.calls-n, ends.Add(tt.opts.Skew), false)
				}
				shown := ends.Truncate(time.Second)
				<-time.After(time.Until(shown))
				if got := c.do("POST", "/api/people/search", nil).StatusCode; got != 429 {
					t.Errorf("at the second shown, 300 ms before the end: got %d, want 429", got)
				}
				<-time.After(time.Until(ends))
				resp := c.do("POST", "/api/people/search", nil)
				if resp.StatusCode != 401 {
					t.Errorf("at the end: got %d, want 401 in a new window", resp.StatusCode)
				}
				if got, want := resp.Header.Get("Date"), time.Now().Add(tt.opts.Skew).UTC().Format(http.TimeFormat); got != want {
					t.Errorf("Date: got %q, want the vendor's clock %q", got, want)
				}
			})
		})
	}
}

func TestCompetitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &client{T: t, vendor: teamdynamix.New(teamdynamix.Options{Competitor: 0.5}), base: teamdynamix.Production, address: "10.0.0.1"}
		served := 0
		for range 60 { // one a second, which would be just right if nobody else were there
			if c.do("GET", "/api/people/nobody", nil).StatusCode != 429 {
				served++
			}
			<-time.After(time.Second)
		}
		// The other one takes a place every 2 s and we take one every second: 40 of ours fill the window, and then
		// nobody gets anything.
		if served != 40 {
			t.Errorf("calls served: got %d, want 40", served)
		}
		remaining := c.do("GET", "/api/people/nobody", nil).Header["X-RateLimit-Remaining"] //nolint:staticcheck // as the vendor spells it
		if len(remaining) != 1 || remaining[0] != "58" {
			t.Errorf("remaining after our first call of a window: got %q, want 58, one being the competitor's", remaining)
		}
	})
}
