package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sluice/mocks/teamdynamix"
)

// spanSink is an OTLP receiver.
type spanSink struct {
	mu     sync.Mutex
	paths  []string
	tokens []string
	spans  []*tracepb.Span
	status int
}

func (s *spanSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	var got collector.ExportTraceServiceRequest
	_ = proto.Unmarshal(data, &got)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths, s.tokens = append(s.paths, r.URL.Path), append(s.tokens, r.Header.Get("X-Token"))
	for _, resource := range got.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(s.status)
	if s.status != http.StatusOK {
		_, _ = io.WriteString(w, "refused: "+r.Header.Get("X-Token"))
	}
}

const tracedConfig = plainConfig + `tracing: {endpoint: "SINK", ratio: RATIO, headers: {X-Token: "${env:PLANTED_TOKEN}"}}` + "\n"

const (
	parentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentSpan  = "00f067aa0ba902b7"
)

// traced runs an app that sends spans to a sink, makes two requests (one with a sampled parent) and stops it.
func traced(t *testing.T, status int, ratio string) (*spanSink, *rig) {
	t.Helper()
	sink := &spanSink{status: status}
	server := httptest.NewServer(sink)
	t.Cleanup(server.Close)
	r := newRig(t, strings.NewReplacer("SINK", server.URL, "RATIO", ratio).Replace(tracedConfig), teamdynamix.Options{}).start("PLANTED_TOKEN=planted-span-token")
	url := r.url("main", "/tdx/api/accounts")
	r.ask("GET", url, "")
	r.ask("GET", url, "", "Traceparent", "00-"+parentTrace+"-"+parentSpan+"-01")
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	return sink, r
}

func TestTracingSendsSpans(t *testing.T) {
	t.Parallel()
	sink, r := traced(t, http.StatusOK, "1")
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if len(sink.spans) != 2 || sink.paths[0] != "/v1/traces" || sink.tokens[0] != "planted-span-token" {
		t.Fatalf("got %d spans at %q with token %q, want 2 at /v1/traces with the configured header", len(sink.spans), sink.paths, sink.tokens)
	}
	child := sink.spans[1]
	if got := hex.EncodeToString(child.GetTraceId()) + " " + hex.EncodeToString(child.GetParentSpanId()); got != parentTrace+" "+parentSpan {
		t.Errorf("trace and parent: got %s, want the caller's", got)
	}
	attributes := map[string]string{}
	for _, a := range child.GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	for name, want := range map[string]string{"http.request.method": "GET", "http.route": "GET /api/accounts", "sluice.connection": "tdx", "sluice.answered": "wire"} {
		if got := attributes[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if strings.Contains(r.log.String(), "planted-span-token") {
		t.Errorf("got the token of the tracing endpoint in the log:\n%s", r.log)
	}
}

// TestTracingRatio: of requests without a parent none are traced, a caller's own decision stands.
func TestTracingRatio(t *testing.T) {
	t.Parallel()
	sink, _ := traced(t, http.StatusOK, "0")
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if len(sink.spans) != 1 || hex.EncodeToString(sink.spans[0].GetTraceId()) != parentTrace {
		t.Errorf("got %d spans %v, want that of the sampled caller alone", len(sink.spans), sink.spans)
	}
}

func TestTracingEndpointRefuses(t *testing.T) {
	t.Parallel()
	_, r := traced(t, http.StatusForbidden, "1")
	if text := r.log.String(); !strings.Contains(text, "spans lost") || strings.Contains(text, "planted-span-token") {
		t.Errorf("got %s\nwant word of the lost spans, and no token though the endpoint repeats it", text)
	}
}

// TestTracingTellsTheVendorNothing: without a parent of the caller's, the vendor gets no trace header.
func TestTracingTellsTheVendorNothing(t *testing.T) {
	t.Parallel()
	sink := httptest.NewServer(&spanSink{status: http.StatusOK})
	t.Cleanup(sink.Close)
	var seen sync.Map
	vendor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store("traceparent", r.Header.Get("Traceparent")) }))
	t.Cleanup(vendor.Close)
	config := strings.NewReplacer("SINK", sink.URL, "RATIO", "1", "VENDOR", vendor.URL).Replace(tracedConfig)
	r := newRig(t, config, teamdynamix.Options{}).start("PLANTED_TOKEN=planted-span-token")
	r.ask("GET", r.url("main", "/tdx/api/accounts"), "")
	if got, ok := seen.Load("traceparent"); !ok || got != "" {
		t.Errorf("traceparent at the vendor: got %q, want none", got)
	}
}

func TestTraceURL(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318":       "http://127.0.0.1:4318/v1/traces",
		"https://o.example/otlp/":     "https://o.example/otlp/v1/traces",
		"https://o.example/v1/traces": "https://o.example/v1/traces",
	} {
		if got, err := traceURL(endpoint); got != want || err != nil {
			t.Errorf("traceURL(%s): got %s, %v; want %s", endpoint, got, err, want)
		}
	}
}
