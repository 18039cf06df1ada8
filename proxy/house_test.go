package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/configs"
	"sluice/connectors"
	"sluice/proxy"
)

// house is a front with its upstreams on a free loopback port.
type house struct {
	url       string
	front     *proxy.Front
	upstreams *proxy.Upstreams
	metrics   *proxy.Metrics
	ring      *proxy.Ring
	log       *logBuffer
}

// logBuffer is a log that several goroutines write.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// load compiles a sluice.yaml with the shipped connectors and those given.
func load(t testing.TB, sluice string, more map[string]string, vars ...string) *connectors.Set {
	t.Helper()
	fsys := fstest.MapFS{"sluice.yaml": {Data: []byte(sluice)}}
	shipped, err := fs.Glob(configs.FS, "connectors/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range shipped {
		data, err := fs.ReadFile(configs.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for name, text := range more {
		fsys["connectors/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	set, faults := connectors.Load(fsys, connectors.Environment{Vars: vars})
	if err := faults.Err(); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return set
}

// shipped is the text of a connector that the binary brings.
func shipped(t testing.TB, name string) string {
	t.Helper()
	data, err := fs.ReadFile(configs.FS, "connectors/"+name+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// open builds a house of set and serves it until the test ends.
func open(t testing.TB, set *connectors.Set) *house {
	t.Helper()
	return openWith(t, set, proxy.WritePatience, func(*fasthttp.Server) {})
}

// openWith is open with a house that waits this long for a caller to read, and whose engine is made ready by adjust.
func openWith(t testing.TB, set *connectors.Set, patience time.Duration, adjust func(*fasthttp.Server)) *house {
	t.Helper()
	h := &house{metrics: proxy.NewMetrics(), ring: proxy.NewRing(100), log: &logBuffer{}}
	h.upstreams = proxy.NewUpstreams(proxy.Options{
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: h.metrics, Ring: h.ring,
	})
	if err := h.upstreams.Apply(set); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	front := proxy.NewFront(ctx, h.upstreams)
	h.front = front
	app, _ := front.App("main")
	adjust(app.Server())
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(proxy.Callers(ln, patience)) }()
	t.Cleanup(func() {
		if err := app.ShutdownWithTimeout(5 * time.Second); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	h.url = "http://" + ln.Addr().String()
	return h
}

// atVendor is a sluice.yaml with one connection tdx at a loopback vendor.
func atVendor(vendor string, more string) string {
	return fmt.Sprintf("connections:\n  tdx:\n    connector: teamdynamix\n    base_url: %s/TDWebApi\n    allow_networks: [127.0.0.0/8]\n%s", vendor, more)
}

// serve starts a vendor.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// client keeps connections and adds nothing of its own.
func client(t testing.TB) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
