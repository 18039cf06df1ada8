package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/configs"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

const (
	demoBase   = teamdynamix.Production
	realWindow = time.Minute            // of most methods of TeamDynamix
	realTrip   = 300 * time.Millisecond // one answer of a SaaS, scaled down like the window
)

// demoVendor is a played vendor with what it counted.
type demoVendor struct {
	*mockServer
	vendor *teamdynamix.Vendor
}

// demoHouse is what the demo runs: a vendor for each side, and Sluice before one of them.
type demoHouse struct {
	direct, through demoVendor
	tenant          teamdynamix.Options
	sluice          string // the connection's URL
	admin           string // of the admin listener
	folder          string // of Sluice's configuration
	app             *App
	stopped         chan error
	stop            context.CancelFunc
}

// openDemoHouse starts everything on free ports of the loopback. Sluice's warnings go to log.
func openDemoHouse(ctx context.Context, f *demoFlags, log io.Writer) (house *demoHouse, err error) {
	scale := float64(f.window) / float64(realWindow)
	h := &demoHouse{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	for _, v := range []*demoVendor{&h.direct, &h.through} {
		v.vendor = teamdynamix.New(teamdynamix.Options{
			People: max(250, 2*f.reads), Seed: 1, WindowScale: scale, // twice: a search finds active people only
			Latency: time.Duration(float64(realTrip) * scale),
		})
		if v.mockServer, err = startMock(ctx, "127.0.0.1:0", v.vendor); err != nil {
			return nil, err
		}
	}
	h.tenant = h.direct.vendor.Options()
	if h.folder, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
		return nil, fmt.Errorf("make a folder for the demo's configuration: %w", err)
	}
	config, err := demoConfig(h.through.url+demoBase, scale)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(h.folder, "sluice.yaml"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write the demo's configuration: %w", err)
	}
	if err := h.startSluice(ctx, log); err != nil {
		return nil, err
	}
	return h, nil
}

// demoConfig is the sluice.yaml of the demo: what a deployment writes, and the mock's shorter windows.
func demoConfig(base string, scale float64) (string, error) {
	shipped, faults := connectors.Load(configs.FS, connectors.Environment{})
	if len(faults) > 0 {
		return "", faults
	}
	conn := shipped.Connections["tdx"]
	if conn == nil {
		return "", errors.New("the built-in configuration has no connection tdx, whose limits the demo shortens")
	}
	var limits strings.Builder
	for _, rule := range conn.AllRules() {
		fmt.Fprintf(&limits, "      %q: {window: %s}\n", rule.Name, time.Duration(float64(rule.Window)*scale))
	}
	return fmt.Sprintf(`listeners:
  main: {address: "127.0.0.1:0"}
admin: {address: "127.0.0.1:0"}
logging: {level: warn}
connections:
  tdx:
    connector: teamdynamix
    base_url: %s
    allow_networks: [127.0.0.0/8]   # the mock; a real vendor is not on this machine
    limits:                         # as the mock's clock runs
%s`, base, &limits), nil
}

// startSluice runs the real application on the folder's configuration; the environment of this process does not reach it.
func (h *demoHouse) startSluice(ctx context.Context, log io.Writer) (err error) {
	if h.app, err = newApp(ctx, options{source: source{path: h.folder}, log: log}); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	h.stop, h.stopped = stop, make(chan error, 1)
	go func() { h.stopped <- h.app.Run(running) }()
	h.sluice = "http://" + h.app.Address("main") + "/tdx"
	h.admin = "http://" + h.app.AdminAddress()
	return nil
}

// Close stops everything that was started.
func (h *demoHouse) Close() error {
	var errs []error
	if h.stop != nil {
		h.stop()
		errs = append(errs, <-h.stopped)
	}
	if h.app != nil {
		errs = append(errs, h.app.Close())
	}
	for _, v := range []demoVendor{h.direct, h.through} {
		if v.mockServer != nil {
			errs = append(errs, v.Close())
		}
	}
	if h.folder != "" {
		errs = append(errs, os.RemoveAll(h.folder))
	}
	return errors.Join(errs...)
}

// newDemoClient keeps a connection for each thread, as connectors do.
func newDemoClient(threads int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: threads}, Timeout: 2 * time.Minute}
}
