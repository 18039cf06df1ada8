package connectors

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// settings compiles what concerns the process as a whole.
func (b *setBuild) settings() {
	l, s := b.written.Limits, b.set
	s.Bounds = Bounds{RequestBody: int64(l.RequestBody), ResponseBody: int64(l.ResponseBody), BufferBody: int64(l.BufferBody), Queue: l.Queue, MaxHold: l.MaxHold, BulkFloor: l.BulkFloor}
	s.Serving = Serving{Header: int64(l.Header), InFlight: l.InFlight, Idle: l.IdleTimeout, Shutdown: l.Shutdown}
	s.Admin = Admin(b.written.Admin)
	s.Logging = Logging(b.written.Logging)
	s.Tracing = Tracing(b.written.Tracing)
	for _, name := range slices.Sorted(maps.Keys(s.Tracing.Headers)) {
		b.hash.add("tracing.headers."+name, []byte(s.Tracing.Headers[name].Reveal()))
	}
	if e := s.Tracing.Endpoint; e != "" {
		if u, err := url.Parse(e); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			b.fault("tracing.endpoint", "must be an http:// or https:// URL without a user name, such as http://127.0.0.1:4318")
		}
	}
	b.database()
	b.events()
	if s.Admin.Off {
		return
	}
	loopback, err := parseAddress(s.Admin.Address)
	switch {
	case err != nil:
		b.fault("admin.address", "%v", err)
	case s.Admin.Pprof && !loopback:
		b.fault("admin.pprof", "shows the process's memory, secrets included, to whoever reaches %s: let admin.address be on 127.0.0.1, or say pprof: false", s.Admin.Address)
	}
}

// listeners compiles the doors and who is behind them. It comes after connections.
func (b *setBuild) listeners() {
	if len(b.written.Listeners) == 0 {
		b.written.Listeners = map[string]listenerEntry{"main": {Address: "127.0.0.1:8080"}}
	}
	b.set.Listeners = map[string]*Listener{}
	b.loopback = true
	addresses := map[string]string{}
	if !b.set.Admin.Off {
		addresses[b.set.Admin.Address] = "admin"
	}
	for _, name := range slices.Sorted(maps.Keys(b.written.Listeners)) {
		entry, key := b.written.Listeners[name], "listeners."+name
		made := &Listener{Name: name, Address: entry.Address, TLS: b.serverTLS(key+".tls", entry.TLS)}
		b.set.Listeners[name] = made
		loopback, err := parseAddress(entry.Address)
		if err != nil && entry.Address != "" {
			b.fault(key+".address", "%v", err)
			continue
		}
		if other, taken := addresses[entry.Address]; taken && !strings.HasSuffix(entry.Address, ":0") {
			b.fault(key+".address", "%s is already the address of %s: give each a port of its own", entry.Address, other)
		}
		addresses[entry.Address] = name
		if b.loopback = b.loopback && loopback; !loopback && len(b.written.Consumers) == 0 && entry.Address != "" {
			b.fault(key+".address", "%s", openDoor(entry.Address))
		}
	}
	b.owners()
}

// owners gives listeners to the connections that own one.
func (b *setBuild) owners() {
	owned, shared := 0, ""
	for _, name := range slices.Sorted(maps.Keys(b.set.Connections)) {
		c := b.set.Connections[name]
		if c.Listener == "" {
			if shared == "" && c.Host == "" {
				shared = name
			}
			continue
		}
		l := b.set.Listeners[c.Listener]
		key := "connections." + name + ".listener"
		switch {
		case l == nil:
			b.fault(key, "there is no listener %q: %s", c.Listener, suggest(c.Listener, slices.Collect(maps.Keys(b.set.Listeners))))
		case l.Connection != "":
			b.fault(key, "%s already belongs to connection %s: give each a listener of its own", c.Listener, l.Connection)
		default:
			l.Connection = name
			owned++
		}
	}
	if owned == len(b.set.Listeners) && shared != "" {
		b.fault("connections."+shared, "cannot be reached, because every listener belongs to another connection: add a listener, or give it one of its own")
	}
}

// serverTLS checks that the files are there and fit together, so that a bad certificate is refused before it is served.
func (b *setBuild) serverTLS(key string, entry *tlsEntry) *TLS {
	if entry == nil {
		return nil
	}
	made := &TLS{Certificate: b.path(entry.Certificate), Key: b.path(entry.Key), ClientCA: b.path(entry.ClientCA)}
	b.pair(key, made.Certificate, made.Key)
	b.roots(key+".client_ca", made.ClientCA)
	return made
}

// path returns a file's path as it can be opened: relative ones start from the folder of sluice.yaml.
func (b *setBuild) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(b.file.name), name)
}

// pair checks a certificate and its key. Nothing of the key's content comes into a fault.
func (b *setBuild) pair(key, certificate, private string) {
	chain, err := b.read(certificate)
	if err != nil {
		b.fault(key+".certificate", "%v", err)
	}
	secret, keyErr := b.read(private)
	if keyErr != nil {
		b.fault(key+".key", "%v", keyErr)
	}
	if err != nil || keyErr != nil || certificate == "" || private == "" {
		return
	}
	if _, err := tls.X509KeyPair(chain, secret); err != nil {
		b.fault(key+".certificate", "%s and %s are no certificate and its key: %s", certificate, private, strings.TrimPrefix(err.Error(), "tls: "))
	}
}

func (b *setBuild) roots(key, name string) {
	if name == "" {
		return
	}
	data, err := b.read(name)
	switch {
	case err != nil:
		b.fault(key, "%v", err)
	case !x509.NewCertPool().AppendCertsFromPEM(data):
		b.fault(key, "%s holds no certificate: it must be a PEM file with -----BEGIN CERTIFICATE-----", name)
	}
}

const largestPEM = 1 << 20

// read returns a file that the configuration names, and counts it for Files and the revision.
func (b *setBuild) read(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	b.files = append(b.files, filepath.Clean(name))
	f, err := b.env.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file %s does not exist", name)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s cannot be opened: check who may read it", name)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, largestPEM))
	if err != nil {
		return nil, fmt.Errorf("file %s cannot be read: %w", name, err)
	}
	b.hash.add(name, data)
	return data, nil
}
