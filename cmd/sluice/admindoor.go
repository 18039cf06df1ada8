package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// adminDoor is the way to the admin listener of a running Sluice, for commands that ask it something.
type adminDoor struct {
	source  *source
	url     string
	timeout time.Duration
}

// adminDoorFlags gives a command the options that say where the admin listener is.
func adminDoorFlags(cmd *cobra.Command, env environment) *adminDoor {
	d := &adminDoor{source: sourceFlag(cmd, env)}
	cmd.Flags().StringVar(&d.url, "url", "", "base URL of the admin listener, such as http://127.0.0.1:8081")
	cmd.Flags().DurationVar(&d.timeout, "timeout", 2*time.Second, "longest wait for the answer")
	return d
}

// ask gets a page of the admin listener and has read make something of the answer.
func (d *adminDoor) ask(ctx context.Context, page string, query url.Values, read func(*http.Response) error) error {
	base, err := d.base()
	if err != nil {
		return exitWith(exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	at := base.JoinPath(page)
	at.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("--url: %w", err))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it asks this machine
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp)
}

// notOK is the error of an answer that is not 200, nil of one that is.
func notOK(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", resp.Request.URL.Redacted(), resp.Status)
	}
	return nil
}

// cutAnswer says that an answer could not be read to its end.
func cutAnswer(resp *http.Response, err error) error {
	return fmt.Errorf("read the answer of %s: %w", resp.Request.URL.Redacted(), err)
}

// base is the admin listener's URL.
func (d *adminDoor) base() (*url.URL, error) {
	if d.url != "" {
		u, err := url.Parse(d.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--url is %q, must be like http://127.0.0.1:8081", d.url)
		}
		return u, nil
	}
	address := environment{vars: d.source.vars}.lookup("SLUICE_ADMIN_ADDRESS")
	if address == "" {
		written, err := d.source.adminAddress()
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
