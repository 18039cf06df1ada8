package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// command runs a command line as an operator does.
func command(t *testing.T, vars []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, vars, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestUsageExitsWithTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"nonsense", `there is no command "sluice nonsense"`},
		{"config nonsense", `there is no command "sluice config nonsense"`},
		{"serve --nonsense", "unknown flag: --nonsense; see sluice serve --help"},
		{"serve now", "sluice serve --help"},
		{"version -o xml", "must be text or json"},
		{"keys create", "accepts 1 arg(s)"},
		{"keys create a/b", `"a/b" is no name`},
		{"config schema other", `invalid argument "other"`},
		{"connectors show other", `there is no connector "other"; there are teamdynamix`},
		{"config show --config nowhere", "nowhere: does not exist"},
		{"health --url ftp://x", "must be like http://127.0.0.1:8081"},
		{"health --config nowhere", "name it with --url"},
		{"limits --url ftp://x", "must be like http://127.0.0.1:8081"},
		{"filter try", "accepts between 1 and 2 arg(s)"},
		{"limits a b", "accepts at most 1 arg(s)"},
	} {
		code, out, errs := command(t, nil, strings.Fields(c.args)...)
		if code != exitUsage || out != "" || !strings.HasPrefix(errs, "sluice: ") || !strings.Contains(errs, c.want) {
			t.Errorf("sluice %s: got exit code %d, %q, %q; want %d, nothing, %q", c.args, code, out, errs, exitUsage, c.want)
		}
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	code, out, errs := command(t, nil)
	for _, name := range []string{"serve", "check", "try", "demo", "mock", "connectors", "triggers", "keys", "config", "health", "limits", "filter", "subscriptions", "events", "invocations", "listen", "version", "completion"} {
		if !regexp.MustCompile(`(?m)^  ` + name + ` +\S`).MatchString(out) {
			t.Errorf("got no %s in the help (exit code %d, %s):\n%s", name, code, errs, out)
		}
	}
	if code, out, _ := command(t, nil, "completion", "bash"); code != exitOK || !strings.Contains(out, "complete") {
		t.Errorf("completion bash: got exit code %d and %.80q, want a script", code, out)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if code, out, _ := command(t, nil, "version"); code != exitOK || !regexp.MustCompile(`^sluice \S+ \(go1\.\S+, \w+/\w+\)\n$`).MatchString(out) {
		t.Errorf("got exit code %d and %q, want version, Go and platform", code, out)
	}
	_, out, _ := command(t, nil, "version", "-o", "json")
	var got build
	if err := json.Unmarshal([]byte(out), &got); err != nil || got != buildOf() {
		t.Errorf("got %q, %v; want %+v", out, err, buildOf())
	}
}

// TestKeysCreate: the key that is printed is the one whose hash the printed lines let in.
func TestKeysCreate(t *testing.T) {
	t.Parallel()
	_, out, _ := command(t, nil, "keys", "create", "iga", "--view", "raw", "-o", "json")
	var made newKey
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("got %q: %v", out, err)
	}
	sum := sha256.Sum256([]byte(made.Key))
	if want := "sha256:" + hex.EncodeToString(sum[:]); !connectors.IsKey(made.Key) || made.Hash != want || made.Consumer != "iga" {
		t.Errorf("got %+v, want hash %s", made, want)
	}
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(file, []byte(made.YAML), 0o600); err != nil {
		t.Fatal(err)
	}
	set, faults := source{path: file}.load()
	if len(faults) > 0 || set.Consumers["iga"] == nil || set.Consumers["iga"].View.Name != "raw" {
		t.Errorf("the printed lines as sluice.yaml: got %v, want consumer iga with view raw", faults)
	}
	text := regexp.MustCompile(`slk_\S+`)
	_, one, _ := command(t, nil, "keys", "create", "iga")
	_, two, _ := command(t, nil, "keys", "create", "iga")
	if a, b := text.FindAllString(one, -1), text.FindAllString(two, -1); len(a) != 1 || len(b) != 1 || a[0] == b[0] {
		t.Errorf("got keys %q and %q, want one each and no two alike", a, b)
	}
}

func TestConfigSchema(t *testing.T) {
	t.Parallel()
	for args, file := range map[string]string{"config schema": "sluice.json", "config schema sluice": "sluice.json", "config schema connector": "connector.json"} {
		want, err := os.ReadFile("../../configs/schema/" + file)
		if err != nil {
			t.Fatal(err)
		}
		code, out, errs := command(t, nil, strings.Fields(args)...)
		if code != exitOK || strings.TrimSpace(out) != strings.TrimSpace(string(want)) {
			t.Errorf("sluice %s: got exit code %d, %s and %d bytes, want those of configs/schema/%s (%d bytes)", args, code, errs, len(out), file, len(want))
		}
	}
}

