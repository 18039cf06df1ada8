package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"sluice/connectors"
	"sluice/proxy"
)

// tracing is proxy.Tracer over OTLP/HTTP. Its endpoint follows a reload. A span's parent is the caller's traceparent; Sluice adds
// no header of its own to what the vendor gets.
type tracing struct {
	log  *slog.Logger
	live atomic.Pointer[exporting]

	mu       sync.Mutex
	settings connectors.Tracing
}

// exporting is a way to one endpoint.
type exporting struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

var _ proxy.Tracer = (*tracing)(nil)

// set takes up an endpoint, or none. The spans of the one before are sent in the background.
func (t *tracing) set(c connectors.Tracing) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live.Load() != nil && sameTracing(c, t.settings) {
		return nil
	}
	var next *exporting
	if c.Endpoint != "" {
		made, err := newExporting(c, t.log)
		if err != nil {
			return fmt.Errorf("tracing.endpoint: %w", err)
		}
		next = made
	}
	t.settings = c
	if before := t.live.Swap(next); before != nil {
		go before.close(context.Background(), t.log)
	}
	return nil
}

func sameTracing(a, b connectors.Tracing) bool {
	return a.Endpoint == b.Endpoint && a.Ratio == b.Ratio && maps.Equal(a.Headers, b.Headers)
}

func newExporting(c connectors.Tracing, log *slog.Logger) (*exporting, error) {
	endpoint, err := traceURL(c.Endpoint)
	if err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(c.Headers))
	for name, value := range c.Headers {
		headers[name] = value.Reveal()
	}
	out, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&loggedExporter{SpanExporter: out, log: log, secrets: headers}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "sluice"), attribute.String("service.version", buildOf().Version))),
	)
	return &exporting{provider: provider, tracer: provider.Tracer("sluice/proxy")}, nil
}

// traceURL is where spans go below an OTLP endpoint.
func traceURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1", "traces")
	}
	return u.String(), nil
}

// loggedExporter keeps what goes wrong with exports in our log, where the library would use one of its own. An endpoint's answer
// may repeat what it was sent, so the secrets of the headers are blanked.
type loggedExporter struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	secrets map[string]string
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *loggedExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range e.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	e.log.Warn("spans lost: the tracing endpoint did not take them", "spans", len(spans), "error", text)
	return nil
}

// Start implements proxy.Tracer. Without an endpoint it costs nothing.
func (t *tracing) Start(r *http.Request, c *proxy.Call) (*http.Request, func(int, error)) {
	live := t.live.Load()
	if live == nil {
		return r, nil
	}
	parent := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	_, span := live.tracer.Start(parent, r.Method+" "+c.Connection.Name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(c.Arrived))
	if !span.IsRecording() {
		return r, nil
	}
	return r, func(status int, err error) {
		span.SetAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("http.route", c.Route.Name),
			attribute.Int("http.response.status_code", status), attribute.String("sluice.request_id", c.ID),
			attribute.String("sluice.connection", c.Connection.Name), attribute.String("sluice.consumer", c.Consumer.Name),
			attribute.String("sluice.view", c.View.Name), attribute.String("sluice.answered", c.Answered),
			attribute.Float64("sluice.held_ms", float64(c.Held)/float64(time.Millisecond)), attribute.Int("sluice.attempts", c.Attempts))
		if err != nil || status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// close sends what is left, until ctx ends.
func (t *tracing) close(ctx context.Context) {
	if live := t.live.Swap(nil); live != nil {
		live.close(ctx, t.log)
	}
}

func (e *exporting) close(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := e.provider.Shutdown(ctx); err != nil {
		log.Warn("the last spans were not sent in time", "error", err)
	}
}
