package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/proxy"
)

// silent is a vendor that permits three calls a minute, says nothing of it, and counts whom it refuses.
type silent struct{ calls, refused atomic.Int64 }

func (s *silent) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.calls.Add(1) > 3 {
		s.refused.Add(1)
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// silentRig is a rig before a silent vendor. Callers have patience for a second.
func silentRig(t *testing.T) (*rig, *silent) {
	t.Helper()
	vendor := &silent{}
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	r := newRig(t, `
listeners: {main: {address: "127.0.0.1:0"}}
admin: {address: "127.0.0.1:0"}
connections:
  acme: {connector: silent, base_url: "`+server.URL+`", allow_networks: [127.0.0.0/8], max_hold: 1s, retry: {attempts: 1}}
`, teamdynamix.Options{})
	if err := os.Mkdir(filepath.Join(r.folder, "connectors"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.write("connectors/silent.yaml", "name: silent\nlimits: {rules: [{name: all, match: \"* /{rest...}\", limit: 3, window: 60s, starts: sliding}]}\n")
	r.data = filepath.Join(t.TempDir(), "made", "by", "sluice")
	return r, vendor
}

// again stops a rig's app and starts another one.
func (r *rig) again() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Fatalf("stop: %v", err)
	}
	r.start()
}

// TestDataSurvivesARestart: a limit that was spent is still spent for the next process, also when the last one was killed; without the
// folder it is not.
func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	r, vendor := silentRig(t)
	r.start()
	for range 3 {
		if got := r.ask("GET", r.url("main", "/acme/a"), ""); got.status != 200 {
			t.Fatalf("got %d %q, want 200", got.status, got.body)
		}
	}
	spent := func(when string) {
		t.Helper()
		got := r.ask("GET", r.url("main", "/acme/a"), "")
		if got.status != http.StatusTooManyRequests || got.header.Get("X-Sluice-Stage") != "pace" || vendor.refused.Load() != 0 {
			t.Errorf("%s: got %d from stage %q, and the vendor refused %d; want Sluice's own 429", when, got.status, got.header.Get("X-Sluice-Stage"), vendor.refused.Load())
		}
	}
	spent("before the restart")
	file := filepath.Join(r.data, paceFile)
	r.eventually("saved while it runs", func() bool { _, err := os.Stat(file); return err == nil })
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want a file for its owner alone", info, err)
	}
	killed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.again()
	spent("after a stop")
	r.data = t.TempDir()
	if err := os.WriteFile(filepath.Join(r.data, paceFile), killed, 0o600); err != nil {
		t.Fatal(err)
	}
	r.again()
	spent("after a kill")
	r.data = ""
	r.again()
	if got := r.ask("GET", r.url("main", "/acme/a"), ""); got.status != http.StatusTooManyRequests || vendor.refused.Load() != 1 {
		t.Errorf("without a folder: got %d, and the vendor refused %d; want its 429, or this test shows nothing", got.status, vendor.refused.Load())
	}
}

// TestDataDamaged: a file that cannot be read is kept aside with a word in the log, and everything works without it.
func TestDataDamaged(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"cut short": `{"version":1,"buck`, "of the future": `{"version":7}`, "no text": "\x00\x01\x02", "empty": "",
		"too large": `{"version":1,"buckets":[]}` + strings.Repeat(" ", largestPaceFile),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := silentRig(t)
			r.data = t.TempDir()
			file := filepath.Join(r.data, paceFile)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.start()
			if got := r.ask("GET", r.url("main", "/acme/a"), ""); got.status != 200 {
				t.Errorf("got %d %q, want 200", got.status, got.body)
			}
			kept, err := os.ReadFile(file + ".bad")
			if err != nil || string(kept) != text {
				t.Errorf("kept aside: got %d bytes, %v; want the file as it was", len(kept), err)
			}
			if n := strings.Count(r.log.String(), "starting without what was known"); n != 1 {
				t.Errorf("got %d warnings, want one:\n%s", n, r.log)
			}
			r.stop()
			if err := <-r.ended; err != nil {
				t.Fatal(err)
			}
			if _, err := readPace(file); err != nil {
				t.Errorf("after a stop: got %v, want a file that can be read", err)
			}
		})
	}
}

// TestDataNotWritable: a folder that cannot be written is found out at the start.
func TestDataNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	vars := []string{"SLUICE_LISTENERS_MAIN_ADDRESS=127.0.0.1:0", "SLUICE_ADMIN_ADDRESS=127.0.0.1:0"}
	for _, c := range []struct {
		vars []string
		args []string
	}{{vars, []string{"serve", "--data", file}}, {append(vars, dataVariable+"="+filepath.Join(file, "below")), []string{"serve"}}} {
		if code, _, errs := command(t, c.vars, c.args...); code != exitBlocked || !strings.Contains(errs, "the data folder cannot be made") || !strings.Contains(errs, "--data") {
			t.Errorf("sluice %v: got exit code %d and %q, want %d and what to do", c.args, code, errs, exitBlocked)
		}
	}
}

// TestDataTriesAgain: a save that fails is told once, and made up for when the folder can be written again.
func TestDataTriesAgain(t *testing.T) {
	t.Parallel()
	log := &logText{}
	folder := filepath.Join(t.TempDir(), "data")
	d, err := openData(folder, doesServe, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.unsaved = []byte(`{"version":1,"buckets":[]}`)
	none := proxy.NewUpstreams(proxy.Options{})
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		d.save(none)
	}
	if n := strings.Count(log.String(), "is not saved"); n != 1 {
		t.Errorf("got %d errors in the log, want one:\n%s", n, log)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	d.save(none)
	if _, err := readPace(filepath.Join(folder, paceFile)); err != nil || !strings.Contains(log.String(), "saved again") {
		t.Errorf("got %v, want what could not be saved before; the log:\n%s", err, log)
	}
}

// TestDataIsOptional: without a folder an app has none, and a fault before the listeners leaves none behind.
func TestDataIsOptional(t *testing.T) {
	t.Parallel()
	r, _ := silentRig(t)
	r.data = ""
	r.start()
	if r.app.data != nil {
		t.Error("got a data folder, want none")
	}
	_, err := newApp(context.Background(), options{source: source{path: filepath.Join(r.folder, "nowhere")}, data: filepath.Join(r.folder, "data"), log: io.Discard})
	if _, there := os.Stat(filepath.Join(r.folder, "data")); err == nil || !errors.Is(there, os.ErrNotExist) {
		t.Errorf("a configuration with faults: got %v and %v, want no folder made", err, there)
	}
}
