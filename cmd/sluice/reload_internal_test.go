package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// twoConfig is plainConfig with a second connection, by which a test sees that it is in force.
const twoConfig = plainConfig + "  second: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}\n"

// hasSecond tells whether the second connection is in force.
func (r *rig) hasSecond() bool {
	return r.ask("GET", r.url("main", "/second/api/accounts"), "").status != http.StatusNotFound
}

func (r *rig) reload() answer { return r.ask("POST", r.adminURL("/-/reload"), "") }

func TestReloadOnFileChange(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	if r.hasSecond() {
		t.Fatal("got the second connection before it was configured")
	}
	r.eventually("watching", func() bool { r.write("sluice.yaml", twoConfig); return r.hasSecond() })
	if got := r.ask("POST", r.url("main", "/second/api/auth/loginadmin"), r.credential(), "Content-Type", "application/json"); got.status != 200 {
		t.Errorf("the new connection: got %d %q, want 200", got.status, got.body)
	}
}

func TestReloadOnNewConnectorFile(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	if err := os.Mkdir(filepath.Join(r.folder, "connectors"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.eventually("the new connector", func() bool {
		r.write("connectors/acme.yaml", "name: acme\nbase_url: https://acme.invalid\n")
		return r.app.upstreams.Set().Connectors["acme"] != nil
	})
}

// TestReloadOnConfigMap: Kubernetes swaps a symbolic link two steps above the file, and the file itself never changes.
func TestReloadOnConfigMap(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	mount := t.TempDir()
	version := func(name, config string) {
		t.Helper()
		dir := filepath.Join(mount, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "sluice.yaml"), []byte(strings.ReplaceAll(config, "VENDOR", r.base)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name, filepath.Join(mount, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..v0", plainConfig)
	if err := os.Symlink(filepath.Join("..data", "sluice.yaml"), filepath.Join(mount, "sluice.yaml")); err != nil {
		t.Fatal(err)
	}
	r.folder = filepath.Join(mount, "sluice.yaml")
	r.start()
	n := 0
	r.eventually("the swapped configuration", func() bool {
		n++
		version(fmt.Sprintf("..v%d", n), twoConfig)
		return r.hasSecond()
	})
}

func TestReloadOnSecretFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
listeners: {main: {address: "127.0.0.1:0"}}
admin: {address: "127.0.0.1:0"}
connections:
  tdx:
    connector: teamdynamix
    base_url: VENDOR
    allow_networks: [127.0.0.0/8]
    auth: managed
    credentials: {beid: "${file:beid}", web_services_key: "${file:key}"}
`, teamdynamix.Options{})
	r.write("beid", r.vendor.Options().BEID)
	r.write("key", "not the key")
	r.start()
	accounts := r.url("main", "/tdx/api/accounts")
	if got := r.ask("GET", accounts, ""); got.status == 200 {
		t.Fatalf("with a wrong key: got %d, want a refusal", got.status)
	}
	before := r.app.upstreams.Set().Revision
	r.eventually("the new key", func() bool {
		r.write("key", r.vendor.Options().WebServicesKey)
		return r.app.upstreams.Set().Revision != before
	})
	if got := r.ask("GET", accounts, ""); got.status != 200 {
		t.Errorf("with the right key: got %d %q, want 200", got.status, got.body)
	}
}

func TestReloadOnHangup(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	signals := make(chan os.Signal)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go r.app.reloadOn(ctx, signals)
	r.write("sluice.yaml", twoConfig)
	signals <- syscall.SIGHUP
	r.eventually("the second connection", r.hasSecond)
}

func TestReloadByRequest(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Errorf("nothing changed: got %d %q, want 204", got.status, got.body)
	}
	r.write("sluice.yaml", plainConfig+"  broken: {connector: nobody}\nviews: {x: {like: y}}\n")
	got := r.reload()
	var refused struct{ Faults []faultJSON }
	if err := json.Unmarshal([]byte(got.body), &refused); got.status != http.StatusUnprocessableEntity || err != nil || len(refused.Faults) < 2 {
		t.Fatalf("a faulty configuration: got %d %q, want 422 with all its faults", got.status, got.body)
	}
	if f := refused.Faults[0]; !strings.HasSuffix(f.File, "sluice.yaml") || f.Line != 7 || f.Column == 0 || f.Key != "connections.broken.connector" || f.Message == "" {
		t.Errorf("got first fault %+v, want file, line 7, column and key", f)
	}
	r.signIn() // the old configuration runs on
	ready := r.ask("GET", r.adminURL("/readyz"), "")
	if ready.status != 200 || !strings.Contains(ready.body, `"refusedSince":"2`) || !strings.Contains(ready.body, `nobody`) {
		t.Errorf("readyz after a refusal: got %d %s, want 200 and why", ready.status, ready.body)
	}
	if metrics := r.ask("GET", r.adminURL("/metrics"), "").body; !strings.Contains(metrics, "sluice_config_last_reload_successful 0") {
		t.Error("metrics after a refusal: got no sluice_config_last_reload_successful 0")
	}
	if text := r.log.String(); !strings.Contains(text, "configuration refused") || !strings.Contains(text, "connections.broken.connector") {
		t.Errorf("log after a refusal: got no word of it:\n%s", text)
	}
	r.write("sluice.yaml", plainConfig)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Errorf("mended: got %d %q, want 204", got.status, got.body)
	}
	if ready := r.ask("GET", r.adminURL("/readyz"), ""); strings.Contains(ready.body, "refused") {
		t.Errorf("readyz once mended: got %s, want no refusal", ready.body)
	}
}

func TestReloadListeners(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	before := r.app.Address("main")
	free := freeAddress(t)
	more := strings.Replace(plainConfig, "listeners: {", fmt.Sprintf("listeners: {more: {address: %q}, ", free), 1)

	r.write("sluice.yaml", more)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("one more listener: got %d %q, want 204", got.status, got.body)
	}
	if got := r.app.Address("main"); got != before {
		t.Errorf("the listener that stays: got moved from %s to %s", before, got)
	}
	if got := r.ask("GET", "http://"+free+"/nobody", ""); got.status != 404 || got.header.Get("X-Sluice-Stage") != "front" {
		t.Errorf("the new listener: got %d %q, want Sluice's 404", got.status, got.body)
	}

	renamed := strings.Replace(more, "more: {", "other: {", 1)
	r.write("sluice.yaml", renamed)
	if got := r.reload(); got.status != http.StatusNoContent || r.app.Address("other") != free || r.app.Address("more") != "" {
		t.Errorf("the same address under another name: got %d %q, other at %q, more at %q", got.status, got.body, r.app.Address("other"), r.app.Address("more"))
	}

	r.write("sluice.yaml", plainConfig)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("one listener less: got %d %q, want 204", got.status, got.body)
	}
	r.eventually("the removed listener is closed", func() bool {
		conn, err := net.Dial("tcp", free)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

func TestReloadRefusesTakenAddress(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	r := startRig(t, plainConfig)
	free := freeAddress(t)
	listeners := fmt.Sprintf("listeners: {blocked: {address: %q}, free: {address: %q}, ", taken.Addr(), free)
	r.write("sluice.yaml", strings.Replace(twoConfig, "listeners: {", listeners, 1))
	got := r.reload()
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "listener blocked: listen on "+taken.Addr().String()) {
		t.Errorf("got %d %q, want 422 that names the address", got.status, got.body)
	}
	if r.hasSecond() {
		t.Error("got the connections of a configuration that was refused")
	}
	if conn, err := net.Dial("tcp", free); err == nil {
		_ = conn.Close()
		t.Errorf("got %s open, want what was bound for a refused configuration given back", free)
	}
}

// TestReloadFollows: what needs no restart.
func TestReloadFollows(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	r.signIn()
	r.signIn()
	r.write("sluice.yaml", strings.NewReplacer("level: debug", "level: info, format: json", `admin: {address: "127.0.0.1:0"}`, `admin: {address: "127.0.0.1:0", ring: 1}`).
		Replace(plainConfig)+"limits: {request_body: 1KiB}\n")
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("got %d %q, want 204", got.status, got.body)
	}
	if got := len(r.app.ring.Last()); got != 1 {
		t.Errorf("ring: got %d requests kept, want 1", got)
	}
	r.eventually("a line of JSON", func() bool { return strings.Contains(r.log.String(), `"msg":"configuration applied"`) })
	got := r.ask("POST", r.url("main", "/tdx/api/people/search"), strings.Repeat("x", 4<<10))
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body longer than the new bound: got %d %q, want 413", got.status, got.body)
	}
}

