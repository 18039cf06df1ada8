package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/connectors"
)

// ask sends a request to a house and returns the answer and its body.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp, string(text)
}

// echo answers with what it got, and limit headers in TeamDynamix's way.
func echo(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-RateLimit-Limit", "60")
	h.Set("X-RateLimit-Remaining", "59")
	h.Set("X-RateLimit-Reset", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
	for name, values := range r.Header {
		for _, v := range values {
			h.Add("Got-"+name, v)
		}
	}
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

//nolint:tparallel // the log is read after the last subtest
func TestAdmission(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	key, hash := connectors.NewKey()
	narrow, narrowHash := connectors.NewKey()
	far, farHash := connectors.NewKey()
	h := open(t, load(t, atVendor(vendor, fmt.Sprintf(`  other:
    connector: teamdynamix
    base_url: %s/TDWebApi
    allow_networks: [127.0.0.0/8]
consumers:
  iga: {keys: [%q], view: sailpoint, choose_view: true, choose_lane: true}
  narrow: {keys: [%q], connections: [other], methods: [GET], view: raw}
  far: {keys: [%q], networks: [10.0.0.0/8]}
`, vendor, hash, narrowHash, farHash)), nil))
	tests := []struct {
		name, method, path string
		headers            []string
		status             int
		code               string
	}{
		{"no key", "GET", "/tdx/a", nil, 401, "key_required"},
		{"unknown key", "GET", "/tdx/a", []string{"X-Sluice-Key", "slk_none"}, 401, "unknown_key"},
		{"key in our header", "GET", "/tdx/a", []string{"X-Sluice-Key", key}, 200, ""},
		{"key as Basic password", "GET", "/tdx/a", basic(key), 200, ""},
		{"key as bearer", "GET", "/tdx/a", []string{"Authorization", "Bearer " + key}, 200, ""},
		{"a vendor's bearer is no key", "GET", "/tdx/a", []string{"Authorization", "Bearer eyJ"}, 401, "key_required"},
		{"another connection", "GET", "/tdx/a", []string{"X-Sluice-Key", narrow}, 403, "connection_refused"},
		{"its own connection", "GET", "/other/a", []string{"X-Sluice-Key", narrow}, 200, ""},
		{"another method", "POST", "/other/a", []string{"X-Sluice-Key", narrow}, 403, "method_refused"},
		{"another network", "GET", "/tdx/a", []string{"X-Sluice-Key", far}, 403, "network_refused"},
		{"a view of its choice", "GET", "/@raw/tdx/a", []string{"X-Sluice-Key", key}, 200, ""},
		{"a view by header", "GET", "/tdx/a", []string{"X-Sluice-Key", key, "X-Sluice-View", "seconds"}, 200, ""},
		{"no view of that name", "GET", "/@none/tdx/a", []string{"X-Sluice-Key", key}, 404, "unknown_view"},
		{"a view that it may not choose", "GET", "/@sailpoint/other/a", []string{"X-Sluice-Key", narrow}, 403, "view_refused"},
		{"a lane by header", "GET", "/tdx/a", []string{"X-Sluice-Key", key, "X-Sluice-Lane", "critical"}, 200, ""},
		{"a lane and a view by header", "GET", "/tdx/a", []string{"X-Sluice-Key", key, "X-Sluice-Lane", "bulk", "X-Sluice-View", "raw"}, 200, ""},
		{"no lane of that name", "GET", "/tdx/a", []string{"X-Sluice-Key", key, "X-Sluice-Lane", "urgent"}, 400, "unknown_lane"},
		{"auto is no lane to name", "GET", "/tdx/a", []string{"X-Sluice-Key", key, "X-Sluice-Lane", "auto"}, 400, "unknown_lane"},
		{"a lane that it may not choose", "GET", "/other/a", []string{"X-Sluice-Key", narrow, "X-Sluice-Lane", "bulk"}, 403, "lane_refused"},
		{"an unknown lane that it may not choose", "GET", "/other/a", []string{"X-Sluice-Key", narrow, "X-Sluice-Lane", "urgent"}, 403, "lane_refused"},
		{"no such connection", "GET", "/nobody/a", []string{"X-Sluice-Key", key}, 404, "unknown_connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, tt.method, h.url+tt.path, "", tt.headers...)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.code) {
				t.Fatalf("answer %d %s, want %d %s", resp.StatusCode, body, tt.status, tt.code)
			}
			for name := range resp.Header {
				if strings.HasPrefix(name, "Got-X-Sluice") || name == "Got-Authorization" {
					t.Errorf("the vendor got %s, which is for Sluice", name)
				}
			}
			if tt.status == 401 && resp.Header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without WWW-Authenticate")
			}
		})
	}
	for _, secret := range []string{key, narrow, far} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("an access key is in the log")
		}
	}
}

