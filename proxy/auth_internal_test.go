package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// probe is a connector whose sign-in answers with a bare token; ${auth} is how Sluice signs in.
const probe = `name: probe
title: Probe
credentials: [key]
auth: ${auth}
sign_in:
  - match: POST /auth
    token: ${token}
routes:
  - match: GET /people/{uid}
  - match: POST /people
`

const probeLogin = `{login: {path: /auth, json: {key: "${credential:key}"}, token: text}}`

// probed is a configuration with one connection of probe's, called tdx, at vendor.example/api.
func probed(t testing.TB, auth, token, mode, key string) *connectors.Set {
	t.Helper()
	credentials := ""
	if mode == "managed" {
		credentials = "    credentials: {key: '${env:KEY}'}\n"
	}
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml":           {Data: []byte("connections:\n  tdx:\n    connector: probe\n    base_url: https://vendor.example/api\n    auth: " + mode + "\n" + credentials)},
		"connectors/probe.yaml": {Data: []byte(strings.NewReplacer("${auth}", auth, "${token}", token).Replace(probe))},
	}, connectors.Environment{Vars: []string{"KEY=" + key}})
	if err := faults.Err(); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return set
}

// tokenVendor is a vendor that hands out tokens and takes those that have not ended.
type tokenVendor struct {
	mu      sync.Mutex
	life    time.Duration
	signIns int
	valid   map[string]time.Time
	seen    []*http.Request // all but sign-ins
	bodies  []string
	forbid  bool // 401 for want of a permission
}

// RoundTrip implements http.RoundTripper.
func (v *tokenVendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/auth") {
		v.signIns++
		ends := time.Now().Add(v.life)
		token := jwtEnding(ends, v.signIns)
		if v.valid == nil {
			v.valid = map[string]time.Time{}
		}
		v.valid["Bearer "+token] = ends
		return vendorSays(200, token, "Content-Type", "text/plain; charset=utf-8", "X-RateLimit-Remaining", "59"), nil
	}
	v.seen, v.bodies = append(v.seen, r), append(v.bodies, body)
	if ends, ok := v.valid[r.Header.Get("Authorization")]; !ok || v.forbid || !time.Now().Before(ends) {
		return vendorSays(401, "no"), nil
	}
	return vendorSays(200, "fine"), nil
}

func (v *tokenVendor) counts() (signIns, calls int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.signIns, len(v.seen)
}

// revoke makes every token invalid before its time.
func (v *tokenVendor) revoke() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.valid)
}