// TestReloadDropsNothing reloads again and again, listeners' engines included, under requests over kept and over new connections.
func TestReloadDropsNothing(t *testing.T) {
	t.Parallel()
	unlimited := strings.Replace(plainConfig, "level: debug", "level: warn", 1)
	unlimited = strings.Replace(unlimited, "127.0.0.0/8]", `127.0.0.0/8], limits: {"GET /api/accounts": {off: true}}`, 1)
	r := newRig(t, unlimited, teamdynamix.Options{People: 5, Rates: map[string]teamdynamix.Rate{"GET /api/accounts": {}}}).start()
	token := r.signIn()
	url := r.url("main", "/tdx/api/accounts")
	done := make(chan struct{})
	var sent atomic.Int64
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := ask(client, "GET", url, "", "Authorization", "Bearer "+token)
				if err != nil || got.status != 200 {
					t.Errorf("during a reload: got %d %q %v, want 200", got.status, got.body, err)
					return
				}
				sent.Add(1)
			}
		})
	}
	for range 4 { // callers on kept connections who never ask twice
		callers.Go(func() {
			if err := askOnKept(strings.TrimPrefix(url, "http://"), token, done, &sent); err != nil {
				t.Errorf("on a kept connection during a reload: %v", err)
			}
		})
	}
	for i := range 20 {
		before := sent.Load()
		r.write("sluice.yaml", unlimited+fmt.Sprintf("limits: {header: %dKiB}\n", 16+i%2))
		if err := r.app.Reload(t.Context(), "test"); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		r.eventually("requests between reloads", func() bool { return sent.Load() > before+10 || t.Failed() })
	}
	close(done)
	callers.Wait()
}