// TestNoAccessKeyReachesTheVendor: a caller may send its key in more than one place; what is the vendor's own still goes on.
func TestNoAccessKeyReachesTheVendor(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	key, hash := connectors.NewKey()
	other, otherHash := connectors.NewKey()
	h := open(t, load(t, atVendor(vendor, fmt.Sprintf("consumers:\n  iga: {keys: [%q, %q]}\n", hash, otherHash)), nil))
	for name, tt := range map[string]struct {
		headers []string
		got     []string // the Authorization values of the vendor's request
	}{
		"in our header and as bearer":        {[]string{"X-Sluice-Key", key, "Authorization", "Bearer " + key}, nil},
		"in our header, another as bearer":   {[]string{"X-Sluice-Key", key, "Authorization", "bearer  " + other}, nil},
		"in our header, an unknown one too":  {[]string{"X-Sluice-Key", key, "Authorization", "Bearer slk_nobodys"}, nil},
		"for a proxy and as Basic password":  {append([]string{"Proxy-Authorization", "Bearer " + key}, basic(key)...), nil},
		"in the second Authorization":        {[]string{"X-Sluice-Key", key, "Authorization", "Bearer vendors", "Authorization", "Bearer " + key}, []string{"Bearer vendors"}},
		"in the second Authorization alone":  {[]string{"Authorization", "Bearer vendors", "Authorization", "Bearer " + key}, []string{"Bearer vendors"}},
		"in every Authorization":             {append([]string{"Authorization", "Bearer " + other}, basic(key)...), nil},
		"nowhere but in our header":          {[]string{"X-Sluice-Key", key, "Authorization", "Bearer vendors"}, []string{"Bearer vendors"}},
		"beside a Basic sign-in of theirs":   {[]string{"X-Sluice-Key", key, "Authorization", "Basic eDp5"}, []string{"Basic eDp5"}},
		"beside two bearers that are theirs": {[]string{"X-Sluice-Key", key, "Authorization", "Bearer a", "Authorization", "Bearer b"}, []string{"Bearer a", "Bearer b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, _ := ask(t, "GET", h.url+"/tdx/a", "", tt.headers...)
			if got := resp.Header["Got-Authorization"]; resp.StatusCode != 200 || !slices.Equal(got, tt.got) {
				t.Errorf("answer %d, the vendor got Authorization %q; want 200 and %q", resp.StatusCode, got, tt.got)
			}
		})
	}
}

func basic(key string) []string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth("iga", key)
	return []string{"Authorization", r.Header.Get("Authorization")}
}

func TestViewsAtTheDoor(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, atVendor(vendor, ""), nil))
	tests := []struct {
		view string
		want func(reset string) error
	}{
		{"sailpoint", func(reset string) error {
			if len(reset) != 10 || strings.Trim(reset, "0123456789") != "" {
				return fmt.Errorf("want Unix seconds")
			}
			return nil
		}},
		{"seconds", func(reset string) error {
			if reset != "59" && reset != "60" {
				return fmt.Errorf("want about 60")
			}
			return nil
		}},
		{"http-date", func(reset string) error { _, err := http.ParseTime(reset); return err }},
		{"raw", func(reset string) error { _, err := http.ParseTime(reset); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.view, func(t *testing.T) {
			t.Parallel()
			resp, _ := ask(t, "GET", h.url+"/@"+tt.view+"/tdx/api/people/1", "")
			if err := tt.want(resp.Header.Get("X-RateLimit-Reset")); err != nil {
				t.Errorf("X-RateLimit-Reset is %q: %v", resp.Header.Get("X-RateLimit-Reset"), err)
			}
			if got := resp.Header.Get("X-Sluice-Stage"); (got == "") != (tt.view == "raw") {
				t.Errorf("X-Sluice-Stage is %q", got)
			}
		})
	}
}

func TestConnectionOfItsOwnHost(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, atVendor(vendor, "    host: tdx.example\n"), nil))
	for _, host := range []string{"tdx.example", "TDX.Example:8080", "tdx.example."} {
		_, body := ask(t, "GET", h.url+"/api/people/1?a=b", "", "Host", host)
		if want := "GET /TDWebApi/api/people/1?a=b "; body != want {
			t.Errorf("by host %s: %q arrived, want %q", host, body, want)
		}
	}
}