func TestConnectorsListAndShow(t *testing.T) {
	t.Parallel()
	_, out, _ := command(t, nil, "connectors", "list", "-o", "json")
	var lines []connectorLine
	if err := json.Unmarshal([]byte(out), &lines); err != nil {
		t.Fatalf("got %q: %v", out, err)
	}
	at := slices.IndexFunc(lines, func(l connectorLine) bool { return l.Name == "teamdynamix" })
	if at < 0 || lines[at].SignIn != "login" || lines[at].Tests < 10 || !slices.Equal(lines[at].Connections, []string{"tdx"}) {
		t.Fatalf("got %+v, want teamdynamix with sign-in login and connection tdx", lines)
	}
	_, out, _ = command(t, nil, "connectors", "show", "teamdynamix", "-o", "json")
	var page connectorPage
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatalf("got %.200q: %v", out, err)
	}
	people := slices.IndexFunc(page.RouteList, func(r routeLine) bool { return r.Name == "GET /api/people/{uid}" })
	if len(page.RouteList) != lines[at].Routes || len(page.LimitList) != lines[at].Limits || people < 0 || !slices.Equal(page.RouteList[people].Limits, []string{"60/1m"}) {
		t.Errorf("got %d routes and %d limits, want %d and %d, with 60/1m on GET /api/people/{uid}", len(page.RouteList), len(page.LimitList), lines[at].Routes, lines[at].Limits)
	}
	if len(page.ResourceList) != 5 || page.ResourceList[0].Name != "people" || !slices.Contains(page.ResourceList[0].Entitlements, "groups") {
		t.Fatalf("got resources %+v, want people first of five", page.ResourceList)
	}
	if p := page.ResourceList[0].Plans; len(p) != 2 || p[0].Name != "detail" || p[0].Detail != "GET /api/people/{key}" || p[0].If != "" || !slices.Contains(p[1].Joins, "groups") || p[1].If == "" {
		t.Errorf("got plans %+v, want detail, and inverted with its joins and condition", p)
	}
	_, out, _ = command(t, nil, "connectors", "show", "teamdynamix")
	if want := regexp.MustCompile(`\npeople +user +detail +GET /api/people/userlist +- +GET /api/people/\{key\} +applications, `); !want.MatchString(out) {
		t.Errorf("got no %s in\n%s", want, out)
	}
	for args, want := range map[string]string{"connectors list": "NAME ", "connectors show teamdynamix": "GET /api/people/{uid}"} {
		if code, out, errs := command(t, nil, strings.Fields(args)...); code != exitOK || !strings.Contains(out, want) {
			t.Errorf("sluice %s: got exit code %d, %s and no %q in\n%s", args, code, errs, want, out)
		}
	}
}

func TestConnectorsShowTransforms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"acme.yaml": acme} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"routes: [{match: GET /plain, cache: {ttl: 1h}, timeout: 90s}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := command(t, nil, "connectors", "show", "acme", "--config", filepath.Join(dir, "acme.yaml"))
	if code != exitOK || !regexp.MustCompile(`GET /plain +- +- +\S+ +1h +1m30s +safe +set +remove`).MatchString(out) {
		t.Errorf("got exit code %d, %s and\n%swant the route's cache, timeout and transforms", code, errs, out)
	}
}

