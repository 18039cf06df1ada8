package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler is the operator's door. It asks for no key, so it belongs on loopback; what shows requests or changes something also
// refuses callers that came by a host name that is not its own, because a web page could have made one point here.
func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, "alive") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", a.metricsHandler())
	mux.Handle("POST /-/reload", a.guarded(a.reloadPage))
	mux.Handle("GET /admin/limits", a.guarded(a.limitsPage))
	mux.Handle("GET /debug/requests", a.guarded(a.requestsPage))
	mux.Handle("GET /debug/pprof/", a.guarded(a.profiling(pprof.Index)))
	mux.Handle("GET /debug/pprof/cmdline", a.guarded(a.profiling(pprof.Cmdline)))
	mux.Handle("GET /debug/pprof/profile", a.guarded(a.profiling(pprof.Profile)))
	mux.Handle("GET /debug/pprof/symbol", a.guarded(a.profiling(pprof.Symbol)))
	mux.Handle("POST /debug/pprof/symbol", a.guarded(a.profiling(pprof.Symbol)))
	mux.Handle("GET /debug/pprof/trace", a.guarded(a.profiling(pprof.Trace)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// guarded keeps web pages out: those of another origin, and those whose host name was made to point here.
func (a *App) guarded(next http.HandlerFunc) http.Handler {
	var origins http.CrossOriginProtection
	return origins.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, _, _ := net.SplitHostPort(a.upstreams.Set().Admin.Address) // an address that could not be split was never bound
		if !ownHost(r.Host, own) {
			http.Error(w, "the Host header names another host: ask by the IP address, by localhost, or by the host of admin.address", http.StatusMisdirectedRequest)
			return
		}
		next(w, r)
	}))
}

// ownHost tells whether a Host header can only mean us: an address, localhost, or the name that admin.address gives.
func ownHost(header, own string) bool {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || host != "" && strings.EqualFold(host, own) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (a *App) index(w http.ResponseWriter, _ *http.Request) {
	plain(w, "sluice "+buildOf().Version+`

GET  /healthz         the process is alive
GET  /readyz          it takes requests; what it runs, and what it refused to run
GET  /metrics         for Prometheus
POST /-/reload        read the configuration again: 204, or 422 with its faults
GET  /admin/limits    how the vendors' limits stand, and who waits; ?format=json
GET  /debug/requests  the last requests; ?format=json
GET  /debug/pprof/    profiles, with admin.pprof: true`)
}

func plain(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, text)
}

// profiling serves profiles while the configuration permits it.
func (a *App) profiling(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.upstreams.Set().Admin.Pprof {
			http.Error(w, "profiles are off; set admin.pprof: true", http.StatusNotFound)
			return
		}
		next(w, r)
	}
}

// metricsHandler serves what the request road counts, the process, the Go runtime and the build.
func (a *App) metricsHandler() http.Handler {
	b := buildOf()
	info := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "sluice", Name: "build_info", Help: "1; its labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go}})
	info.Set(1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(a.metrics, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if a.database != nil {
		registry.MustRegister(a.database.up)
	}
	if a.delivers != nil {
		registry.MustRegister(a.delivers.metrics)
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn), EnableOpenMetrics: true})
}

// reloadPage reloads: 204 when the configuration is in force, 422 with the faults when it was refused.
func (a *App) reloadPage(w http.ResponseWriter, r *http.Request) {
	err := a.Reload(r.Context(), "POST /-/reload")
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errClosing):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		answerJSON(w, http.StatusUnprocessableEntity, struct {
			Faults []faultJSON `json:"faults"`
		}{jsonFaults(faultsOf(err))})
	}
}

// answerJSON answers with a document.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller has gone; there is nobody left to tell
}
