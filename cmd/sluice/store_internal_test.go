package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// TestStoreIsOptional: SQLite with a data folder, and nothing without.
func TestStoreIsOptional(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.start()
	if r.app.database != nil || strings.Contains(r.ask("GET", r.adminURL("/metrics"), "").body, "sluice_store_up") {
		t.Errorf("without a folder: got a database, want none")
	}
	r.data = t.TempDir()
	r.again()
	if got := r.app.readiness(); got.Store == nil || !got.Store.Up || got.Store.Database != r.data+"/sluice.db" {
		t.Errorf("with a folder: got %+v, want its file, up", got.Store)
	}
}

// TestStoreGone: without its database Sluice stays ready and answers requests, and says what is missing.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.data = t.TempDir()
	r.start()
	r.app.database.Close()
	r.app.database.look(t.Context())
	got := r.ask("GET", r.adminURL("/readyz"), "")
	if got.status != http.StatusOK || !strings.Contains(got.body, "does not answer since") || !strings.Contains(got.body, `"up":false`) {
		t.Errorf("got %d %q, want 200 with a note", got.status, got.body)
	}
	if body := r.ask("GET", r.adminURL("/metrics"), "").body; !strings.Contains(body, "\nsluice_store_up 0\n") {
		t.Errorf("got no sluice_store_up 0 in the metrics, want it")
	}
	if got := r.ask("POST", r.url("main", "/tdx/api/auth/loginadmin"), r.credential(), "Content-Type", "application/json"); got.status != http.StatusOK {
		t.Errorf("got %d %q of a request, want 200", got.status, got.body)
	}
}

// TestStoreIsBack: what has changed is told once.
func TestStoreIsBack(t *testing.T) {
	t.Parallel()
	log := &logText{}
	folder := &dataFolder{path: t.TempDir()}
	open := func() *database {
		d, err := openStore(t.Context(), &connectors.Set{}, folder, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d, back := open(), open()
	defer back.close()
	d.Close()
	d.look(t.Context())
	d.look(t.Context())
	d.DB = back.DB
	d.look(t.Context())
	d.look(t.Context())
	if state, note := d.ready(); !state.Up || note != "" {
		t.Errorf("back: got %+v with %q, want it up", state, note)
	}
	if gone, again := strings.Count(log.String(), "does not answer"), strings.Count(log.String(), "answers again"); gone != 1 || again != 1 {
		t.Errorf("got %d words that it is gone and %d that it is back, want one each:\n%s", gone, again, log)
	}
}

// gauge keeps all that it was set to.
type gauge struct {
	prometheus.Gauge

	all []float64
}

func (g *gauge) Set(to float64) { g.all = append(g.all, to) }

// TestStoreUpIsSetOnce: between two looks nobody reads of a database that it is well which is not.
func TestStoreUpIsSetOnce(t *testing.T) {
	t.Parallel()
	d, err := openStore(t.Context(), &connectors.Set{}, &dataFolder{path: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	up, wrong := &gauge{}, errors.New("wrong")
	d.up = up
	for _, seen := range [][2]error{{nil, nil}, {nil, wrong}, {nil, wrong}, {wrong, nil}, {wrong, wrong}, {nil, wrong}, {nil, nil}} {
		d.saw(seen[0], seen[1])
	}
	if want := []float64{1, 0, 0, 0, 0, 0, 1}; !slices.Equal(up.all, want) {
		t.Errorf("got %v, want %v", up.all, want)
	}
}

// TestStoreMissing: a start needs its database, and what it says has no secret in it.
func TestStoreMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig+"database: ${env:DB}\n", teamdynamix.Options{})
	for url, want := range map[string]string{
		"postgres://sluice:hunter2@127.0.0.1:1/sluice":    "PostgreSQL at 127.0.0.1:1/sluice cannot be used",
		"postgres://sluice:hunter2@127.0.0.1:port/sluice": "must be a PostgreSQL URL",
	} {
		var out bytes.Buffer
		code := run(t.Context(), []string{"serve", "--config", r.folder}, []string{"DB=" + url}, strings.NewReader(""), &out, &out)
		if code == exitOK || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hunter2") {
			t.Errorf("got exit code %d and %q, want %q and no password", code, &out, want)
		}
	}
}

// TestStoreIsShared: two processes on one PostgreSQL spend one limit of a vendor that says nothing of it.
func TestStoreIsShared(t *testing.T) {
	t.Parallel()
	database := storetest.Postgres(t)
	first, vendor := silentRig(t)
	text := first.read("sluice.yaml") + "database: ${env:DB}\nleases: {share: 1, ttl: 1s, transit: 10ms}\n"
	first.write("sluice.yaml", strings.Replace(text, "max_hold: 1s", "max_hold: 6s", 1))
	first.write("connectors/silent.yaml", "name: silent\nlimits: {rules: [{name: all, match: \"* /{rest...}\", limit: 3, window: 600s, starts: sliding, scope: connection}]}\n")
	second := *first
	second.log = &logText{}
	first.data, second.data = "", ""
	first.start("DB=" + database.URL)
	second.start("DB=" + database.URL)
	for i, r := range []*rig{first, &second, first} {
		if got := r.ask("GET", r.url("main", "/acme/a"), ""); got.status != http.StatusOK {
			t.Fatalf("call %d: got %d %q, want 200", i+1, got.status, got.body)
		}
	}
	for name, r := range map[string]*rig{"first": first, "second": &second} {
		if got := r.ask("GET", r.url("main", "/acme/a"), ""); got.status != http.StatusTooManyRequests || got.header.Get("X-Sluice-Stage") != "pace" {
			t.Errorf("%s: got %d from stage %q, want Sluice's own 429", name, got.status, got.header.Get("X-Sluice-Stage"))
		}
		if strings.Contains(r.log.String(), database.URL) {
			t.Errorf("%s: got the database's URL in the log", name)
		}
	}
	if got := vendor.refused.Load(); got != 0 {
		t.Errorf("got %d refusals by the vendor, want none", got)
	}
}

// TestStoreTakesARestart: a reload that changes where the database is, or how limits are shared, is refused with its place.
func TestStoreTakesARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.start()
	r.write("sluice.yaml", plainConfig+"database: postgres://db.example/sluice\n")
	got := r.reload()
	for _, want := range []string{"needs a restart", `"key":"database"`, fmt.Sprintf(`"line":%d`, 1+strings.Count(plainConfig, "\n"))} {
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("another database: got %d %q, want 422 and %q", got.status, got.body, want)
		}
	}
	if strings.Contains(got.body, `"key":"leases"`) {
		t.Errorf("another database: got %q, want no word of leases, which nobody wrote", got.body)
	}
	shared := newRig(t, plainConfig+"database: ${env:DB}\n", teamdynamix.Options{})
	shared.start("DB=" + storetest.Postgres(t).URL)
	shared.write("sluice.yaml", plainConfig+"database: ${env:DB}\nleases: {share: 0.5}\n")
	if got := shared.reload(); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `"key":"leases"`) {
		t.Errorf("other leases: got %d %q, want 422 for leases", got.status, got.body)
	}
	shared.write("sluice.yaml", twoConfig+"database: ${env:DB}\n")
	if got := shared.reload(); got.status != http.StatusNoContent {
		t.Errorf("a second connection: got %d %q, want 204", got.status, got.body)
	}
}
