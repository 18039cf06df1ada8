package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy"
)

// signsIn is a vendor whose sign-in answers JSON with a token under a name that nobody could guess to be one.
const signsIn = `
name: odd
credentials: [password]
auth: {header: {set: {X-Odd: "${credential:password}"}}}
sign_in:
  - {match: POST /session, token: {json: .ticket}}
`

// tryRequest is a request as Try takes it.
func tryRequest(method, target string, head ...string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err) // a constant of the test
	}
	r := &http.Request{Method: method, URL: u, Header: http.Header{}}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return r
}

// tried opens upstreams at a vendor and tries a request; it returns the trace and what may be shown of the answer.
func tried(t *testing.T, settings, view string, vendor http.HandlerFunc, r *http.Request) (*proxy.Trace, http.Header, string) {
	t.Helper()
	config := fmt.Sprintf("connections:\n  odd:\n    connector: odd\n    base_url: %s\n    allow_networks: [127.0.0.0/8]\n%s", serve(t, vendor), settings)
	set := load(t, config, map[string]string{"odd": signsIn}, "PASSWORD=planted-password")
	u := proxy.NewUpstreams(proxy.Options{})
	if err := u.Apply(set); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	resp, trace, err := u.Try(t.Context(), "odd", set.Views[view], r)
	if err != nil {
		t.Fatalf("Try: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Errorf("close the answer: %v", err)
	}
	header, shown := trace.Shown(resp, body)
	return trace, header, shown
}

func TestTryKeepsTokens(t *testing.T) {
	t.Parallel()
	const token = "planted-0123456789"
	vendor := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ticket": "`+token+`", "user": "ann"}`)
	}
	for view, want := range map[string]string{"raw": "[redacted]", "sailpoint": `"access_token": "[redacted]"`} {
		trace, _, shown := tried(t, "", view, vendor, tryRequest("POST", "/session"))
		all, err := json.Marshal([]any{trace.Exchanges(), trace.Words(), trace.Outcome(), shown})
		if err != nil {
			t.Fatalf("%s: %v", view, err)
		}
		if strings.Contains(string(all), token) || !strings.Contains(shown, want) {
			t.Errorf("%s: got %q shown and a trace of %s, want %s and no token anywhere", view, shown, all, want)
		}
	}
}

func TestTryTraces(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	vendor := func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("X-Echo", r.Header.Get("X-Odd"))
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("X-Odd"))
	}
	settings := "    auth: managed\n    credentials: {password: \"${env:PASSWORD}\"}\n    retry: {base: 1ms}\n"
	trace, header, shown := tried(t, settings, "sailpoint", vendor, tryRequest("GET", "/users/7?token=x&a=b", "X-Api-Key", "planted"))
	if shown != "you sent [redacted]" || header.Get("X-Echo") != "[redacted]" {
		t.Errorf("an answer that repeats the credential: got %q and %q, want it blanked", shown, header)
	}
	xs := trace.Exchanges()
	if len(xs) != 2 || xs[0].Status != 503 || xs[1].Status != 200 {
		t.Fatalf("exchanges: got %+v, want a 503 and a 200", xs)
	}
	if x := xs[1]; !strings.HasSuffix(x.URL, "/users/7?token=[redacted]&a=b") || x.Header.Get("X-Api-Key") != "[redacted]" || x.Header.Get("X-Odd") != "[redacted]" {
		t.Errorf("the request as the vendor got it: got %+v, want its secrets blanked and the rest there", x)
	}
	if got := trace.Outcome(); got.Attempts != 2 || got.Answered != "wire" || got.Route != "GET other" {
		t.Errorf("Outcome: got %+v, want two attempts on GET other, answered by wire", got)
	}
	stages := make([]string, 0, len(trace.Words()))
	for _, w := range trace.Words() {
		stages = append(stages, w.Stage)
	}
	for _, want := range []string{"auth", "retry"} {
		if !slices.Contains(stages, want) {
			t.Errorf("words: got stages %q, want %s among them", stages, want)
		}
	}
}

func TestTryFails(t *testing.T) {
	t.Parallel()
	set := load(t, "connections:\n  odd: {connector: odd, base_url: \"http://127.0.0.1:1\", allow_networks: [127.0.0.0/8], retry: {attempts: 1}}\n",
		map[string]string{"odd": signsIn})
	u := proxy.NewUpstreams(proxy.Options{})
	if err := u.Apply(set); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	if resp, trace, err := u.Try(t.Context(), "even", nil, tryRequest("GET", "/")); resp != nil || trace != nil || fault.Of(err).Code != "unknown_connection" {
		t.Errorf("an unknown connection: got %v, %v, %v, want unknown_connection alone", resp, trace, err)
	}
	resp, trace, err := u.Try(t.Context(), "odd", (*connectors.View)(nil), tryRequest("GET", "/"))
	if resp != nil || trace == nil || fault.Of(err).Code != "vendor_unreachable" {
		t.Fatalf("a vendor that is not there: got %v, %v, %v, want a trace and vendor_unreachable", resp, trace, err)
	}
	if why := trace.Why(err); !strings.HasPrefix(why, "502 vendor_unreachable: ") || !strings.Contains(why, "refused") {
		t.Errorf("Why: got %q, want status, code and the cause", why)
	}
	if xs := trace.Exchanges(); len(xs) != 1 || xs[0].Error == "" {
		t.Errorf("exchanges: got %+v, want one with an error", xs)
	}
}
