package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// mockServer is a played vendor on a port of this machine.
type mockServer struct {
	url    string // http://host:port
	server *http.Server
	failed chan error // what ended it, if that was not Close
}

// startMock serves vendor on address; port 0 is any free one.
func startMock(ctx context.Context, address string, vendor http.Handler) (*mockServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, exitWith(exitBlocked, fmt.Errorf("listen on %s: %w; port 0 is any free one", address, err))
	}
	m := &mockServer{
		url:    "http://" + listener.Addr().String(),
		failed: make(chan error, 1),
		server: &http.Server{
			Handler: vendor, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // cut connections are what it was asked to play
		},
	}
	go func() {
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			m.failed <- fmt.Errorf("serve the mock: %w", err)
		}
	}()
	return m, nil
}

// Close stops serving at once.
func (m *mockServer) Close() error { return m.server.Close() }
