package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// held starts an app with a request that waits for its place, and returns where the answer will come.
func held(t *testing.T, window, shutdown string) (*rig, chan answer) {
	t.Helper()
	config := strings.Replace(plainConfig, "  tdx: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}\n",
		"  tdx:\n    connector: teamdynamix\n    base_url: VENDOR\n    allow_networks: [127.0.0.0/8]\n    max_hold: 20s\n"+
			`    limits: {"GET /api/accounts": {limit: 1, window: `+window+"}}\n", 1)
	r := newRig(t, config+"limits: {shutdown: "+shutdown+"}\n", teamdynamix.Options{Rates: map[string]teamdynamix.Rate{"GET /api/accounts": {}}}).start()
	token := r.signIn()
	url := r.url("main", "/tdx/api/accounts")
	if got := r.ask("GET", url, "", "Authorization", "Bearer "+token); got.status != 200 {
		t.Fatalf("the first request: got %d %q, want 200", got.status, got.body)
	}
	answers := make(chan answer, 1)
	go func() {
		got, err := ask(r.client, "GET", url, "", "Authorization", "Bearer "+token)
		if err != nil {
			got.body = err.Error()
		}
		answers <- got
	}()
	r.eventually("a held request", func() bool {
		return strings.Contains(r.ask("GET", r.adminURL("/metrics"), "").body, `sluice_budget_waiting{bucket="GET /api/accounts",connection="tdx",lane="bulk"} 1`)
	})
	return r, answers
}

func TestStopLetsHeldRequestsFinish(t *testing.T) {
	t.Parallel()
	r, answers := held(t, "3s", "20s")
	address := r.app.Address("main")
	r.stop()
	r.eventually("nothing new is accepted", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if got := r.ask("GET", r.adminURL("/readyz"), ""); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "sluice is stopping") {
		t.Errorf("readyz during the stop: got %d %s, want 503 and why", got.status, got.body)
	}
	if got := r.ask("GET", r.adminURL("/healthz"), ""); got.status != 200 {
		t.Errorf("healthz during the stop: got %d, want 200", got.status)
	}
	if got := <-answers; got.status != 200 || got.header.Get("X-Sluice-Held-Ms") == "0" {
		t.Errorf("the held request: got %d %q held %s ms, want 200 after a hold", got.status, got.body, got.header.Get("X-Sluice-Held-Ms"))
	}
	if err := <-r.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestStopCutsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	r, answers := held(t, "15s", "200ms")
	start := time.Now()
	r.stop()
	if got := <-answers; got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"stopping"`) {
		t.Errorf("the held request: got %d %q, want 503 stopping", got.status, got.body)
	}
	if err := <-r.ended; !errors.Is(err, errCut) {
		t.Errorf("Run: got %v, want %v", err, errCut)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the stop took %s, want little more than limits.shutdown", took)
	}
}

// TestStopWaitsForDeliveries: what a receiver has in hand is kept, and callers are sent elsewhere meanwhile.
func TestStopWaitsForDeliveries(t *testing.T) {
	t.Parallel()
	asked, enough := make(chan bool), make(chan bool)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- true
		<-enough
	}))
	t.Cleanup(sink.Close)
	free := sync.OnceFunc(func() { close(enough) })
	t.Cleanup(free)
	r := newRig(t, plainConfig+"triggers: {allow_networks: [127.0.0.0/8]}\n", teamdynamix.Options{})
	r.data = storetest.SQLite(t).Dir
	d := &desk{t: t, args: []string{"--config", r.folder, "--data", r.data}}
	d.create(`{"name":"slow","triggerId":"idn:identity-deleted","type":"HTTP","httpConfig":{"url":"` + sink.URL + `"}}`)
	d.do(deletedOf("Ann"), exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", "ann")
	r.start()
	<-asked
	r.stop()
	r.eventually("callers to be sent elsewhere", func() bool {
		got := r.ask("GET", r.adminURL("/readyz"), "")
		return got.status == http.StatusServiceUnavailable && strings.Contains(got.body, "sluice is stopping")
	})
	select {
	case err := <-r.ended:
		t.Fatalf("Run: got %v before the receiver has answered", err)
	default:
	}
	if got := r.ask("POST", r.url("main", "/beta/trigger-invocations/nobody/complete"), `{"secret":"x","output":{}}`); got.status != http.StatusBadRequest {
		t.Errorf("a receiver that completes: got %d %s, want an answer", got.status, got.body)
	}
	free()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	var all []shownInvocation
	if d.read(&all, "invocations", "list", "--state", "done"); len(all) != 1 || all[0].Attempts != 1 {
		t.Errorf("got %+v done, want the event, after one attempt", all)
	}
}

// TestStopUnderLoad: whoever got a connection gets an answer; those who come later are refused one.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	unlimited := strings.Replace(plainConfig, "127.0.0.0/8]", `127.0.0.0/8], limits: {"GET /api/accounts": {off: true}}`, 1)
	r := newRig(t, unlimited, teamdynamix.Options{Latency: 5 * time.Millisecond, Rates: map[string]teamdynamix.Rate{"GET /api/accounts": {}}}).start()
	token := r.signIn()
	url := r.url("main", "/tdx/api/accounts")
	var answered atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			transport := &http.Transport{DisableKeepAlives: true}
			client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
			for {
				got, err := ask(client, "GET", url, "", "Authorization", "Bearer "+token)
				if of := (*net.OpError)(nil); errors.As(err, &of) && of.Op == "dial" && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)) {
					return // a door that closes in the midst of a handshake resets it
				}
				if err != nil || got.status != 200 {
					t.Errorf("during the stop: got %d %q %v, want 200", got.status, got.body, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	r.eventually("load", func() bool { return answered.Load() > 100 || t.Failed() })
	r.stop()
	callers.Wait()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestStopClosesIdleConnections(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	r.signIn() // the client keeps its connection
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if err := r.app.Reload(t.Context(), "test"); !errors.Is(err, errClosing) {
		t.Errorf("a reload after the stop: got %v, want %v", err, errClosing)
	}
}

func TestCloseWithoutRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	app, err := newApp(t.Context(), options{source: source{path: r.folder}})
	if err != nil {
		t.Fatal(err)
	}
	address := app.Address("main")
	for range 2 {
		if err := app.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("got %s still open, want it closed", address)
	}
}
