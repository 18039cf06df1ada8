package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/configs"
	"sluice/internal/strict"
)

// healthFlags are what `sluice health` can be told.
type healthFlags struct {
	source  *source
	url     string
	ready   bool
	timeout time.Duration
}

func healthCommand(env environment) *cobra.Command {
	f := &healthFlags{}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running Sluice whether it is alive, for Docker and the like",
		Long: `Ask the admin listener's /healthz, or /readyz with --ready. Its address is that of --url, else SLUICE_ADMIN_ADDRESS, else
admin.address of the configuration, which need not be free of faults. Exits with 0 when the answer is 200, else with 1.`,
		Args: cobra.NoArgs,
	}
	f.source = sourceFlag(cmd, env)
	cmd.Flags().StringVar(&f.url, "url", "", "base URL of the admin listener, such as http://127.0.0.1:8081")
	cmd.Flags().BoolVar(&f.ready, "ready", false, "ask whether it takes requests, and why not")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 2*time.Second, "longest wait for the answer")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		base, err := f.base()
		if err != nil {
			return exitWith(exitUsage, err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
		defer cancel()
		return f.ask(ctx, env.stdout, base)
	}
	return cmd
}

// ask prints what the admin listener says.
func (f *healthFlags) ask(ctx context.Context, out io.Writer, base *url.URL) error {
	page := "healthz"
	if f.ready {
		page = "readyz"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(page).String(), http.NoBody)
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("--url: %w", err))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it asks this machine
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(out, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return fmt.Errorf("read the answer of %s: %w", r.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", r.URL, resp.Status)
	}
	return nil
}

// base is the admin listener's URL.
func (f *healthFlags) base() (*url.URL, error) {
	if f.url != "" {
		u, err := url.Parse(f.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--url is %q, must be like http://127.0.0.1:8081", f.url)
		}
		return u, nil
	}
	address := environment{vars: f.source.vars}.lookup("SLUICE_ADMIN_ADDRESS")
	if address == "" {
		written, err := f.source.adminAddress()
		if err != nil {
			return nil, err
		}
		address = written
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("admin.address is %q, must be host:port", address)
	case port == "0":
		return nil, errors.New("admin.address leaves the port open: name the admin listener with --url")
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, so here too
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}

// defaultAdminAddress is what connectors gives a sluice.yaml that names none.
const defaultAdminAddress = "127.0.0.1:8081"

// adminAddress reads admin.address out of a configuration and nothing else, so that the health of a process does not hang on secrets
// that only it can see, or on the next configuration, which somebody is writing.
func (s source) adminAddress() (string, error) {
	data, name, err := s.mainFile()
	if err != nil {
		return "", fmt.Errorf("find the admin listener: %w; name it with --url", err)
	}
	doc, _ := strict.Parse(name, data) // what cannot be read names no address
	admin := doc.Root().Child("admin")
	if admin == nil || admin.Child("address") == nil {
		return defaultAdminAddress, nil
	}
	return cmp.Or(strings.TrimSpace(admin.Child("address").Text()), defaultAdminAddress), nil
}

// mainFile returns the sluice.yaml of a source as it is written.
func (s source) mainFile() (data []byte, name string, err error) {
	if s.path == "" {
		data, err = configs.FS.ReadFile("sluice.yaml")
		return data, builtIn + "/sluice.yaml", err
	}
	name = s.path
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "sluice.yaml")
	}
	data, err = os.ReadFile(name)
	return data, name, err
}
