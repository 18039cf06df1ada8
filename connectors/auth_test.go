package connectors_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/connectors"
	"sluice/transforms"
)

// TestAuth holds that every way to sign in can be written, and what it means when only the needful is said.
func TestAuth(t *testing.T) {
	t.Parallel()
	bearer := connectors.Apply{Header: "Authorization", Value: "Bearer ${token}"}
	for _, c := range []struct {
		name, credentials, auth string
		want                    connectors.Auth
	}{
		{"passthrough", "[]", "passthrough: {}", connectors.Auth{Passthrough: &struct{}{}}},
		{"login", "[user, password]", "login: {path: /login, form: {u: '${credential:user}', p: '${credential:password}'}, token: {json: .token}, apply: {header: X-Session, value: '${token}'}}",
			connectors.Auth{Login: &connectors.Login{
				Method: "POST", Path: "/login", Form: map[string]string{"u": "${credential:user}", "p": "${credential:password}"},
				TokenArgs: map[string]any{"json": ".token"}, Apply: connectors.Apply{Header: "X-Session", Value: "${token}"},
			}}},
		{"oauth2", "[id, secret, tenant]", "oauth2: {token_url: 'https://login.example/${credential:tenant}/token', client_id: '${credential:id}', client_secret: '${credential:secret}', scopes: [read]}",
			connectors.Auth{OAuth2: &connectors.OAuth2{
				TokenURL: "https://login.example/${credential:tenant}/token", Grant: "client_credentials", ClientID: "${credential:id}",
				ClientSecret: "${credential:secret}", Scopes: []string{"read"}, Style: "auto", Fallback: time.Hour, Apply: bearer,
			}}},
		{"oauth2 below the base URL", "[r]", "oauth2: {token_url: /oauth/token, grant: refresh_token, client_id: sluice, refresh_token: '${credential:r}'}",
			connectors.Auth{OAuth2: &connectors.OAuth2{
				TokenURL: "/oauth/token", Grant: "refresh_token", ClientID: "sluice", RefreshToken: "${credential:r}", Style: "auto", Fallback: time.Hour, Apply: bearer,
			}}},
		{"jwt_bearer", "[key]", "jwt_bearer: {token_url: https://login.example/token, key: '${credential:key}', issuer: iga, algorithm: ES256}",
			connectors.Auth{JWTBearer: &connectors.JWTBearer{
				TokenURL: "https://login.example/token", Algorithm: "ES256", Key: "${credential:key}", Issuer: "iga",
				Lifetime: 5 * time.Minute, Fallback: time.Hour, Apply: bearer,
			}}},
		{"basic", "[password]", "basic: {username: iga, password: '${credential:password}'}",
			connectors.Auth{Basic: &connectors.Basic{Username: "iga", Password: "${credential:password}"}}},
		{"bearer", "[token]", "bearer: {token: '${credential:token}'}", connectors.Auth{Bearer: &connectors.Bearer{Token: "${credential:token}"}}},
		{"header", "[key]", "header: {set: {Authorization: 'SSWS ${credential:key}'}}",
			connectors.Auth{Header: &connectors.Header{Set: map[string]string{"Authorization": "SSWS ${credential:key}"}}}},
		{"hmac", "[key]", "hmac: {key: '${credential:key}', sign: [method, path, date, 'header:Host', 'text:v1'], date_header: Date, value: 'HMAC iga:${signature}'}",
			connectors.Auth{HMAC: &connectors.HMAC{
				Algorithm: "sha256", Key: "${credential:key}", Sign: []string{"method", "path", "date", "header:Host", "text:v1"},
				Separator: "\n", Encoding: "hex", Header: "Authorization", Value: "HMAC iga:${signature}", DateHeader: "Date",
			}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := load(t, emptyMain, "name: acme\ncredentials: "+c.credentials+"\nauth: {"+c.auth+"}\n").Connectors["acme"].Auth
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreTypes(transforms.TokenSpec{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoginToken(t *testing.T) {
	t.Parallel()
	auth := shipped(t).Connectors["teamdynamix"].Auth
	now := time.Date(2018, 3, 28, 16, 7, 15, 0, time.UTC)
	token, err := transforms.ReadToken(auth.Login.Token, 200, nil, []byte("\"abc.def.ghi\"\r\n"), now)
	if err != nil || token.Value != "abc.def.ghi" || !token.Expires.Equal(now.Add(24*time.Hour)) {
		t.Errorf("got %d letters until %v, %v; want 11 until a day later", len(token.Value), token.Expires, err)
	}
}

func TestTests(t *testing.T) {
	t.Parallel()
	const acme = `name: acme
tests:
  - name: one
    view: raw
    now: 2018-03-28T16:07:15Z
    request: {method: POST, path: "/a?b=1", headers: {accept: a, x-many: [b, c]}, json: {d: [1, true, null]}}
    sent: {path: /a, headers: {X-Gone: []}}
    answer: {status: 503, body: ""}
    expect: {headers: {X-Gone: []}}
  - name: two
    request: {path: /}
    answer: {}
    expect: {status: 404, body: x}
`
	got := load(t, emptyMain, acme).Connectors["acme"].Tests
	want := []connectors.Test{
		{
			Name: "one", View: "raw", Now: time.Date(2018, 3, 28, 16, 7, 15, 0, time.UTC),
			Request: connectors.Exchange{Method: "POST", Path: "/a?b=1", Headers: map[string][]string{"Accept": {"a"}, "X-Many": {"b", "c"}},
				JSON: map[string]any{"d": []any{1, true, nil}}, HasBody: true},
			Sent:   &connectors.Exchange{Path: "/a", Headers: map[string][]string{"X-Gone": {}}},
			Answer: connectors.Exchange{Status: 503, HasBody: true},
			Expect: connectors.Exchange{Status: 503, Headers: map[string][]string{"X-Gone": {}}},
		},
		{
			Name: "two", View: "sailpoint", Request: connectors.Exchange{Method: "GET", Path: "/"},
			Answer: connectors.Exchange{Status: 200}, Expect: connectors.Exchange{Status: 404, Body: "x", HasBody: true},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(connectors.Test{}, "Where")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := got[1].Where("expect.status", "got %d, want %d", 200, 404).String(), "connectors/acme.yaml:13:22: tests[1].expect.status: got 200, want 404"; got != want {
		t.Errorf("Where: got %s, want %s", got, want)
	}
}

// TestShippedTests holds that the shipped connector proves what it promises in every view.
func TestShippedTests(t *testing.T) {
	t.Parallel()
	tests := shipped(t).Connectors["teamdynamix"].Tests
	if len(tests) < 8 {
		t.Errorf("got %d tests, want at least 8", len(tests))
	}
	for _, view := range []string{"sailpoint", "seconds", "http-date", "ietf", "raw"} {
		if !slices.ContainsFunc(tests, func(test connectors.Test) bool { return test.View == view }) {
			t.Errorf("no test has view %s", view)
		}
	}
}

// FuzzConnector holds that any connector file is either refused with a place for every fault, or has a route for every call.
func FuzzConnector(f *testing.F) {
	f.Add([]byte(richAcme))
	f.Add([]byte(routedAcme))
	f.Add([]byte("name: acme\nresponse: [{jq: .a}]\ntests: [{name: a, request: {path: /}, answer: {}, expect: {}}]\n"))
	f.Add([]byte("name: acme\nauth: {login: {path: /x, token: text, json: {a: [\"${credential:k}\"]}}}\ncredentials: [k]\n"))
	f.Add([]byte("name: acme\nlimits: {headers: hubspot, penalty: 30s, rules: [{match: GET /a, concurrent: 5}, " +
		"{name: b, match: GET /a, limit: 9, window: 1h, starts: clock, policy: daily}, {name: c, match: GET /a, limit: 9, window: 7m, starts: bucket, burst: 90}]}\n"))
	f.Fuzz(func(t *testing.T, acme []byte) {
		set, faults := connectors.Load(files(map[string]string{"sluice.yaml": emptyMain, "connectors/acme.yaml": string(acme)}), connectors.Environment{Open: openNothing})
		if (set == nil) != (len(faults) > 0) {
			t.Fatalf("got Set %v and %d faults", set != nil, len(faults))
		}
		for _, fault := range faults {
			if fault.File != "connectors/acme.yaml" || fault.Line == 0 || fault.Message == "" {
				t.Errorf("fault without place or words: %+v", fault)
			}
		}
		if set == nil {
			return
		}
		for _, vendor := range set.Connectors {
			for _, rule := range vendor.Rules() {
				if why := oddRule(rule); why != "" {
					t.Errorf("%s in %+v", why, rule)
				}
			}
			for _, path := range []string{"/", "/x", "/x/y/z", ""} {
				if route := vendor.Route("GET", path); route == nil || route.Name == "" || route.Group == "" {
					t.Errorf("GET %s: got route %+v, want one with a name and a group", path, route)
				}
			}
		}
	})
}

// oddRule says what no rule may be, whatever its file says; "" for a sound one.
func oddRule(r *connectors.Rule) string {
	const day = 24 * time.Hour
	switch {
	case (r.Limit > 0) == (r.Concurrent > 0) || r.Limit < 0 || r.Concurrent < 0:
		return "not exactly one of limit and concurrent"
	case r.Concurrent > 0 && (r.Window != 0 || r.Starts != "" || r.Burst != 0 || r.Spread):
		return "a window of calls under way"
	case r.Limit > 0 && r.Window <= 0:
		return "a limit without a window"
	case r.Limit > 0 && (r.Burst > 0) != (r.Starts == "bucket" || r.Starts == "unknown"):
		return "a burst where it means nothing, or none where it does"
	case r.Starts == "clock" && (r.Window > day || day%r.Window != 0):
		return "a clock's window that does not divide a day"
	case r.Penalty < 0:
		return "a negative penalty"
	}
	return ""
}
