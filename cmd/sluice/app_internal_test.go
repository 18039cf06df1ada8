package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// rig is the real app on free ports, with a folder of configuration and a played vendor.
type rig struct {
	t      *testing.T
	app    *App
	vendor *teamdynamix.Vendor
	base   string // the vendor's
	folder string
	data   string // for what must survive a restart; "" = nothing does
	log    *logText
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

// logText is a log that several goroutines write and a test reads.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// plainConfig is what most tests run: VENDOR stands for the played vendor's base URL.
const plainConfig = `
listeners: {main: {address: "127.0.0.1:0"}}
admin: {address: "127.0.0.1:0"}
logging: {level: debug}
connections:
  tdx: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}
`

// newRig writes a folder of configuration and plays the vendor; nothing runs yet.
func newRig(t *testing.T, config string, vendor teamdynamix.Options) *rig {
	t.Helper()
	r := &rig{t: t, folder: t.TempDir(), log: &logText{}, vendor: teamdynamix.New(vendor)}
	server := httptest.NewServer(r.vendor)
	t.Cleanup(server.Close)
	r.base = server.URL + teamdynamix.Production
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	r.write("sluice.yaml", config)
	return r
}

// write replaces a file of the folder as an editor does: another file takes its name.
func (r *rig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.folder, name)
	if err := os.WriteFile(path+".new", []byte(strings.ReplaceAll(text, "VENDOR", r.base)), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
}

// read returns a file of the folder.
func (r *rig) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.folder, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// start runs the app until the test ends.
func (r *rig) start(vars ...string) *rig {
	r.t.Helper()
	app, err := newApp(r.t.Context(), options{source: source{path: r.folder, vars: vars}, data: r.data, log: r.log})
	if err != nil {
		r.t.Fatalf("newApp: got %v, want a running app", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.app, r.stop, r.ended = app, cancel, make(chan error, 1)
	go func() { r.ended <- app.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := app.Close(); err != nil {
			r.t.Errorf("Close: %v", err)
		}
	})
	r.eventually("serving", func() bool { return app.phase.Load() == phaseServing })
	return r
}

// startRig is newRig and start.
func startRig(t *testing.T, config string) *rig {
	t.Helper()
	return newRig(t, config, teamdynamix.Options{Seed: 3, People: 40}).start()
}

// eventually waits until something outside virtual time, such as a file event, has had its effect.
func (r *rig) eventually(what string, done func() bool) {
	r.t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit:
			text := r.log.String()
			r.t.Fatalf("%s: not so after 20 s; the log ends in\n%s", what, text[max(0, len(text)-2000):])
		case <-tick.C:
		}
	}
}

// answer is an answer with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; head is pairs of name and value.
func (r *rig) ask(method, url, body string, head ...string) answer {
	r.t.Helper()
	got, err := ask(r.client, method, url, body, head...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, url, err)
	}
	return got
}

func ask(client *http.Client, method, url, body string, head ...string) (answer, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(head); i += 2 {
		if head[i] == "Host" {
			req.Host = head[i+1]
			continue
		}
		req.Header.Set(head[i], head[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data)}, err
}

// url is a path at a listener.
func (r *rig) url(listener, path string) string {
	return "http://" + r.app.Address(listener) + path
}

func (r *rig) adminURL(path string) string { return "http://" + r.app.AdminAddress() + path }

// credential is what signs in at the vendor.
func (r *rig) credential() string {
	o := r.vendor.Options()
	return fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, o.BEID, o.WebServicesKey)
}

// signIn gets a token through Sluice.
func (r *rig) signIn() (token string) {
	r.t.Helper()
	got := r.ask("POST", r.url("main", "/tdx/api/auth/loginadmin"), r.credential(), "Content-Type", "application/json")
	var shown struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &shown); got.status != 200 || err != nil || shown.Token == "" {
		r.t.Fatalf("sign-in: got %d %q, want a token as JSON", got.status, got.body)
	}
	return shown.Token
}

// person is the path of one person at the vendor.
func (r *rig) person(token string) string {
	r.t.Helper()
	got := r.ask("POST", r.base+"/api/people/search", `{"MaxResults":1}`, "Authorization", "Bearer "+token, "Content-Type", "application/json")
	var found []struct{ UID string }
	if err := json.Unmarshal([]byte(got.body), &found); err != nil || len(found) != 1 {
		r.t.Fatalf("search: got %d %q, want one person", got.status, got.body)
	}
	return "/api/people/" + found[0].UID
}