// TestConnectorsShowLimits: every shape of a limit is told, for people and for programs.
func TestConnectorsShowLimits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shapes.yaml")
	if err := os.WriteFile(path, []byte(`name: shapes
limits:
  headers: hubspot
  penalty: 30s
  rules:
    - {name: hour, match: "* /{rest...}", limit: 3000, window: 1h, starts: clock, policy: daily, penalty: 0s}
    - {name: bucket, match: GET /a, limit: 100, window: 1m, starts: bucket, burst: 600, spread: true}
    - {name: running, match: GET /a, concurrent: 15, scope: credential}
routes:
  - {match: GET /a, lane: interactive}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, nil, "connectors", "show", "shapes", "--config", path)
	for _, row := range []string{
		`GET /a +3000/1h, 100/1m, 15 at once +interactive +default`,
		`hour +3000 +1h +clock +address +policy daily\n`,
		`bucket +100 +1m +bucket +address +600 at once, spread, penalty 30s\n`,
		`running +15 at once +- +- +credential +penalty 30s\n`,
		`what the vendor's headers say. After a refusal they rest for 30s.`,
	} {
		if code != exitOK || !regexp.MustCompile(row).MatchString(out) {
			t.Errorf("got exit code %d, %s and\n%swant %q in it", code, errs, out, row)
		}
	}
	_, out, _ = command(t, nil, "connectors", "show", "shapes", "-o", "json", "--config", path)
	var page connectorPage
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatalf("got %.200q: %v", out, err)
	}
	want := []limitLine{
		{Name: "hour", Limit: 3000, Window: "1h", Starts: "clock", Policy: "daily", Scope: "address"},
		{Name: "bucket", Limit: 100, Window: "1m", Starts: "bucket", Burst: 600, Penalty: "30s", Scope: "address", Spread: true},
		{Name: "running", Concurrent: 15, Penalty: "30s", Scope: "credential"},
	}
	if !slices.Equal(page.LimitList, want) || page.Penalty != "30s" {
		t.Errorf("got limits %+v and penalty %q, want %+v and 30s", page.LimitList, page.Penalty, want)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	base := "http://" + r.app.AdminAddress()
	if code, out, errs := command(t, nil, "health", "--url", base); code != exitOK || out != "alive\n" {
		t.Errorf("got exit code %d, %q, %s; want 0 and alive", code, out, errs)
	}
	if code, out, _ := command(t, nil, "health", "--ready", "--url", base); code != exitOK || !strings.Contains(out, `"ready":true`) {
		t.Errorf("--ready: got exit code %d and %q, want 0 and why", code, out)
	}
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"ready":false}`)
	}))
	t.Cleanup(sick.Close)
	if code, out, errs := command(t, nil, "health", "--ready", "--url", sick.URL); code != exitUnwell || out != `{"ready":false}` || !strings.Contains(errs, "503") {
		t.Errorf("a process that is not ready: got exit code %d, %q, %q; want 1 and why", code, out, errs)
	}
	gone := freeAddress(t)
	if code, _, errs := command(t, nil, "health", "--url", "http://"+gone); code != exitUnwell || !strings.Contains(errs, "no answer") {
		t.Errorf("nobody there: got exit code %d and %q, want 1", code, errs)
	}
}

// TestHealthFindsTheDoor: health needs no configuration without faults, because the process that it asks about runs an older one.
func TestHealthFindsTheDoor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		vars   []string
		want   string
	}{
		"default":             {"connections: {}\n", nil, "http://127.0.0.1:8081"},
		"written":             {"admin: {address: \"127.0.0.1:9\"}\n", nil, "http://127.0.0.1:9"},
		"everywhere":          {"admin: {address: \":9\"}\n", nil, "http://127.0.0.1:9"},
		"everywhere, IPv6":    {"admin: {address: \"[::]:9\"}\n", nil, "http://127.0.0.1:9"},
		"faults":              {"admin: {address: \"127.0.0.1:9\"}\nlisseners: []\nconnections: {a: {connector: b, credentials: {x: \"${env:NO}\"}}}\n", nil, "http://127.0.0.1:9"},
		"from the variable":   {"admin: {address: \"127.0.0.1:9\"}\n", []string{"SLUICE_ADMIN_ADDRESS=127.0.0.1:10"}, "http://127.0.0.1:10"},
		"no YAML":             {"admin: [\n", nil, "http://127.0.0.1:8081"},
		"any port":            {"admin: {address: \"127.0.0.1:0\"}\n", nil, "name the admin listener with --url"},
		"admin is not a door": {"admin: 7\n", nil, "http://127.0.0.1:8081"},
	} {
		r := newRig(t, c.config, teamdynamix.Options{})
		u, err := (&adminDoor{source: &source{path: r.folder, vars: c.vars}}).base()
		if got := fmt.Sprint(u, err); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// TestServe runs the command itself, with everything but the address as it ships.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	admin := freeAddress(t)
	vars := []string{"SLUICE_LISTENERS_MAIN_ADDRESS=127.0.0.1:0", "SLUICE_ADMIN_ADDRESS=" + admin}
	log := &logText{}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve"}, vars, nil, io.Discard, log) }()
	(&rig{t: t, log: log}).eventually("serving", func() bool {
		code, _, _ := command(t, vars, "health", "--ready")
		return code == exitOK
	})
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("after a stop: got exit code %d, want 0; the log:\n%s", code, log)
	}
	for _, want := range []string{"level=INFO msg=listening listener=main", "msg=serving config=\"the built-in configuration\"", "msg=stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("got no %q in the log:\n%s", want, log)
		}
	}
}
