package connectors

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"sluice/transforms"
)

// connectorBuild makes a Connector of what its file says.
type connectorBuild struct {
	*loader
	file    *file
	written *connectorFile
	made    *Connector
	drafts  map[string][]draft // by section: sign_in, limits.rules, routes, and the writes of each resource

	leafRoutes map[string]*Route // by method and shape of the template
}

// buildConnector compiles a decoded file. It always returns a Connector; what is wrong with it is in the loader's faults.
func buildConnector(l *loader, f *file, written *connectorFile, views map[string]*View) *Connector {
	b := &connectorBuild{loader: l, file: f, written: written, drafts: map[string][]draft{}, leafRoutes: map[string]*Route{}}
	b.made = &Connector{
		Name: written.Name, Title: written.Title, Docs: written.Docs, File: f.name, Source: f.data,
		Credentials: written.Credentials, LearnLimits: written.Limits.Learn, Penalty: written.Limits.Penalty,
		Breaker:  written.Breaker.over(houseBreaker),
		Retry:    written.Retry.over(houseRetry),
		Timeouts: written.Timeouts.over(houseTimeouts),
	}
	if written.BaseURL != "" {
		base, err := parseBase(written.BaseURL, false)
		if errors.Is(err, errInsecure) {
			err = fmt.Errorf("%w: use https://, or leave it to the connections", err)
		}
		if err != nil {
			b.fault("base_url", "%v", err)
		}
		b.made.Base = base
	}
	b.auth()
	b.limits()
	b.routes()
	b.resources()
	b.tests(views)
	return b.made
}

func (b *connectorBuild) fault(key, format string, args ...any) {
	b.loader.fault(b.file, key, format, args...)
}

// argFaults places what is wrong with the arguments of a transform, a matcher or a reader under key.
func (b *connectorBuild) argFaults(key string, err error) {
	all, ok := errors.AsType[transforms.ArgErrors](err)
	if !ok {
		b.fault(key, "%v", err)
		return
	}
	for _, one := range all {
		b.fault(joinKey(key, one.Path), "%s", one.Message)
	}
}

// limits compiles how the vendor tells its limits; the rules wait for their routes.
func (b *connectorBuild) limits() {
	l := b.written.Limits
	if l.Headers != nil {
		reader, err := transforms.CompileLimitReader(l.Headers)
		if err != nil {
			b.argFaults("limits.headers", err)
			b.made.unread = true
		} else {
			b.made.Limits, b.made.LimitHeaders = reader, reader.Sources()
		}
	}
	for i, item := range l.Refusals {
		matcher, err := transforms.CompileMatcher(item)
		if err != nil {
			b.argFaults(index("limits.refusals", i), err)
			continue
		}
		b.made.Refusals = append(b.made.Refusals, matcher)
	}
	b.rules()
}

// transforms compiles a list of transforms.
func (b *connectorBuild) transforms(key string, items []any) []transforms.Func {
	var compiled []transforms.Func
	for i, item := range items {
		f, err := transforms.Compile(item)
		if err != nil {
			b.argFaults(index(key, i), err)
			continue
		}
		compiled = append(compiled, f)
	}
	return compiled
}

// What holds where neither connection nor connector says anything.
var (
	houseBreaker  = Breaker{Failures: 10, Ratio: 0.5, Minimum: 20, Window: time.Minute, Open: 15 * time.Second, Probes: 1}
	houseRetry    = Retry{Attempts: 3, Base: 200 * time.Millisecond, Max: 5 * time.Second}
	houseTimeouts = Timeouts{Connect: 5 * time.Second, FirstByte: 30 * time.Second, Idle: 30 * time.Second, Total: time.Minute}
)

// over returns d with what e says instead.
func (e breakerEntry) over(d Breaker) Breaker {
	return Breaker{
		Off: e.Off || d.Off, Failures: cmp.Or(uint32(e.Failures), d.Failures), Ratio: cmp.Or(e.Ratio, d.Ratio),
		Minimum: cmp.Or(uint32(e.Minimum), d.Minimum), Window: cmp.Or(e.Window, d.Window), Open: cmp.Or(e.Open, d.Open),
		Probes: cmp.Or(uint32(e.Probes), d.Probes),
	}
}

func (e retryEntry) over(d Retry) Retry {
	return Retry{Attempts: cmp.Or(e.Attempts, d.Attempts), Base: cmp.Or(e.Base, d.Base), Max: cmp.Or(e.Max, d.Max)}
}

func (e timeoutsEntry) over(d Timeouts) Timeouts {
	return Timeouts{
		Connect: cmp.Or(e.Connect, d.Connect), FirstByte: cmp.Or(e.FirstByte, d.FirstByte), Idle: cmp.Or(e.Idle, d.Idle),
		Total: cmp.Or(e.Total, d.Total),
	}
}
