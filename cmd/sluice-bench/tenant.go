package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/configs"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// tenant is a played TeamDynamix vendor that notes when each person is read, and from which address.
type tenant struct {
	vendor *teamdynamix.Vendor
	server *http.Server
	base   string // with the path of production

	mu    sync.Mutex
	marks []addressed
}

// addressed is one read of a person as the vendor saw it.
type addressed struct {
	mark
	from string
}

// playTenant starts a vendor; close ends it.
func playTenant(ctx context.Context, options teamdynamix.Options) (*tenant, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tenant{vendor: teamdynamix.New(options), base: "http://" + ln.Addr().String() + teamdynamix.Production}
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.server.Serve(ln) }()
	return t, nil
}

func (t *tenant) close() { _ = t.server.Close() }

// ServeHTTP implements http.Handler.
func (t *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uid, person := strings.CutPrefix(r.URL.Path, teamdynamix.Production+"/api/people/")
	if !person || r.Method != http.MethodGet || uid == "userlist" {
		t.vendor.ServeHTTP(w, r)
		return
	}
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	t.mu.Lock() // so that the order of marks is that of times
	i := len(t.marks)
	t.marks = append(t.marks, addressed{mark{at: time.Now()}, from})
	t.mu.Unlock()
	status := statusWriter{ResponseWriter: w}
	t.vendor.ServeHTTP(&status, r)
	if status.code == http.StatusTooManyRequests {
		t.mu.Lock()
		t.marks[i].refused = true
		t.mu.Unlock()
	}
}

// reads are the reads of people so far, in the order of their times.
func (t *tenant) reads() []addressed {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]addressed(nil), t.marks...)
}

// reader is a connection that reads a tenant: what of it differs from one bench to the next.
type reader struct {
	name   string
	tenant *tenant
	egress []string
	scale  int // windows are so many times shorter than the shipped connector says; 0: nothing is limited
	yaml   string
}

// house is the folders of one Sluice: its configuration, and its database unless that is on a server.
type house struct {
	binary string
	dir    string
	data   string // "": the database is on a server
}

// buildHouse makes the folders. server is the URL of a database, "" for one in the data folder; addr is where a serving Sluice listens.
// close removes them.
func buildHouse(binary, server, addr string, readers ...reader) (h *house, err error) {
	files := map[string]string{}
	// The vendor's searches have no pages: half a million people come in one answer, which is larger than what is permitted by itself.
	text := "limits: {response_body: 1GiB}\nconnections:\n"
	for _, r := range readers {
		options := r.tenant.vendor.Options()
		files[r.name+"-beid"], files[r.name+"-key"] = options.BEID, options.WebServicesKey
		limits, broken := limitsOf(r.scale)
		err = errors.Join(err, broken)
		text += fmt.Sprintf(`  %s:
    connector: teamdynamix
    base_url: %s
    allow_networks: [127.0.0.0/8]
    egress: [%s]
    auth: managed
    credentials: {beid: "${file:%s-beid}", web_services_key: "${file:%s-key}"}
%s    limits:
%s`, r.name, r.tenant.base, strings.Join(r.egress, ", "), r.name, r.name, indented(r.yaml), limits)
	}
	if err != nil {
		return nil, err
	}
	return layHouse(binary, server, addr, text, files)
}

// layHouse makes the folders of a Sluice whose configuration has yaml and files besides what they all have.
func layHouse(binary, server, addr, yaml string, files map[string]string) (*house, error) {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, err
	}
	h := &house{binary: binary, dir: dir}
	text := fmt.Sprintf("listeners: {main: {address: %q}}\nadmin: {address: \"127.0.0.1:0\"}\n", addr)
	if server == "" {
		h.data = filepath.Join(dir, "data")
		err = os.Mkdir(h.data, 0o700)
	} else {
		files["database"] = server
		text += "database: ${file:database}\n"
	}
	files["sluice.yaml"] = text + yaml
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *house) close() { _ = os.RemoveAll(h.dir) }

// args are those of a command of Sluice's that says where configuration and database are.
func (h *house) args(command ...string) []string {
	command = append(command, "--config", h.dir)
	if h.data != "" {
		command = append(command, "--data", h.data)
	}
	return command
}

func indented(yaml string) string {
	var out strings.Builder
	for line := range strings.Lines(yaml) {
		out.WriteString("    " + line)
	}
	return out.String()
}

// limitsOf is what a connection says of the shipped connector's limits where the vendor's windows are scaled, or where it has none.
func limitsOf(scale int) (string, error) {
	set, faults := connectors.Load(configs.FS, connectors.Environment{})
	if len(faults) > 0 {
		return "", fmt.Errorf("the shipped configuration: %w", faults)
	}
	if set.Connections["tdx"] == nil {
		return "", errors.New("the shipped configuration has no connection tdx")
	}
	var out strings.Builder
	for _, rule := range set.Connections["tdx"].AllRules() {
		if scale == 0 {
			fmt.Fprintf(&out, "      %q: {off: true}\n", rule.Name)
			continue
		}
		fmt.Fprintf(&out, "      %q: {window: %s}\n", rule.Name, rule.Window/time.Duration(scale))
	}
	return out.String(), nil
}