func jwtEnding(at time.Time, n int) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"HS256"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"n":%d}`, at.Unix(), n)) + ".c2ln"
}

// managed is the auth stage of a managed connection before v; calls are on conn.
func managed(t testing.TB, u *Upstreams, v http.RoundTripper, auth, key string) (http.RoundTripper, *connectors.Connection) {
	t.Helper()
	conn := probed(t, auth, "text", "managed", key).Connections["tdx"]
	stage, err := u.auth(conn, v)
	if err != nil {
		t.Fatalf("auth: %v", err)
	}
	return stage(v), conn
}

func quietUpstreams() *Upstreams { return NewUpstreams(Options{Log: slog.New(slog.DiscardHandler)}) }

// onConn is a request on a call of conn's.
func onConn(t testing.TB, conn *connectors.Connection, method, target string, body io.Reader, headers ...string) (*http.Request, *Call) {
	t.Helper()
	call := newCall(context.Background(), time.Now().Add(time.Minute))
	call.Connection, call.Consumer, call.View, call.Arrived = conn, inside, inside.View, time.Now()
	r, err := http.NewRequestWithContext(call, method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	call.Route = conn.Route(method, rawPath(r))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r, call
}

func status(t testing.TB, chain http.RoundTripper, r *http.Request) int {
	t.Helper()
	resp, err := chain.RoundTrip(r)
	if err != nil {
		t.Fatalf("RoundTrip: %v", err)
	}
	readAll(t, resp)
	return resp.StatusCode
}

func TestAuthOfPassthroughIsNoStage(t *testing.T) {
	t.Parallel()
	stage, err := quietUpstreams().auth(probed(t, probeLogin, "text", "passthrough", "").Connections["tdx"], nil)
	if stage != nil || err != nil {
		t.Errorf("auth = %v, %v; want no stage", stage != nil, err)
	}
}

func TestAuthDressesTheRequestForTheVendorAlone(t *testing.T) {
	t.Parallel()
	v := &tokenVendor{life: time.Hour}
	chain, conn := managed(t, quietUpstreams(), v, `{header: {set: {X-Key: "${credential:key}"}}}`, "planted-key")
	r, _ := onConn(t, conn, "GET", "http://elsewhere.example/people/a%2Fb?q=1", nil,
		"Authorization", "Bearer caller", "Cookie", "sid=caller", "X-Key", "caller", "X-Multi", "1", "X-Multi", "2")
	before := r.Header.Clone()
	resp, err := chain.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, resp)
	sent := v.seen[0]
	want := http.Header{"X-Key": {"planted-key"}, "X-Multi": {"1", "2"}}
	if fmt.Sprint(sent.Header) != fmt.Sprint(want) {
		t.Errorf("the vendor got %v, want %v", sent.Header, want)
	}
	if got := sent.URL.String(); got != "https://vendor.example/people/a%2Fb?q=1" || sent.Host != "vendor.example" {
		t.Errorf("sent to %s (Host %s), want https://vendor.example/people/a%%2Fb?q=1", got, sent.Host)
	}
	if fmt.Sprint(r.Header) != fmt.Sprint(before) || r.URL.Host != "elsewhere.example" {
		t.Errorf("the caller's request became %v at %s, want it unchanged", r.Header, r.URL.Host)
	}
	if resp.Request != r {
		t.Error("the answer's Request is not the caller's: it holds the credential")
	}
}

func TestAuthSignsInOnACallOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: time.Hour}
		var login *http.Request
		var at *Call
		u := quietUpstreams()
		conn := probed(t, probeLogin, "text", "managed", "k").Connections["tdx"]
		stage, err := u.auth(conn, roundTrip(func(r *http.Request) (*http.Response, error) {
			login, at = r, CallOf(r.Context())
			return v.RoundTrip(r)
		}))
		if err != nil {
			t.Fatal(err)
		}
		r, caller := onConn(t, conn, "GET", "/people/1", nil)
		if got := status(t, stage(v), r); got != 200 {
			t.Errorf("status %d, want 200", got)
		}
		if at == nil || at == caller || at.Connection != conn || at.Consumer != inside || at.Route.Name != "POST /auth" {
			t.Errorf("the sign-in's call = %+v, want one of its own on POST /auth", at)
		}
		if login.URL.Path != "/auth" || login.Header.Get("Authorization") != "" {
			t.Errorf("signed in at %s with Authorization %q, want /auth and none", login.URL.Path, login.Header.Get("Authorization"))
		}
		if deadline, ok := at.Deadline(); !ok || time.Until(deadline) != conn.Timeouts.Total {
			t.Errorf("the sign-in may take %v, want %v", time.Until(deadline), conn.Timeouts.Total)
		}
		if at.Err() == nil {
			t.Error("the sign-in's call has not ended")
		}
	})
}

func TestAuthAfterA401(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		age     time.Duration // of the token, which lives for an hour by its own word
		revoked bool
		forbid  bool
		body    io.Reader
		status  int
		signIns int
		calls   int
	}{
		"permission missing":             {age: time.Minute, forbid: true, status: 401, signIns: 1, calls: 2},
		"token revoked early":            {age: time.Minute, revoked: true, status: 401, signIns: 1, calls: 2},
		"token near its end":             {age: 3600*time.Second - 20*time.Second, revoked: true, status: 200, signIns: 2, calls: 3},
		"near its end, with a body":      {age: 3580 * time.Second, revoked: true, body: strings.NewReader("body"), status: 200, signIns: 2, calls: 3},
		"near its end, body gone":        {age: 3580 * time.Second, revoked: true, body: io.LimitReader(strings.NewReader("body"), 4), status: 401, signIns: 1, calls: 2},
		"near its end, and still not it": {age: 3580 * time.Second, revoked: true, forbid: true, status: 401, signIns: 2, calls: 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &tokenVendor{life: time.Hour}
				u := quietUpstreams()
				chain, conn := managed(t, u, v, probeLogin, "k")
				defer u.kept.sweepAll()
				first, _ := onConn(t, conn, "GET", "/people/1", nil)
				if got := status(t, chain, first); got != 200 {
					t.Fatalf("the first call: %d, want 200", got)
				}
				u.kept.sweepAll() // no renewal in the background
				<-time.After(test.age)
				if test.revoked {
					v.revoke()
				}
				v.forbid = test.forbid
				method, path := "GET", "/people/1"
				if test.body != nil {
					method, path = "POST", "/people"
				}
				r, _ := onConn(t, conn, method, path, test.body)
				if got := status(t, chain, r); got != test.status {
					t.Errorf("status %d, want %d", got, test.status)
				}
				if signIns, calls := v.counts(); signIns != test.signIns || calls != test.calls {
					t.Errorf("%d sign-ins and %d calls, want %d and %d", signIns, calls, test.signIns, test.calls)
				}
				if test.body != nil && test.status == 200 {
					if got := v.bodies[len(v.bodies)-1]; got != "body" {
						t.Errorf("the second sending had body %q, want body", got)
					}
				}
			})
		})
	}
}

func TestAuthRenewsATokenThatGetsNothingBut401s(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: 24 * time.Hour}
		u := quietUpstreams()
		chain, conn := managed(t, u, v, probeLogin, "k")
		defer u.kept.sweepAll()
		send := func(forbid bool) {
			t.Helper()
			v.forbid = forbid
			r, _ := onConn(t, conn, "GET", "/people/1", nil)
			if got := status(t, chain, r); (got == 401) != forbid {
				t.Errorf("status %d with permission missing %t", got, forbid)
			}
			<-time.After(20 * time.Second)
			synctest.Wait()
		}
		send(false)
		<-time.After(time.Hour)
		for i := range 40 {
			send(i%2 == 0)
		}
		if signIns, _ := v.counts(); signIns != 1 {
			t.Errorf("%d sign-ins after 401s between other answers, want 1", signIns)
		}
		for range 6 {
			send(true)
		}
		if signIns, _ := v.counts(); signIns != 2 {
			t.Errorf("%d sign-ins after nothing but 401s, want 2", signIns)
		}
	})
}

func TestAuthClosesTheAnswerThatItDoesNotPassOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: time.Hour}
		var bodies []*watchedBody
		u := quietUpstreams()
		conn := probed(t, probeLogin, "text", "managed", "k").Connections["tdx"]
		stage, err := u.auth(conn, v)
		if err != nil {
			t.Fatal(err)
		}
		chain := stage(roundTrip(func(*http.Request) (*http.Response, error) {
			resp := vendorSays(401, "", "Date", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat)) // past the token's end
			bodies = append(bodies, &watchedBody{Reader: strings.NewReader("no")})
			resp.Body = bodies[len(bodies)-1]
			return resp, nil
		}))
		r, _ := onConn(t, conn, "GET", "/people/1", nil)
		if got := status(t, chain, r); got != 401 || len(bodies) != 2 {
			t.Fatalf("status %d after %d answers, want the second 401", got, len(bodies))
		}
		for i, b := range bodies {
			if _, closed := b.state(); closed != 1 {
				t.Errorf("answer %d was closed %d times, want once", i+1, closed)
			}
		}
		u.kept.sweepAll()
	})
}

func TestATokenEndpointElsewhereHasAWireOfItsOwn(t *testing.T) {
	t.Parallel()
	var ways []*connectors.Connection
	u := NewUpstreams(Options{Wire: func(conn *connectors.Connection) (http.RoundTripper, error) {
		ways = append(ways, conn)
		return &tokenVendor{}, nil
	}})
	conn := probed(t, `{oauth2: {token_url: "https://login.example/token", client_id: a, client_secret: "${credential:key}"}}`, "text", "managed", "k").Connections["tdx"]
	conn.Wire.ServerName = "vendor-certificate"
	if _, err := u.auth(conn, nil); err != nil {
		t.Fatal(err)
	}
	if len(ways) != 1 || ways[0].Base.String() != "https://login.example" || ways[0].Wire.ServerName != "" || ways[0].Name != "tdx" {
		t.Errorf("wires built = %+v, want one of tdx to https://login.example under that host's own certificate", ways)
	}
	if conn.Base.String() != "https://vendor.example/api" || conn.Wire.ServerName != "vendor-certificate" {
		t.Errorf("the connection became %s, %s: it is read-only", conn.Base, conn.Wire.ServerName)
	}
}

// sweepAll lets go of everything, as a reload does whose connections are all new.
func (k *kept) sweepAll() {
	k.begin()
	k.sweep()
}

func TestAuthFailsClosedAndClosesTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refusing := roundTrip(func(*http.Request) (*http.Response, error) { return vendorSays(401, "planted"), nil })
		chain, conn := managed(t, quietUpstreams(), refusing, probeLogin, "k")
		body := &watchedBody{Reader: strings.NewReader("x")}
		r, _ := onConn(t, conn, "POST", "/people", body, "Authorization", "Bearer caller")
		resp, err := chain.RoundTrip(r)
		if f := fault.Of(err); resp != nil || f.Code != "sign_in_refused" || f.Stage != "auth" {
			t.Errorf("RoundTrip = %v, %v; want sign_in_refused of auth", resp, err)
		}
		if _, closed := body.state(); closed == 0 {
			t.Error("the request's body was left open")
		}
	})
}

func TestATokenOutlivesAReloadWithTheSameSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: time.Hour}
		u := NewUpstreams(Options{Wire: func(*connectors.Connection) (http.RoundTripper, error) { return v, nil }})
		for i, step := range []struct {
			key     string
			signIns int
		}{{"a", 1}, {"a", 1}, {"b", 2}, {"b", 2}} {
			if err := u.Apply(probed(t, probeLogin, "text", "managed", step.key)); err != nil {
				t.Fatal(err)
			}
			client, err := u.Client("tdx")
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Get("https://vendor.example/people/1")
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, resp)
			if signIns, _ := v.counts(); signIns != step.signIns {
				t.Errorf("after configuration %d: %d sign-ins, want %d", i+1, signIns, step.signIns)
			}
		}
		if err := u.Apply(&connectors.Set{}); err != nil { // ends the renewals
			t.Fatal(err)
		}
	})
}

func TestAuthTellsTraceAndMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: time.Hour}
		rig := newStageRig(t)
		chain, conn := managed(t, rig.ups, v, probeLogin, "k")
		defer rig.ups.kept.sweepAll()
		r, call := onConn(t, conn, "GET", "/people/1", nil)
		call.trace = NewTrace(conn)
		if got := status(t, chain, r); got != 200 {
			t.Errorf("status %d, want 200", got)
		}
		var words []string
		for _, w := range call.trace.Words() {
			words = append(words, w.Stage+": "+w.Text)
		}
		want := []string{"auth: signing in by POST /auth was answered 200", "auth: the connection's credential is on the request"}
		if !slices.Equal(words, want) {
			t.Errorf("words = %q, want %q", words, want)
		}
		if got := rig.counted(t, "sluice_sign_ins_total", map[string]string{"connection": "tdx", "outcome": "vendor"}); got != 1 {
			t.Errorf("sign_ins_total{outcome=vendor} = %v, want 1", got)
		}
		if got, want := rig.counted(t, "sluice_token_expires_timestamp_seconds", nil), float64(time.Now().Add(time.Hour).Unix()); got != want {
			t.Errorf("token_expires = %v, want %v", got, want)
		}
	})
}

func TestAPanicInASignInEndsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := roundTrip(func(*http.Request) (*http.Response, error) { panic("torn") })
		chain, conn := managed(t, quietUpstreams(), broken, probeLogin, "k")
		r, _ := onConn(t, conn, "GET", "/people/1", nil)
		_, err := chain.RoundTrip(r)
		if f := fault.Of(err); f.Code != "sign_in_failed" || !strings.Contains(err.Error(), "torn") {
			t.Errorf("RoundTrip = %v, want sign_in_failed with the cause", err)
		}
		passed := quietUpstreams().signIn(probed(t, probeLogin, "text", "passthrough", "").Connections["tdx"])(broken)
		r, _ = onConn(t, conn, "POST", "/auth", strings.NewReader("x"))
		if _, err := passed.RoundTrip(r); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("a passthrough sign-in = %v, want an error", err)
		}
	})
}

func BenchmarkAuth(b *testing.B) {
	next := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	v := &tokenVendor{life: 24 * time.Hour}
	u := quietUpstreams()
	conn := probed(b, probeLogin, "text", "managed", "k").Connections["tdx"]
	stage, err := u.auth(conn, v)
	if err != nil {
		b.Fatal(err)
	}
	chain := stage(next)
	r, _ := onConn(b, conn, "GET", "/people/1", nil, "Authorization", "Bearer x", "Accept", "a", "User-Agent", "u", "X-1", "1", "X-2", "2", "Content-Type", "t")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chain.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
	u.kept.sweepAll()
}
