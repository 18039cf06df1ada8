package connectors

import (
	"net/netip"
	"net/url"
	"time"

	"sluice/internal/strict"
)

// Connection is one tenant's account at a vendor.
type Connection struct {
	Name        string
	Connector   *Connector
	Base        *url.URL // absolute, without query, userinfo and trailing slash
	Managed     bool     // Sluice holds the credential; else the caller's own goes through
	Secrets     map[string]strict.Secret
	Host        string // own host name, lower case; "" = reached by path prefix only
	Listener    string // own listener; "" = the shared ones
	Wire        Wire
	Timeouts    Timeouts
	Breaker     Breaker
	Retry       Retry
	Bounds      Bounds
	Aggregation Aggregation

	limits []*Rule
	rules  map[*Route][]*Rule // where an override differs from what the route says
}

// Route returns the route of a call; see [Connector.Route].
func (c *Connection) Route(method, rawPath string) *Route {
	return c.Connector.routes.route(method, rawPath)
}

// Rules returns the limits that bind a call of a route on this connection: the connector's, with what the connection
// overrides. The slice is shared; nobody changes it. It allocates nothing.
func (c *Connection) Rules(route *Route) []*Rule {
	if own, found := c.rules[route]; found {
		return own
	}
	return route.Rules
}

// AllRules returns every limit of the connection, overrides applied, in the connector's order.
func (c *Connection) AllRules() []*Rule { return c.limits }

// Wire says how a connection reaches its vendor.
type Wire struct {
	Engine        string // fasthttp | nethttp
	AllowNetworks []netip.Prefix
	Egress        []netip.Addr
	CA            string // path of a PEM file, ready to open; "" = the system's
	Certificate   string // path of the client certificate; "" = none
	Key           string // path of its key
	ServerName    string // name in the vendor's certificate; "" = the base URL's host
	Proxy         string // "", "environment" or a URL
	MaxConns      int    // to the vendor at once, per egress address; 0 = as many as are wanted
}

// Bounds keep one caller, one answer or one queue from taking the whole house.
type Bounds struct {
	RequestBody  int64         // bytes
	ResponseBody int64         // bytes
	BufferBody   int64         // bytes of a body that a transform or the cache may hold in memory
	Queue        int           // callers waiting per bucket; one more is answered 503
	MaxHold      time.Duration // longest wait for a place, unless the consumer says otherwise
	BulkFloor    float64       // share of the places that calls in the lane Bulk get while they wait, whatever waits beside them
}
