package connectors

import (
	"cmp"
	"net/http"
	"slices"

	"sluice/transforms"
)

// defaultGroup is the breaker group of routes that name none.
const defaultGroup = "default"

// prototype is what an entry of routes says of each route that it speaks for.
type prototype struct {
	Route
	safe *bool
}

// prototypes compiles each entry of routes once, under its index; -1 is what holds where none speaks.
func (b *connectorBuild) prototypes() map[int]*prototype {
	request := b.transforms("request", b.written.Request)
	response := b.transforms("response", b.written.Response)
	all := map[int]*prototype{-1: {Route: Route{Request: request, Response: response, Group: defaultGroup}}}
	for i, entry := range b.written.Routes {
		key := index(routesSection, i)
		all[i] = &prototype{
			Route: Route{
				Request:  slices.Concat(request, b.transforms(key+".request", entry.Request)),
				Response: slices.Concat(response, b.transforms(key+".response", entry.Response)),
				Group:    cmp.Or(entry.Breaker, defaultGroup),
				Total:    entry.Timeout,
				Cache:    b.cache(key+".cache", entry.Cache),
			},
			safe: entry.Safe,
		}
		all[i].Lane, _ = ParseLane(entry.Lane)
	}
	return all
}

// fill gives a route what its entry says. Where that says nothing of safety the method does; and asking twice for a token
// harms nobody. A sign-in is never bulk: whatever its caller does next waits for it.
func (p *prototype) fill(route *Route) {
	route.Request, route.Response, route.Cache = p.Request, p.Response, p.Cache
	route.Group, route.Total = p.Group, p.Total
	route.Safe = slices.Contains(idempotent, route.Method) || route.SignIn != nil
	if p.safe != nil {
		route.Safe = *p.safe
	}
	if route.Lane = p.Lane; route.Lane == 0 && route.SignIn != nil {
		route.Lane = Interactive
	}
}

// idempotent methods of RFC 9110, section 9.2.2.
var idempotent = []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}

func (b *connectorBuild) cache(key string, entry *cacheEntry) *Cache {
	if entry == nil {
		return nil
	}
	if entry.TTL <= 0 {
		b.fault(key+".ttl", "must be longer than 0s; to keep nothing, leave cache out")
	}
	cache := &Cache{TTL: entry.TTL, Stale: entry.Stale, Shared: entry.Shared}
	for _, name := range entry.Vary {
		cache.Vary = append(cache.Vary, http.CanonicalHeaderKey(name))
	}
	return cache
}

// signIns compiles each entry of sign_in.
func (b *connectorBuild) signIns() []*SignIn {
	all := make([]*SignIn, len(b.written.SignIn))
	for i, entry := range b.written.SignIn {
		spec, err := transforms.CompileTokenSpec(entry.Token)
		if err != nil {
			b.argFaults(index(signInSection, i)+".token", err)
		}
		all[i] = &SignIn{Token: spec, CacheFor: entry.CacheFor}
	}
	return all
}

// checkRoutes refuses entries that say what cannot be.
func (b *connectorBuild) checkRoutes() {
	for _, d := range b.drafts[routesSection] {
		entry := b.written.Routes[d.entry]
		if entry.Cache != nil && d.method != anyMethod && d.method != http.MethodGet && d.method != http.MethodHead {
			b.fault(index(routesSection, d.entry)+".cache", "%s %s cannot be cached: only answers to GET are kept", d.method, d.template.text)
		}
	}
}
