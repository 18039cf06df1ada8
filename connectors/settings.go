package connectors

import (
	"net/netip"
	"time"

	"sluice/internal/strict"
)

// Listener is a door for consumers.
type Listener struct {
	Name       string
	Address    string // host:port; port 0 = any free one
	TLS        *TLS   // nil: plain HTTP
	Connection string // the only connection that is served here, without a path prefix; "" = all that own none
}

// TLS names the files of a listener's certificate. They have been read once and fit together; whoever serves them reads
// them again when they change.
type TLS struct {
	Certificate string
	Key         string
	ClientCA    string // "" = client certificates are not asked for; else every client must show one
}

// Serving bounds what all listeners together take.
type Serving struct {
	Header   int64         // bytes of a request's line and headers
	InFlight int           // requests inside at once, waiting ones included; one more is answered 503
	Idle     time.Duration // a keep-alive connection without a request is closed after it
	Shutdown time.Duration // how long requests may finish after a stop was asked for
}

// Admin is the operator's door.
type Admin struct {
	Off     bool
	Address string
	Pprof   bool // /debug/pprof is there
	Ring    int  // round trips kept for /debug/requests
}

// Logging says what the log looks like.
type Logging struct {
	Level  string // debug | info | warn | error
	Format string // text | json
}

// Tracing says where OpenTelemetry spans go.
type Tracing struct {
	Endpoint string                   // OTLP over HTTP; "" = no tracing
	Ratio    float64                  // share of requests without a sampled parent that are traced, 0 to 1
	Headers  map[string]strict.Secret // sent with each export
}

// Events is the API of event triggers.
type Events struct {
	Seal            strict.Secret // keys that seal secrets, the newest first; the zero Secret: those of the data folder
	Calls           int           // of one client, to one version, within Window
	Window          time.Duration
	Token           time.Duration // how long a token is good
	FireAndForget   int           // subscriptions that a trigger may have
	RequestResponse int
	URL             string         // with which callback URLs begin; "": the address of the listener main
	AllowNetworks   []netip.Prefix // private networks in which receivers may be
	Keep, KeepDead  time.Duration  // the record of what is delivered, and of what is dead
	KeepMost        int            // of what is over
	KeepEvents      time.Duration  // the outbox
	EventBridge     EventBridge
}

// EventBridge says how events go to EventBridge, because a subscription there names nothing but an account and a region.
type EventBridge struct {
	Source          string        // before the subscription in an event's source; "": SailPoint's
	Bus             string        // of the subscription's account; "": default
	AccessKeyID     string        // "": the machine's own credentials
	SecretAccessKey strict.Secret // beside AccessKeyID
	Endpoint        string        // instead of AWS's own; ""
}