// askOnKept asks again and again on one connection until the answer says that it was the last one there.
func askOnKept(target, token string, done <-chan struct{}, sent *atomic.Int64) error {
	host, path, _ := strings.Cut(target, "/")
	for {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		for reader, last := bufio.NewReader(conn), false; !last; sent.Add(1) {
			select {
			case <-done:
				return conn.Close()
			default:
			}
			if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, token); err != nil {
				return err
			}
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
				return fmt.Errorf("answer %d: %w", resp.StatusCode, err)
			}
			last = resp.Close
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestLinks(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, target := range map[string]string{"now": "v1", "circle": "round", "round": "circle"} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("v1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.yaml", at("v1/a.yaml")); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(links(at("now/a.yaml")), "\n")
	for _, want := range []string{at("now/a.yaml"), at("now"), at("v1/a.yaml"), at("v1/real.yaml")} {
		if !strings.Contains(got+"\n", want+"\n") {
			t.Errorf("links of now/a.yaml: got\n%s\nwant %s among them", got, want)
		}
	}
	if got := len(links(at("circle"))); got < 2 || got > deepest+2 {
		t.Errorf("links of a circle: got %d, want an end", got)
	}
}

func TestAdminWarnsOfOpenDoor(t *testing.T) {
	t.Parallel()
	_, hash := connectors.NewKey()
	r := newRig(t, strings.Replace(plainConfig, `admin: {address: "127.0.0.1:0"}`, `admin: {address: ":0"}`, 1)+
		fmt.Sprintf("consumers: {iga: {keys: [%q]}}\n", hash), teamdynamix.Options{}).start()
	if !strings.Contains(r.log.String(), "asks for no key") {
		t.Errorf("got no warning of an admin listener on all addresses:\n%s", r.log)
	}
}

// TestCallbacksThatLeadNowhereAreWarnedOf: an address on all interfaces is none that a receiver could be told.
func TestCallbacksThatLeadNowhereAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, hash := connectors.NewKey()
	keys := fmt.Sprintf("consumers: {iga: {keys: [%q]}}\n", hash)
	for name, c := range map[string]struct {
		address, more, want string
	}{
		"all of IPv4":      {"0.0.0.0:0", keys, "begin=http://[::]:"}, // Go listens on both
		"all of IPv6":      {"[::]:0", keys, "begin=http://[::]:"},
		"one address":      {"127.0.0.1:0", "", ""},
		"with an URL":      {"[::]:0", keys + "triggers: {url: \"https://sluice.example\"}\n", ""},
		"by another name":  {"", keys, "begin=http://"},
		"without database": {"[::]:0", keys, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := strings.Replace(plainConfig, `{main: {address: "127.0.0.1:0"}}`, `{main: {address: "`+c.address+`"}}`, 1)
			if c.address == "" {
				config = strings.Replace(plainConfig, `{main: {`, `{other: {`, 1)
			}
			r := newRig(t, config+c.more, teamdynamix.Options{})
			if name != "without database" {
				r.data = storetest.SQLite(t).Dir
			}
			r.start()
			log := r.log.String()
			if warned := strings.Contains(log, "callback URLs that receivers are given lead nowhere"); warned != (c.want != "") || !strings.Contains(log, strings.TrimPrefix(c.want, "begin=")) {
				t.Errorf("got\n%s\nwant a warning: %t, with %s", log, c.want != "", c.want)
			}
		})
	}
}
