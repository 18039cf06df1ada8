// Package connectors says what a vendor is and which accounts at vendors a deployment has: YAML is read, checked,
// compiled and from then on read-only.
//
// A connector is a vendor (configs/connectors/*.yaml): its routes, limits, sign-in, transforms and tests. A connection is
// one tenant's account at a vendor (sluice.yaml): base URL, credential, overrides. A consumer is whoever calls us, and a
// view is how limits, tokens and errors are shown to it. The proxy, the aggregator and the CLI read a *Set; nobody changes
// one: a new configuration is a new Set, swapped in whole. This package never opens a connection and knows no HTTP
// engine: all that can be wrong in a configuration is found here, before anything live is touched.
package connectors

import (
	"sluice/internal/strict"
	"sluice/triggers"
)

// Set is one whole configuration, compiled. It is safe for any number of readers and never changes.
type Set struct {
	Connectors  map[string]*Connector
	Connections map[string]*Connection
	Consumers   map[string]*Consumer
	Views       map[string]*View
	Anonymous   *Consumer // who calls without a key; nil when every caller must show one
	Bounds      Bounds
	Listeners   map[string]*Listener
	Serving     Serving
	Admin       Admin
	Logging     Logging
	Tracing     Tracing
	Database    strict.Secret // postgres://…; the zero Secret: none
	Leases      Leases        // zero without a database
	Events      Events
	Revision    string   // hash of everything that was read: part of every cache key
	Files       []string // files and folders that this Set was read from, sorted: what a watcher watches; none is embedded

	catalogue func() *triggers.Catalogue // made when it is first asked for
	keys      map[[32]byte]*Consumer
	byNetwork []*Consumer // those without keys
	written   *mainFile   // as it runs, for Show
}

// Triggers returns what can be subscribed to: what is shipped, and the deployment's own.
func (s *Set) Triggers() *triggers.Catalogue {
	if s.catalogue == nil { // no file has been read
		return triggers.Shipped()
	}
	return s.catalogue()
}
