package teamdynamix_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// client calls a vendor without a network, from one source address, as one account.
type client struct {
	*testing.T
	vendor  *teamdynamix.Vendor
	base    string
	address string
	token   string
}

// admin signs in with the organisation's keys; its calls come from 10.0.0.1.
func admin(t *testing.T, v *teamdynamix.Vendor) *client {
	t.Helper()
	c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
	o := v.Options()
	c.token = c.must(200, "POST", "/api/auth/loginadmin", map[string]string{"BEID": o.BEID, "WebServicesKey": o.WebServicesKey})
	return c
}

// user signs in with a name and a password.
func user(t *testing.T, v *teamdynamix.Vendor, name, password string) *client {
	t.Helper()
	c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
	c.token = c.must(200, "POST", "/api/auth/login", map[string]string{"username": name, "password": password})
	return c
}

// unlimited lifts every limit: for tests that are about something else.
func unlimited(o teamdynamix.Options) teamdynamix.Options {
	o.Rates = map[string]teamdynamix.Rate{}
	for _, l := range teamdynamix.Limits() {
		o.Rates[l.Method+" "+l.Path] = teamdynamix.Rate{}
	}
	return o
}

// do sends one call; body may be nil, a string to be sent as it is, or a value to be sent as JSON.
func (c *client) do(method, path string, body any) *http.Response {
	c.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		text = string(b)
	}
	r := httptest.NewRequestWithContext(c.Context(), method, c.base+path, strings.NewReader(text))
	r.RemoteAddr = c.address + ":40000"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	w := httptest.NewRecorder()
	c.vendor.ServeHTTP(w, r)
	return w.Result()
}

// must is do for a call that has to end with status; it returns the body.
func (c *client) must(status int, method, path string, body any) string {
	c.Helper()
	resp := c.do(method, path, body)
	text := readAll(c.T, resp)
	if resp.StatusCode != status {
		c.Fatalf("%s %s: got %d, want %d: %.200s", method, path, resp.StatusCode, status, text)
	}
	return text
}

// load is must(200) with the answer decoded.
func load[T any](c *client, method, path string, body any) T {
	c.Helper()
	var v T
	if err := json.Unmarshal([]byte(c.must(200, method, path, body)), &v); err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return v
}

func TestPaths(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{People: 20}))
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/TDWebApi/api/applications", 200, ""},
		{"GET", "/tdwebapi/API/Applications", 200, ""},
		{"DELETE", "/TDWebApi/api/applications", 405, "GET"},
		{"GET", "/TDWebApi/api/people", 405, "POST"},
		{"PUT", "/TDWebApi/api/people/search", 405, "GET, POST, PATCH"},
		{"GET", "/TDWebApi/api/tickets", 404, ""},
		{"GET", "/api/applications", 404, ""},
		{"GET", "/SBTDWebApi/api/applications", 401, ""}, // production's token
	}
	c.base = ""
	for _, tt := range tests {
		resp := c.do(tt.method, tt.path, nil)
		if resp.StatusCode != tt.status || resp.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d, Allow %q; want %d, Allow %q", tt.method, tt.path, resp.StatusCode, resp.Header.Get("Allow"), tt.status, tt.allow)
		}
		if got := resp.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s %s: got Content-Type %q, want JSON", tt.method, tt.path, got)
		}
	}
}

func TestSandboxIsApart(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{People: 20})
	live := admin(t, v)
	sandbox := &client{T: t, vendor: v, base: teamdynamix.Sandbox, address: live.address}
	o := v.Options()
	sandbox.token = sandbox.must(200, "POST", "/api/auth/loginadmin", map[string]string{"BEID": o.BEID, "WebServicesKey": o.WebServicesKey})
	uid := everybody(live)[3].UID
	live.must(200, "PUT", "/api/people/"+uid+"/isactive?status=false", nil)
	live.must(200, "PUT", "/api/people/"+uid+"/isactive?status=true", nil)
	live.must(200, "PATCH", "/api/people/"+uid, `[{"op":"add","path":"/Title","value":"Dean"}]`)
	if got := load[person](live, "GET", "/api/people/"+uid, nil).Title; got != "Dean" {
		t.Errorf("title in production: got %q, want Dean", got)
	}
	if got := load[person](sandbox, "GET", "/api/people/"+uid, nil).Title; got == "Dean" {
		t.Errorf("title in the sandbox: got %q, want it untouched", got)
	}
}

func TestRequestRules(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{People: 20}))
	tests := []struct {
		name, kind, body string
		status           int
	}{
		{"json", "application/json; charset=utf-8", `{"SearchText":"a"}`, 200},
		{"text/json", "text/json", `{}`, 200},
		{"any case", "application/json", `{"searchtext":"a"}`, 200},
		{"byte order mark", "application/json", "\ufeff{}", 200},
		{"form", "application/x-www-form-urlencoded", `SearchText=a`, 415},
		{"no type", "", `{}`, 415},
		{"no body", "application/json", ``, 400},
		{"null", "application/json", `null`, 400},
		{"broken", "application/json", `{"SearchText":`, 400},
		{"wrong type", "application/json", `{"SearchText":7}`, 400},
		{"text too long", "application/json", `{"SearchText":"` + strings.Repeat("x", 51) + `"}`, 400},
		{"4 MB", "application/json", `{}` + strings.Repeat(" ", 4<<20-2), 200},
		{"more", "application/json", `{}` + strings.Repeat(" ", 4<<20-1), 413},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/TDWebApi/api/people/search", strings.NewReader(tt.body))
		r.Header.Set("Authorization", "Bearer "+c.token)
		if tt.kind != "" {
			r.Header.Set("Content-Type", tt.kind)
		}
		w := httptest.NewRecorder()
		c.vendor.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s: got %d, want %d: %.100s", tt.name, w.Code, tt.status, w.Body)
		}
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{People: 20})
	c := admin(t, v)
	uid := everybody(c)[0].UID
	before := c.must(200, "GET", "/api/people/"+uid, nil)
	c.must(200, "PATCH", "/api/people/"+uid, `[{"op":"add","path":"/Title","value":"Dean"}]`)
	v.Set(func(o *teamdynamix.Options) { o.People = 30 })
	if got := len(everybody(c)); got != 20 {
		t.Errorf("people after Set: got %d, want the 20 from before until Reset", got)
	}
	v.Reset()
	if got := v.Stats().Calls; got != 0 {
		t.Errorf("calls after Reset: got %d, want 0", got)
	}
	if got := len(everybody(c)); got != 30 {
		t.Errorf("people after Reset: got %d, want 30", got)
	}
	if after := c.must(200, "GET", "/api/people/"+uid, nil); after != before {
		t.Errorf("person after Reset: got %s, want %s", after, before)
	}
}
