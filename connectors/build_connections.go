package connectors

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sluice/internal/strict"
)

// setBuild makes the Set's own parts of what sluice.yaml says.
type setBuild struct {
	*loader
	set      *Set
	file     *file
	written  *mainFile
	loopback bool // every listener can be reached from this machine only
}

func (b *setBuild) fault(key, format string, args ...any) {
	b.loader.fault(b.file, key, format, args...)
}

// connectionName is one segment of a URL path that needs no escape.
var connectionName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// rooms stand first in the paths where Sluice itself answers about a connection, and no vendor does. No connection has such a name.
var rooms = []string{"aggregations", "scim"}

// IsRoom tells whether the first segment of a path leads to Sluice itself, and the next one names a connection.
func IsRoom(segment string) bool { return slices.Contains(rooms, segment) }

// ownPaths stand first in the paths of Sluice's own API, which is about no connection: versions and services of SailPoint's, and the sign-in.
var ownPaths = []string{"beta", "v2024", "v2025", "v2026", "triggers", "trigger-subscriptions", "trigger-invocations", "oauth"}

// IsOwnPath tells whether the first segment of a path leads to Sluice's own API.
func IsOwnPath(segment string) bool { return slices.Contains(ownPaths, segment) }

// connections compiles every connection, in the order of their names, so that faults are the same each time.
func (b *setBuild) connections() {
	b.set.Connections = map[string]*Connection{}
	hosts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(b.written.Connections)) {
		entry := b.written.Connections[name]
		key := "connections." + name
		if !connectionName.MatchString(name) {
			b.fault(key, "%q cannot stand first in a URL path: use lower-case letters, digits and hyphens, a letter or digit first", name)
		}
		if IsRoom(name) || IsOwnPath(name) {
			b.fault(key, "%q stands first in the paths where Sluice itself answers: choose another name", name)
		}
		made := b.connection(key, name, &entry)
		if made.Host != "" && hosts[made.Host] != "" {
			b.fault(key+".host", "%s already belongs to connection %s: give each a host of its own", made.Host, hosts[made.Host])
		}
		hosts[made.Host] = name
		b.set.Connections[name] = made
		b.written.Connections[name] = entry
	}
}

// connection compiles one connection and writes back into entry what holds where it said nothing.
func (b *setBuild) connection(key, name string, entry *connectionEntry) *Connection {
	made := &Connection{
		Name: name, Managed: entry.Auth == "managed", Secrets: entry.Credentials,
		Host: strings.ToLower(entry.Host), Listener: entry.Listener, Bounds: b.set.Bounds,
	}
	entry.MaxHold = cmp.Or(entry.MaxHold, b.set.Bounds.MaxHold)
	entry.BulkFloor = cmp.Or(entry.BulkFloor, b.set.Bounds.BulkFloor)
	made.Bounds.MaxHold, made.Bounds.BulkFloor = entry.MaxHold, entry.BulkFloor
	if made.Host != "" && !isHost(made.Host) {
		b.fault(key+".host", "is %q, must be a host name without scheme and port, such as tdx.sluice.example", entry.Host)
	}
	for _, secretName := range slices.Sorted(maps.Keys(entry.Credentials)) {
		b.hash.add(key+secretName, []byte(entry.Credentials[secretName].Reveal()))
	}
	b.wire(key, entry, made)
	vendor := b.set.Connectors[entry.Connector]
	if vendor == nil {
		if entry.Connector != "" {
			b.fault(key+".connector", "there is no connector %q: %s", entry.Connector, suggest(entry.Connector, slices.Collect(maps.Keys(b.set.Connectors))))
		}
		vendor = &Connector{Breaker: houseBreaker, Retry: houseRetry, Timeouts: houseTimeouts}
		b.base(key, entry, vendor, made)
		return made
	}
	made.Connector = vendor
	b.base(key, entry, vendor, made)
	b.credentials(key, entry, vendor)
	b.overrides(key, entry, vendor, made)
	made.Aggregation = b.aggregation(key+".aggregation", &entry.Aggregation, vendor)
	made.Breaker, made.Retry, made.Timeouts = entry.Breaker.over(vendor.Breaker), entry.Retry.over(vendor.Retry), entry.Timeouts.over(vendor.Timeouts)
	if made.Bounds.MaxHold >= made.Timeouts.Total {
		b.fault(key+".max_hold", "is %s, but after %s (timeouts.total) the caller has been answered: make it shorter, or timeouts.total longer",
			brief(made.Bounds.MaxHold), brief(made.Timeouts.Total))
	}
	entry.writeBack(made)
	return made
}

// writeBack shows the values that hold.
func (e *connectionEntry) writeBack(c *Connection) {
	e.Breaker = breakerEntry{Off: c.Breaker.Off, Failures: int(c.Breaker.Failures), Ratio: c.Breaker.Ratio, Minimum: int(c.Breaker.Minimum),
		Window: c.Breaker.Window, Open: c.Breaker.Open, Probes: int(c.Breaker.Probes)}
	e.Retry = retryEntry(c.Retry)
	e.Timeouts = timeoutsEntry(c.Timeouts)
}

func (b *setBuild) base(key string, entry *connectionEntry, vendor *Connector, made *Connection) {
	switch {
	case entry.BaseURL != "":
		base, err := parseBase(entry.BaseURL, entry.AllowInsecure)
		if errors.Is(err, errInsecure) {
			err = fmt.Errorf("%w: use https://, or say allow_insecure: true", err)
		}
		if err != nil {
			b.fault(key+".base_url", "%v", err)
		}
		made.Base = base
	case vendor.Base != nil:
		made.Base = vendor.Base
		entry.BaseURL = vendor.Base.String()
	case vendor.Name != "":
		b.fault(key+".base_url", "is required: every tenant of %s has its own%s", vendor.Name, vendor.exampleBase())
	}
	if made.Base == nil {
		made.Base = &url.URL{Scheme: "https", Host: "invalid"}
	}
}

// exampleBase takes an example from the connector's title, for a fault.
func (c *Connector) exampleBase() string {
	if c.Docs == "" {
		return ""
	}
	return " (see " + c.Docs + ")"
}

// credentials checks that a managed connection has the secrets that its connector declares, and no connection others.
func (b *setBuild) credentials(key string, entry *connectionEntry, vendor *Connector) {
	if entry.Auth != "managed" {
		if len(entry.Credentials) > 0 {
			b.fault(key+".credentials", "are never used, because the caller's own credential goes through: say auth: managed, or remove them")
		}
		return
	}
	if vendor.Auth.None() {
		b.fault(key+".auth", "cannot be managed: connector %s does not say how to sign in; add auth to it, or say passthrough", vendor.Name)
		return
	}
	missing, unknown := missingCredentials[strict.Secret](vendor.Credentials, entry.Credentials)
	for _, name := range missing {
		b.fault(key+".credentials", "lack %s, which connector %s signs in with: add %s: ${env:NAME}", name, vendor.Name, name)
	}
	for _, name := range unknown {
		b.fault(key+".credentials."+name, "connector %s has no such credential: %s", vendor.Name, suggest(name, vendor.Credentials))
	}
}
