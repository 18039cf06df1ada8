package main

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"log/slog"

	"sluice/connectors"
)

// frontShape is what the engine of a consumers' listener is made from: these settings need a new engine, all others do not.
type frontShape struct {
	header, requestBody int64
	idle                time.Duration
}

// plans are the doors that a configuration wants.
func (a *App) plans(set *connectors.Set) []plan {
	var plans []plan
	shape := frontShape{set.Serving.Header, set.Bounds.RequestBody, set.Serving.Idle}
	for _, name := range slices.Sorted(maps.Keys(set.Listeners)) {
		l := set.Listeners[name]
		plans = append(plans, plan{
			name: name, address: l.Address, files: l.TLS, shape: shape,
			build: func() engine {
				app, retire := a.front.App(name)
				return engine{serve: app.Listener, retire: retire, stop: app.ShutdownWithContext}
			},
		})
	}
	if !set.Admin.Off {
		plans = append(plans, plan{admin: true, address: set.Admin.Address, build: a.adminEngine})
	}
	return plans
}

// adminEngine serves the operator's door by net/http: it is not in anybody's hot path, and its handlers are the library's.
func (a *App) adminEngine() engine {
	server := &http.Server{
		Handler:           a.adminHandler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	return engine{
		serve: func(l net.Listener) error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		},
		retire: func() {}, // an operator asks again
		stop:   server.Shutdown,
	}
}

// listenerNames are the consumers' listeners of the configuration in force.
func (a *App) listenerNames() []string {
	return slices.Sorted(maps.Keys(a.upstreams.Set().Listeners))
}

// onLoopback tells whether only this machine can reach a host.
func onLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}
