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
	"net/netip"
	"net/url"
	"time"

	"sluice/internal/strict"
	"sluice/transforms"
)

// Set is one whole configuration, compiled. It is safe for any number of readers and never changes.
type Set struct {
	Connectors  map[string]*Connector
	Connections map[string]*Connection
	Consumers   map[string]*Consumer
	Views       map[string]*View
	Anonymous   *Consumer // who calls without a key; nil when every caller must show one
	Bounds      Bounds
	Revision    string // hash of everything that was read: part of every cache key
}

// Connector is a vendor: what its API is like, told once for all its tenants.
type Connector struct {
	Name, Title, Docs string
	Base              *url.URL // default base URL; nil when each connection must bring its own
	Auth              Auth     // how Sluice signs in for a managed connection
	Credentials       []string // names of the secrets that Auth needs
	Limits            *transforms.LimitReader
	LimitHeaders      []string             // the vendor headers that a view replaces
	Refusals          []transforms.Matcher // answers other than 429 that mean "too many"
	LearnLimits       bool                 // make buckets for routes without a rule from what the headers say
	Breaker           Breaker
	Retry             Retry
	Timeouts          Timeouts
	Tests             []Test

	routes router
}

// Route is a group of calls that the vendor treats alike. Route is never nil for a call: what no template matches belongs to a
// route of its own whose Name is "other".
type Route struct {
	Name     string // "GET /api/people/{uid}": bounded in number, fit for a metric label and a bucket key
	Method   string // "*" = any
	Template string // relative to the base URL
	Request  []transforms.Func
	Response []transforms.Func
	Rules    []*Rule       // the limits that bind a call at once
	Cache    *Cache        // nil: answers are not kept
	SignIn   *SignIn       // non-nil: this route hands out a token
	Group    string        // breaker group; routes of one group fail together
	Safe     bool          // may be sent twice: an idempotent method, or the connector says so
	Total    time.Duration // overrides Timeouts.Total; 0 = not
}

// Rule is one limit of a vendor: at most Limit calls in Window.
type Rule struct {
	Name   string // stable over reloads: bucket key and metric label
	Limit  int
	Window time.Duration
	Starts string // first_call | clock | sliding | unknown: when the vendor's window begins
	Scope  string // address | credential | connection: what the vendor counts by
	Spread bool   // space calls evenly instead of as fast as permitted
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

// Connection is one tenant's account at a vendor.
type Connection struct {
	Name      string
	Connector *Connector
	Base      *url.URL
	Managed   bool // Sluice holds the credential; else the caller's own goes through
	Secrets   map[string]strict.Secret
	Host      string // own host name, lower case; "" = reached by path prefix only
	Listener  string // own listener; "" = the shared ones
	Wire      Wire
	Timeouts  Timeouts
	Breaker   Breaker
	Retry     Retry
	Bounds    Bounds

	rules map[string]*Rule // overrides of the connector's rules, by name
}

// Wire says how a connection reaches its vendor.
type Wire struct {
	Engine        string // fasthttp | nethttp
	AllowNetworks []netip.Prefix
	Egress        []netip.Addr
	CA            string
	Certificate   string
	Key           string
	ServerName    string
	Proxy         string // "", "environment" or a URL
	MaxConns      int
}

// Bounds keep one caller, one answer or one queue from taking the whole house.
type Bounds struct {
	RequestBody  int64         // bytes
	ResponseBody int64         // bytes
	BufferBody   int64         // bytes of a body that a transform or the cache may hold in memory
	Queue        int           // callers waiting per bucket; one more is answered 503
	MaxHold      time.Duration // longest wait for a place, unless the consumer says otherwise
}

// Consumer is whoever calls us.
type Consumer struct {
	Name        string
	Keys        [][32]byte      // SHA-256 of its access keys
	Networks    []netip.Prefix  // empty: from anywhere
	Connections map[string]bool // nil: all
	Methods     map[string]bool // nil: all
	View        *View
	MaxHold     time.Duration // 0: the connection's
	ChooseView  bool          // may name a view by path prefix or header
}

// View is how limit headers, Retry-After, tokens and errors are shown to a consumer.
type View struct {
	Name   string
	Raw    bool // the vendor's answer, byte for byte: no transform, no added header
	Face   transforms.Face
	Token  string // json | vendor
	Errors string // json | problem | text
}

// Test proves a connector: what the caller gets for a recorded answer of the vendor.
type Test struct {
	Name    string
	View    string
	Now     time.Time // what the clock says when the answer comes; zero = now
	Request Exchange
	Sent    *Exchange // what the vendor must have got; nil = not checked
	Answer  Exchange
	Expect  Exchange
	Where   func(key, format string, args ...any) strict.Fault // a fault of this test at one of its keys
}

// Exchange is a request or an answer written down in a Test.
type Exchange struct {
	Method, Path string
	Status       int
	Headers      map[string][]string // in Expect: an empty list means the header must be absent
	Body         string
	JSON         any // instead of Body; in Expect compared as JSON
	HasBody      bool
}
