package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"sluice/mocks/teamdynamix"
)

// tried is a vendor with a configuration that reaches it.
type tried struct {
	vendor teamdynamix.Options
	folder string
	base   string
	token  string
	uid    string
}

func newTried(t *testing.T, settings string) tried {
	t.Helper()
	vendor := teamdynamix.New(teamdynamix.Options{Seed: 5})
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	v := tried{vendor: vendor.Options(), folder: t.TempDir(), base: server.URL + teamdynamix.Production}
	config := fmt.Sprintf("connections:\n  tdx:\n    connector: teamdynamix\n    base_url: %s\n    allow_networks: [127.0.0.0/8]\n%s", v.base, settings)
	if err := os.WriteFile(filepath.Join(v.folder, "sluice.yaml"), []byte(config), 0o600); err != nil {
		t.Fatalf("write the configuration: %v", err)
	}
	connector := &demoConnector{base: v.base, client: newDemoClient(1)}
	if _, _, err := connector.signIn(t.Context(), v.vendor.BEID, v.vendor.WebServicesKey); err != nil {
		t.Fatalf("sign in at the mock: %v", err)
	}
	uids, err := connector.people(t.Context(), 1)
	if err != nil {
		t.Fatalf("list people of the mock: %v", err)
	}
	v.token, v.uid = connector.bearer, uids[0]
	return v
}

// try runs `sluice try` and holds both of its outputs against the secrets of the vendor.
func (v tried) try(t *testing.T, stdin string, vars []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"try", "--config", v.folder}, args...)
	code = run(t.Context(), args, vars, strings.NewReader(stdin), &stdout, &stderr)
	for name, secret := range map[string]string{"token": v.token, "BEID": v.vendor.BEID, "key": v.vendor.WebServicesKey} {
		if strings.Contains(stdout.String()+stderr.String(), secret) {
			t.Errorf("%q: got the %s in the output\n%s%s", args, name, &stdout, &stderr)
		}
	}
	return code, stdout.String(), stderr.String()
}

func (v tried) credential() string {
	return fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, v.vendor.BEID, v.vendor.WebServicesKey)
}

func TestTryShows(t *testing.T) {
	t.Parallel()
	v := newTried(t, "")
	file := filepath.Join(t.TempDir(), "credential.json")
	if err := os.WriteFile(file, []byte(v.credential()), 0o600); err != nil {
		t.Fatalf("write the credential: %v", err)
	}
	bearer := "Authorization: Bearer " + v.token
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
		not  []string
	}{
		"a person": {
			[]string{"tdx", "get", "/api/people/" + v.uid, "-H", bearer}, exitOK,
			[]string{
				"GET /api/people/" + v.uid + " on tdx, in view sailpoint, route GET /api/people/{uid}\n",
				"to the vendor\n  GET " + v.base + "/api/people/" + v.uid + "\n  Authorization: [redacted]\n",
				"from the vendor after ", "  200 OK\n  Content-Type: application/json",
				"to the consumer\n  200 OK\n", "~ X-Ratelimit-Reset: 1", " GMT)\n", "+ X-Upstream-Ratelimit-Reset: ",
				"the body as the vendor sent it, ", "the stages\n  pace", "a place was free\n", "answered by wire\n", "… cut here; -o json shows more of the ",
			}, []string{"\x1b"},
		},
		"a sign-in": {
			[]string{"tdx", "POST", "/api/auth/loginadmin", "-d", "@" + file}, exitOK,
			[]string{"~ Content-Type: application/json (was text/plain; charset=utf-8)\n", `"access_token": "[redacted]"`, `"expires_in": 86`, "token shown as JSON"}, nil,
		},
		"raw": {
			[]string{"tdx", "GET", "/api/people/" + v.uid, "-H", bearer, "--view", "raw"}, exitOK,
			[]string{"in view raw", "5 headers as the vendor sent them"}, []string{"~ ", "+ "},
		},
		"refused": {
			[]string{"tdx", "GET", "/api/people/" + v.uid}, exitUnwell,
			[]string{"401 Unauthorized", "Authorization has been denied", "\n401 in "}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := v.try(t, "", nil, c.args...)
			if code != c.code || errs != "" {
				t.Errorf("got exit code %d and %q, want %d and nothing", code, errs, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("got no %q in\n%s", want, out)
				}
			}
			for _, not := range c.not {
				if strings.Contains(out, not) {
					t.Errorf("got %q in\n%s", not, out)
				}
			}
		})
	}
}