func TestAppSignInIsJSON(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	got := r.ask("POST", r.url("main", "/tdx/api/auth/loginadmin"), r.credential(), "Content-Type", "application/json")
	var shown struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatalf("got %d %q, want JSON: %v", got.status, got.body, err)
	}
	if strings.Count(shown.AccessToken, ".") != 2 || shown.TokenType != "Bearer" || shown.ExpiresIn < 86000 || shown.ExpiresIn > 86400 {
		t.Errorf("got %+v, want a JWT, Bearer, about 86400", shown)
	}
}

func TestAppPersonResetIsUnix(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	token := r.signIn()
	got := r.ask("GET", r.url("main", "/tdx"+r.person(token)), "", "Authorization", "Bearer "+token)
	reset, err := strconv.ParseInt(got.header.Get("X-RateLimit-Reset"), 10, 64)
	if got.status != 200 || err != nil {
		t.Fatalf("got %d with reset %q, want 200 with Unix seconds", got.status, got.header.Get("X-RateLimit-Reset"))
	}
	if left := reset - time.Now().Unix(); left < 50 || left > 61 {
		t.Errorf("got a reset in %d s, want the rest of a minute", left)
	}
}

func TestAppListenerOfConnection(t *testing.T) {
	t.Parallel()
	r := startRig(t, `
listeners: {main: {address: "127.0.0.1:0"}, own: {address: "127.0.0.1:0"}}
admin: {off: true}
connections:
  tdx: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}
  solo: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8], listener: own}
`)
	if got := r.ask("POST", r.url("own", "/api/auth/loginadmin"), r.credential(), "Content-Type", "application/json"); got.status != 200 {
		t.Errorf("at its own listener: got %d %q, want 200", got.status, got.body)
	}
	if got := r.ask("GET", r.url("main", "/solo/api/accounts"), ""); got.status != 404 {
		t.Errorf("at the shared listener: got %d, want 404", got.status)
	}
	if got := r.app.AdminAddress(); got != "" {
		t.Errorf("admin address: got %q, want none", got)
	}
	if got := r.app.Address("nobody"); got != "" {
		t.Errorf("address of an unknown listener: got %q, want none", got)
	}
}

func TestAppConsumers(t *testing.T) {
	t.Parallel()
	key, hash := connectors.NewKey()
	reader, readerHash := connectors.NewKey()
	r := startRig(t, fmt.Sprintf(`%s
consumers:
  iga: {keys: [%q], view: raw}
  reader: {keys: [%q], methods: [GET], connections: [tdx]}
`, plainConfig, hash, readerHash))
	url := r.url("main", "/tdx/api/auth/loginadmin")
	for name, c := range map[string]struct {
		head   []string
		status int
		body   string
	}{
		"no key":       {nil, 401, "key_required"},
		"wrong key":    {[]string{"X-Sluice-Key", "slk_wrong"}, 401, "unknown_key"},
		"not a method": {[]string{"X-Sluice-Key", reader}, 403, "method_refused"},
		"a key":        {[]string{"X-Sluice-Key", key, "Content-Type", "application/json"}, 200, "eyJ"},
	} {
		got := r.ask("POST", url, r.credential(), c.head...)
		if got.status != c.status || !strings.Contains(got.body, c.body) {
			t.Errorf("%s: got %d %q, want %d with %s", name, got.status, got.body, c.status, c.body)
		}
	}
}

func TestAppRefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, c := range map[string]struct {
		config string
		code   int
		want   string
	}{
		"open door":     {strings.Replace(plainConfig, "main: {address: \"127.0.0.1:0\"}", "main: {address: \"0.0.0.0:0\"}", 1), exitUsage, "no consumer is configured"},
		"fault":         {plainConfig + "lisseners: {}\n", exitUsage, "sluice.yaml:7:1: lisseners"},
		"address taken": {strings.Replace(plainConfig, "main: {address: \"127.0.0.1:0\"}", fmt.Sprintf("main: {address: %q}", taken.Addr()), 1), exitBlocked, "listener main: listen on " + taken.Addr().String()},
	} {
		r := newRig(t, c.config, teamdynamix.Options{})
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"serve", "--config", r.folder}, nil, strings.NewReader(""), &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: got exit code %d and %q, want %d and %q", name, code, &stderr, c.code, c.want)
		}
	}
}