//nolint:tparallel // the window that they are told of runs: waiting for other tests would spend it
func TestRefusalInTheCallersView(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, atVendor(vendor, "    max_hold: 1s\n    limits:\n      \"GET /api/groups/{id}\": {limit: 1, window: 300s}\n"), nil))
	ask(t, "GET", h.url+"/tdx/api/groups/1", "")
	tests := []struct {
		view   string
		reset  func(string) bool
		retry  string
		kind   string
		status int
	}{
		{"sailpoint", func(s string) bool { return len(s) == 10 }, "180", "application/json", 429}, // 300 s is more than SailPoint waits
		{"seconds", func(s string) bool { return s == "300" || s == "299" }, "300", "application/json", 429},
		{"http-date", func(s string) bool { _, err := http.ParseTime(s); return err == nil }, "300", "application/json", 429},
		{"ietf", func(s string) bool { return s == "" }, "300", "application/problem+json", 429},
		{"raw", func(s string) bool { return s == "" }, "300", "application/json", 429},
	}
	for _, tt := range tests {
		t.Run(tt.view, func(t *testing.T) {
			resp, body := ask(t, "GET", h.url+"/@"+tt.view+"/tdx/api/groups/1", "")
			if resp.StatusCode != tt.status || resp.Header.Get("Retry-After") != tt.retry || resp.Header.Get("Content-Type") != tt.kind {
				t.Errorf("answer %d, Retry-After %q, %s; want %d, %q, %s",
					resp.StatusCode, resp.Header.Get("Retry-After"), resp.Header.Get("Content-Type"), tt.status, tt.retry, tt.kind)
			}
			if reset := resp.Header.Get("X-RateLimit-Reset"); !tt.reset(reset) {
				t.Errorf("X-RateLimit-Reset is %q", reset)
			}
			var f struct {
				Error, Stage string
				RetryAfter   int
			}
			if err := json.Unmarshal([]byte(body), &f); err != nil || f.Error != "rate_limited" || f.Stage != "pace" || f.RetryAfter < 298 {
				t.Errorf("body %s (%v), want rate_limited of pace after 300 s", body, err)
			}
			if got := resp.Header.Get("X-Sluice-Stage"); got != "pace" {
				t.Errorf("X-Sluice-Stage is %q, want pace", got)
			}
		})
	}
}

func TestTooLargeBody(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, "limits: {request_body: 100KiB}\n"+atVendor(vendor, ""), nil))
	body := strings.Repeat("x", 100<<10)
	if resp, _ := ask(t, "POST", h.url+"/tdx/a", body); resp.StatusCode != 200 {
		t.Errorf("a body at the bound: answer %d, want 200", resp.StatusCode)
	}
	if resp, text := ask(t, "POST", h.url+"/tdx/a", body+"x"); resp.StatusCode != 413 {
		t.Errorf("a body over the bound: answer %d %s, want 413", resp.StatusCode, text)
	}
}

// TestCallerWhoHangsUp: a held call whose caller leaves takes no place at the vendor.
func TestCallerWhoHangsUp(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		echo(w, r)
	}))
	h := open(t, load(t, atVendor(vendor, "    limits:\n      \"GET /api/groups/{id}\": {limit: 1, window: 3s}\n"), nil))
	ask(t, "GET", h.url+"/tdx/api/groups/1", "")
	conn, err := net.DialTimeout("tcp4", strings.TrimPrefix(h.url, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET /tdx/api/groups/1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	seen(t, "a call that is held", func() bool {
		limits, err := h.upstreams.Limits("tdx", 1)
		return err == nil && len(limits.Buckets) == 1 && limits.Buckets[0].Waiting() == 1
	})
	_ = conn.Close()
	seen(t, "a log line of status 499", func() bool { return strings.Contains(h.log.String(), "status=499") })
	if got := calls.Load(); got != 1 {
		t.Errorf("the vendor got %d calls, want 1", got)
	}
}

// seen waits until something is seen, which happens behind a real socket, where no time can be simulated.
func seen(t *testing.T, what string, there func() bool) {
	t.Helper()
	limit, look := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !there() {
		select {
		case <-limit:
			t.Fatalf("not seen in 10 s: %s", what)
		case <-look.C:
		}
	}
}

func TestManagedConnection(t *testing.T) {
	t.Parallel()
	var signIns atomic.Int64
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/loginadmin") {
			signIns.Add(1)
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), "planted-key") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "planted.token.value")
			return
		}
		if r.Header.Get("Authorization") != "Bearer planted.token.value" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "in")
	}))
	h := open(t, load(t, atVendor(vendor, "    auth: managed\n    credentials: {beid: \"${env:BEID}\", web_services_key: \"${env:KEY}\"}\n"), nil,
		"BEID=planted-beid", "KEY=planted-key"))
	for range 3 {
		if resp, body := ask(t, "GET", h.url+"/tdx/api/accounts", "", "Authorization", "Bearer sluice-managed"); resp.StatusCode != 200 || body != "in" {
			t.Fatalf("answer %d %q, want 200 in", resp.StatusCode, body)
		}
	}
	resp, body := ask(t, "POST", h.url+"/tdx/api/auth/loginadmin", `{"BEID":"x","WebServicesKey":"y"}`, "Content-Type", "application/json")
	if resp.StatusCode != 200 || !strings.Contains(body, "access_token") {
		t.Errorf("a connector that insists on signing in got %d %s", resp.StatusCode, body)
	}
	if got := signIns.Load(); got != 1 {
		t.Errorf("%d sign-ins at the vendor, want 1", got)
	}
	ring, err := json.Marshal(h.ring.Last())
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{h.log.String(), string(ring), body} {
		if strings.Contains(place, "planted") {
			t.Errorf("a planted secret shows: %s", place)
		}
	}
}