func TestTryJSON(t *testing.T) {
	t.Parallel()
	v := newTried(t, "")
	code, out, errs := v.try(t, v.credential(), nil, "tdx", "POST", "/api/auth/loginadmin", "-d", "@-", "-o", "json")
	var got trial
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK {
		t.Fatalf("got exit code %d, %v, %q, want %d and JSON\n%s", code, err, errs, exitOK, out)
	}
	if len(got.Vendor) != 1 || got.Vendor[0].Status != 200 || got.Vendor[0].Content != "[redacted]" {
		t.Errorf("vendor: got %+v, want one exchange, 200, its body hidden", got.Vendor)
	}
	if got.Status != 200 || got.Connection != "tdx" || got.Route != "POST /api/auth/loginadmin" || got.Answered != "wire" || len(got.Words) == 0 || got.Took <= 0 {
		t.Errorf("got %+v, want 200 from the wire on tdx with the stages' words", got)
	}
}

// TestTryManaged: a credential that Sluice holds goes to the vendor and is not shown, nor is that of the sign-in that it caused.
func TestTryManaged(t *testing.T) {
	t.Parallel()
	v := newTried(t, "    auth: managed\n    credentials: {beid: \"${env:TRY_BEID}\", web_services_key: \"${env:TRY_KEY}\"}\n")
	vars := []string{"TRY_BEID=" + v.vendor.BEID, "TRY_KEY=" + v.vendor.WebServicesKey}
	code, out, errs := v.try(t, "", vars, "tdx", "GET", "/api/people/"+v.uid)
	if code != exitOK {
		t.Fatalf("got exit code %d and %q, want %d\n%s", code, errs, exitOK, out)
	}
	for _, want := range []string{"Authorization: [redacted]", "auth", "signing in by POST /api/auth/loginadmin was answered 200", "the connection's credential is on the request"} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
}

func TestTryWithoutVendor(t *testing.T) {
	t.Parallel()
	v := newTried(t, "")
	config := "connections:\n  tdx: {connector: teamdynamix, base_url: \"http://127.0.0.1:1/TDWebApi\", allow_networks: [127.0.0.0/8], retry: {attempts: 1}}\n"
	if err := os.WriteFile(filepath.Join(v.folder, "sluice.yaml"), []byte(config), 0o600); err != nil {
		t.Fatalf("write the configuration: %v", err)
	}
	code, out, errs := v.try(t, "", nil, "tdx", "GET", "/api/accounts")
	if code != exitUnwell || errs != "" {
		t.Errorf("got exit code %d and %q, want %d and nothing", code, errs, exitUnwell)
	}
	for _, want := range []string{"no answer from the vendor", "502 vendor_unreachable", "\n502 in "} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
}

func TestTryRefuses(t *testing.T) {
	t.Parallel()
	v := newTried(t, "")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no arguments":     {[]string{}, exitUsage, "accepts 3 arg(s)"},
		"connection":       {[]string{"jira", "GET", "/x"}, exitUsage, `there is no connection "jira"`},
		"view":             {[]string{"tdx", "GET", "/x", "--view", "imf"}, exitUsage, "there are http-date, ietf, raw, sailpoint, seconds"},
		"relative path":    {[]string{"tdx", "GET", "x"}, exitUsage, "must start with /"},
		"bad escape":       {[]string{"tdx", "GET", "/%zz"}, exitUsage, "is no escape"},
		"header":           {[]string{"tdx", "GET", "/x", "-H", v.token}, exitUsage, "-H number 1 must be NAME: VALUE"},
		"body without one": {[]string{"tdx", "POST", "/x", "-d", "@" + filepath.Join(v.folder, "gone")}, exitBlocked, "read the body for -d"},
		"configuration":    {[]string{"tdx", "GET", "/x", "--config", filepath.Join(v.folder, "gone")}, exitUsage, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := v.try(t, "", nil, c.args...)
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, errs, c.code, c.want)
			}
		})
	}
}

// FuzzTryRequest: whatever a path is, the bytes that go on the wire are those of the command line.
func FuzzTryRequest(f *testing.F) {
	f.Add("/api/people/a%2Fb?x=1&y", "X-A: b")
	f.Add("/?", "Content-Type: text/plain")
	f.Fuzz(func(t *testing.T, path, header string) {
		r, err := (&tryFlags{headers: []string{header}, data: "{}"}).request(nil, "POST", path)
		if err != nil {
			return
		}
		sent := r.URL.RawPath
		if r.URL.RawQuery != "" || r.URL.ForceQuery {
			sent += "?" + r.URL.RawQuery
		}
		if sent != path {
			t.Errorf("request of %q: got %q on the wire", path, sent)
		}
		for name, values := range r.Header {
			if own := name == "Content-Type" && values[0] == "application/json"; !own && !strings.Contains(header, values[0]) {
				t.Errorf("-H %q: got %s: %q, want a value that stands in it", header, name, values)
			}
			if !httpguts.ValidHeaderFieldName(name) || len(values) != 1 || !httpguts.ValidHeaderFieldValue(values[0]) {
				t.Errorf("-H %q: got %q: %q, want a header that can be sent", header, name, values)
			}
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "{}" {
			t.Errorf("body: got %q, %v, want {}", body, err)
		}
	})
}
