package connectors

import (
	"net/url"
	"time"

	"sluice/transforms"
)

// Connector is a vendor: what its API is like, told once for all its tenants.
type Connector struct {
	Name, Title, Docs string
	File              string   // where it was read, as faults name it
	Source            []byte   // its YAML as written
	Base              *url.URL // default base URL; nil when each connection must bring its own
	Auth              Auth     // how Sluice signs in for a managed connection; no field set: it cannot
	Credentials       []string // names of the secrets that Auth needs
	Limits            *transforms.LimitReader
	LimitHeaders      []string             // the vendor headers that a view replaces
	Refusals          []transforms.Matcher // answers other than 429 that mean "too many"
	LearnLimits       bool                 // make buckets for routes without a rule from what the headers say
	Penalty           time.Duration        // of learned limits; see Rule.Penalty
	Breaker           Breaker
	Retry             Retry
	Timeouts          Timeouts
	Tests             []Test
	Resources         []*Resource // what can be aggregated, in the file's order

	rules  []*Rule
	counts []count // what rules were made of, in the same order
	unread bool    // limits.headers has faults, so nobody knows what policies it names
	all    []*Route
	routes router
}

// Route returns the route of a call at the vendor. method is in upper case; rawPath is relative to the base URL and stands
// as in the request line: percent-escapes are decoded for the comparison, a query and a trailing slash are ignored. A
// literal segment beats a parameter and a parameter beats the rest; HEAD falls back on GET. It allocates nothing.
func (c *Connector) Route(method, rawPath string) *Route { return c.routes.route(method, rawPath) }

// Route is a group of calls that the vendor treats alike. Route is never nil for a call: what no template matches belongs to a
// route of its own whose Name ends in "other".
type Route struct {
	Name     string // "GET /api/people/{uid}": bounded in number, fit for a metric label and a bucket key
	Method   string // "*" = one that no template and no RFC names
	Template string // relative to the base URL; "other" for what no template matches
	Request  []transforms.Func
	Response []transforms.Func
	Rules    []*Rule       // the limits that bind a call at once
	Cache    *Cache        // nil: answers are not kept
	SignIn   *SignIn       // non-nil: this route hands out a token
	Group    string        // breaker group; routes of one group fail together
	Safe     bool          // may be sent twice: an idempotent method, or the connector says so
	Total    time.Duration // overrides Timeouts.Total; 0 = not
	Lane     Lane          // what these calls are by nature; zero: what consumer and method say
}

// Rule is one limit of a vendor: at most Limit calls in Window, or at most Concurrent calls under way.
type Rule struct {
	Name       string // stable over reloads: bucket key and metric label
	Limit      int    // 0 with Concurrent
	Window     time.Duration
	Starts     string        // first_call | clock | fixed | sliding | bucket | unknown: when the vendor's window begins; "" with Concurrent
	Burst      int           // calls at once, of bucket and unknown; Limit unless the file says otherwise. 0: all of Limit
	Concurrent int           // calls under way at once; 0: the rule has Limit and Window
	Penalty    time.Duration // after a refusal the vendor answers nothing for so long; 0 = it has no such habit
	Policy     string        // which of the limits that answers tell of (transforms.Limits.Policy) it is; "" = by window, then by size
	Scope      string        // address | credential | connection: what the vendor counts by
	Spread     bool          // space calls evenly instead of as fast as permitted
}

// Cache says that answers of a route may be kept.
type Cache struct {
	TTL    time.Duration
	Stale  time.Duration // served so much longer while one caller refreshes it
	Shared bool          // one answer for all consumers with the same view; else each consumer its own
	Vary   []string      // request headers that are part of the key
}

// SignIn says how a route answers with a token.
type SignIn struct {
	Token    transforms.TokenSpec
	CacheFor time.Duration // longest time a token is answered from memory; 0 = as long as it lives
}

// Breaker says when a failing vendor is left alone.
type Breaker struct {
	Off      bool
	Failures uint32        // consecutive failures that open it
	Ratio    float64       // or this share of failures …
	Minimum  uint32        // … of at least so many calls in Window
	Window   time.Duration // counts are cleared so often while closed
	Open     time.Duration // how long it stays open
	Probes   uint32        // calls let through when half open
}

// Retry bounds how often a call that is safe to repeat is sent.
type Retry struct {
	Attempts int           // in all, the first included; 1 = never again
	Base     time.Duration // first pause; doubled each time, with jitter
	Max      time.Duration // longest pause
}

// Timeouts of a call to the vendor.
type Timeouts struct {
	Connect   time.Duration
	FirstByte time.Duration // from the request's last byte to the answer's first
	Idle      time.Duration // longest silence inside a body
	Total     time.Duration // from arrival, hold included, to the answer's header
}
