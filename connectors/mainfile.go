package connectors

import (
	"net/netip"
	"time"

	"sluice/internal/strict"
)

// mainFile is sluice.yaml as it is written. What a deployment names is a map by name, so that every scalar has an
// environment variable of a plain name: SLUICE_LISTENERS_MAIN_ADDRESS. Its tags are the rules of decoder and schema.
type mainFile struct {
	Listeners   map[string]listenerEntry   `yaml:"listeners" jsonschema_description:"Doors for consumers, by name. Left out: main on 127.0.0.1:8080."`
	Admin       adminEntry                 `yaml:"admin" jsonschema_description:"The operator's door: health, metrics, reload, recent requests."`
	Logging     loggingEntry               `yaml:"logging" jsonschema_description:"What the log looks like."`
	Tracing     tracingEntry               `yaml:"tracing" jsonschema_description:"Where OpenTelemetry spans go."`
	Database    databaseURL                `yaml:"database" jsonschema_description:"PostgreSQL, for several processes that share limits and work: a reference such as ${env:DATABASE_URL}, or a postgres:// URL without a password. Left out: SQLite in the data folder, if there is one."`
	Leases      *leasesEntry               `yaml:"leases" jsonschema_description:"How processes on one database share limits."`
	Triggers    triggersEntry              `yaml:"triggers" jsonschema_description:"The API of event triggers, and how what it keeps is sealed."`
	Limits      boundsEntry                `yaml:"limits" jsonschema_description:"What one caller, one answer or one queue may take."`
	Views       map[string]viewEntry       `yaml:"views" jsonschema_description:"Own ways to show limits, tokens and errors, beside the built-in sailpoint, seconds, http-date, ietf and raw."`
	Consumers   map[string]consumerEntry   `yaml:"consumers" jsonschema_description:"Who may call. Left out: anybody, as long as every listener is on loopback."`
	Connections map[string]connectionEntry `yaml:"connections" jsonschema_description:"Accounts at vendors, by the name that stands first in the URL path."`
}

type listenerEntry struct {
	Address string    `yaml:"address" jsonschema:"required,example=127.0.0.1:8080" jsonschema_description:"host:port; port 0 is any free one."`
	TLS     *tlsEntry `yaml:"tls" jsonschema_description:"Speak TLS, 1.2 at least. The files are read again when they change."`
}

type tlsEntry struct {
	Certificate string `yaml:"certificate" jsonschema:"required,minLength=1" jsonschema_description:"PEM file with the certificate and its chain."`
	Key         string `yaml:"key" jsonschema:"required,minLength=1" jsonschema_description:"PEM file with its key."`
	ClientCA    string `yaml:"client_ca" jsonschema_description:"PEM file; every client must then show a certificate of it."`
}

type adminEntry struct {
	Off     bool   `yaml:"off" jsonschema_description:"No operator's door."`
	Address string `yaml:"address" jsonschema:"default=127.0.0.1:8081" jsonschema_description:"host:port; keep it on loopback or a closed network: it asks for no key."`
	Pprof   bool   `yaml:"pprof" jsonschema_description:"Serve /debug/pprof."`
	Ring    int    `yaml:"ring" jsonschema:"minimum=0,maximum=100000,default=200" jsonschema_description:"Round trips kept for /debug/requests."`
}

type loggingEntry struct {
	Level  string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error,default=info"`
	Format string `yaml:"format" jsonschema:"enum=text,enum=json,default=text"`
}

type tracingEntry struct {
	Endpoint string                   `yaml:"endpoint" jsonschema:"example=http://127.0.0.1:4318" jsonschema_description:"OTLP over HTTP; left out: no tracing."`
	Ratio    float64                  `yaml:"ratio" jsonschema:"minimum=0,maximum=1,default=1" jsonschema_description:"Share of requests without a sampled parent that are traced."`
	Headers  map[string]strict.Secret `yaml:"headers" jsonschema_description:"Sent with each export."`
}

type boundsEntry struct {
	RequestBody  strict.Size   `yaml:"request_body" jsonschema:"minimum=1KiB,default=64MiB" jsonschema_description:"Largest body of a request."`
	ResponseBody strict.Size   `yaml:"response_body" jsonschema:"minimum=1KiB,default=256MiB" jsonschema_description:"Largest body of an answer."`
	BufferBody   strict.Size   `yaml:"buffer_body" jsonschema:"minimum=1KiB,default=8MiB" jsonschema_description:"Largest body that a transform or the cache may hold in memory."`
	Header       strict.Size   `yaml:"header" jsonschema:"minimum=4KiB,maximum=16MiB,default=8KiB" jsonschema_description:"Largest request line with all headers."`
	Queue        int           `yaml:"queue" jsonschema:"minimum=1,default=2000" jsonschema_description:"Callers waiting per bucket; one more is answered 503."`
	InFlight     int           `yaml:"in_flight" jsonschema:"minimum=1,default=5000" jsonschema_description:"Requests inside at once, waiting ones included; one more is answered 503."`
	MaxHold      time.Duration `yaml:"max_hold" jsonschema:"default=25s" jsonschema_description:"Longest wait for a place at the vendor; then the caller gets a 429 with Retry-After."`
	BulkFloor    float64       `yaml:"bulk_floor" jsonschema:"minimum=0.01,maximum=0.9,default=0.1" jsonschema_description:"Share of the places at the vendor that bulk calls get while they wait, however urgent what waits beside them."`
	IdleTimeout  time.Duration `yaml:"idle_timeout" jsonschema:"minimum=1s,default=2m" jsonschema_description:"A keep-alive connection without a request is closed after it."`
	Shutdown     time.Duration `yaml:"shutdown" jsonschema:"default=30s" jsonschema_description:"How long requests may finish after a stop was asked for."`
}

type triggersEntry struct {
	Seal            strict.Secret    `yaml:"seal" jsonschema_description:"The key that seals the secrets of subscriptions, or several with white space between them, the newest first; sluice keys create-seal makes one. Left out: the file seal.key in the data folder, which is made when it is needed."`
	Calls           int              `yaml:"calls" jsonschema:"minimum=1,default=100" jsonschema_description:"Calls that one client may make to one version of the API within window."`
	Window          time.Duration    `yaml:"window" jsonschema:"minimum=1ms,default=10s" jsonschema_description:"See calls."`
	Token           time.Duration    `yaml:"token" jsonschema:"minimum=1s,default=12m29s" jsonschema_description:"How long a token of a client is good."`
	FireAndForget   int              `yaml:"fire_and_forget" jsonschema:"minimum=1,default=50" jsonschema_description:"Subscriptions that a trigger may have which waits for no answer."`
	RequestResponse int              `yaml:"request_response" jsonschema:"minimum=1,default=1" jsonschema_description:"Subscriptions that a trigger may have which waits for an answer."`
	URL             callbackURL      `yaml:"url" jsonschema_description:"How receivers reach this Sluice: callback URLs begin with it. Left out: the address of the listener main."`
	AllowNetworks   []netip.Prefix   `yaml:"allow_networks" jsonschema_description:"Private networks in which receivers may be."`
	Keep            time.Duration    `yaml:"keep" jsonschema:"minimum=1m,default=168h" jsonschema_description:"How long the record of an invocation is kept that is delivered."`
	KeepDead        time.Duration    `yaml:"keep_dead" jsonschema:"minimum=1m,default=720h" jsonschema_description:"How long the record of an invocation is kept that is dead: as long it can be replayed."`
	EventBridge     eventBridgeEntry `yaml:"eventbridge" jsonschema_description:"How events go to EventBridge, because a subscription there names nothing but an account and a region."`
	KeepEvents      time.Duration    `yaml:"keep_events" jsonschema:"minimum=1h,default=2160h" jsonschema_description:"How long an event is kept. One that an invocation is still kept of is kept as long as that."`
	KeepMost        int              `yaml:"keep_most" jsonschema:"minimum=1000,default=1000000" jsonschema_description:"How many invocations that are over are kept at the most."`
}

type eventBridgeEntry struct {
	Source          string        `yaml:"source" jsonschema:"example=acme.identity" jsonschema_description:"What stands before the subscription in an event's source. Left out: aws.partner/sailpoint.com, which AWS takes from its partners alone."`
	Bus             string        `yaml:"bus" jsonschema:"default=default" jsonschema_description:"The event bus in the subscription's account."`
	AccessKeyID     string        `yaml:"access_key_id" jsonschema_description:"A key of AWS. Left out: the machine's own credentials."`
	SecretAccessKey strict.Secret `yaml:"secret_access_key" jsonschema_description:"Its secret, as a reference."`
	Endpoint        string        `yaml:"endpoint" jsonschema:"pattern=^(https?://[^/ ]+(/[^ ]*)?)?$" jsonschema_description:"Instead of AWS's own, as for a VPC endpoint; it needs access_key_id."`
}

type viewEntry struct {
	Like             string         `yaml:"like" jsonschema:"default=sailpoint" jsonschema_description:"The view that gives what is left out here."`
	LimitHeader      *string        `yaml:"limit_header" jsonschema:"pattern=^[A-Za-z0-9-]*$,example=X-Rate-Limit-Limit" jsonschema_description:"Its name; empty: not written."`
	RemainingHeader  *string        `yaml:"remaining_header" jsonschema:"pattern=^[A-Za-z0-9-]*$,example=X-Rate-Limit-Remaining" jsonschema_description:"Its name; empty: not written."`
	ResetHeader      *string        `yaml:"reset_header" jsonschema:"pattern=^[A-Za-z0-9-]*$,example=X-Rate-Limit-Reset" jsonschema_description:"Its name; empty: not written."`
	ResetFormat      string         `yaml:"reset_format" jsonschema:"example=unix" jsonschema_description:"How it writes the end of the window: unix, delta, imf, iso8601 …"`
	RetryAfterHeader *string        `yaml:"retry_after_header" jsonschema:"pattern=^[A-Za-z0-9-]*$,example=Retry-After" jsonschema_description:"Its name; empty: not written."`
	RetryAfterFormat string         `yaml:"retry_after_format" jsonschema:"example=delta" jsonschema_description:"How it writes the wait."`
	RetryAfterMin    *time.Duration `yaml:"retry_after_min" jsonschema_description:"Shortest wait that is told; 0s: no bound."`
	RetryAfterMax    *time.Duration `yaml:"retry_after_max" jsonschema_description:"Longest wait that is told; 0s: no bound."`
	IETF             *bool          `yaml:"ietf" jsonschema_description:"Write RateLimit and RateLimit-Policy of the IETF draft."`
	KeepOriginal     *bool          `yaml:"keep_original" jsonschema_description:"Keep what the vendor wrote in X-Upstream-NAME."`
	Token            string         `yaml:"token" jsonschema:"enum=json,enum=vendor" jsonschema_description:"How a sign-in is answered: as JSON with access_token, or as the vendor does."`
	Errors           string         `yaml:"errors" jsonschema:"enum=json,enum=problem,enum=text" jsonschema_description:"Shape of Sluice's own errors."`
}

type consumerEntry struct {
	Keys        []string       `yaml:"keys" jsonschema_description:"Hashes of its access keys, as sluice keys create prints them."`
	Networks    []netip.Prefix `yaml:"networks" jsonschema_description:"Where it may call from. Without keys, the networks alone say who it is."`
	Connections []string       `yaml:"connections" jsonschema_description:"What it may call; left out: all."`
	Methods     []string       `yaml:"methods" jsonschema:"example=GET" jsonschema_description:"How it may call; left out: all."`
	View        string         `yaml:"view" jsonschema:"default=sailpoint"`
	ChooseView  bool           `yaml:"choose_view" jsonschema_description:"It may name another view in the path or a header."`
	MaxHold     time.Duration  `yaml:"max_hold" jsonschema:"minimum=1ms" jsonschema_description:"Instead of the connection's."`
	Lane        string         `yaml:"lane" jsonschema:"enum=auto,enum=critical,enum=interactive,enum=bulk,default=auto" jsonschema_description:"How urgent its calls are, unless the route is more so; auto: by route and method."`
	ChooseLane  bool           `yaml:"choose_lane" jsonschema_description:"It may name the lane of a call in the header X-Sluice-Lane."`
}

type connectionEntry struct {
	Connector     string                   `yaml:"connector" jsonschema:"required,example=teamdynamix"`
	BaseURL       string                   `yaml:"base_url" jsonschema:"example=https://acme.teamdynamix.com/TDWebApi" jsonschema_description:"Where this tenant's API is; the connector's when left out."`
	AllowInsecure bool                     `yaml:"allow_insecure" jsonschema_description:"Permit http:// to a host that is not this machine."`
	Auth          string                   `yaml:"auth" jsonschema:"enum=passthrough,enum=managed,default=passthrough" jsonschema_description:"Whose credential goes to the vendor: the caller's own, or the one below."`
	Credentials   map[string]strict.Secret `yaml:"credentials" jsonschema_description:"Secrets by the names that the connector gives them."`
	Host          string                   `yaml:"host" jsonschema:"example=tdx.sluice.example" jsonschema_description:"Host name of its own, for clients that cannot take a path prefix."`
	Listener      string                   `yaml:"listener" jsonschema_description:"Listener of its own, likewise."`
	AllowNetworks []netip.Prefix           `yaml:"allow_networks" jsonschema_description:"Private networks in which the vendor may be."`
	Egress        []netip.Addr             `yaml:"egress" jsonschema_description:"Local source addresses; each has its own budget at the vendor."`
	Wire          wireEntry                `yaml:"wire"`
	Limits        map[string]limitOverride `yaml:"limits" jsonschema_description:"What differs from the connector's limits, by the name of the rule."`
	Timeouts      timeoutsEntry            `yaml:"timeouts"`
	Breaker       breakerEntry             `yaml:"breaker"`
	Retry         retryEntry               `yaml:"retry"`
	MaxHold       time.Duration            `yaml:"max_hold" jsonschema:"minimum=1ms" jsonschema_description:"Instead of limits.max_hold."`
	BulkFloor     float64                  `yaml:"bulk_floor" jsonschema:"minimum=0.01,maximum=0.9" jsonschema_description:"Instead of limits.bulk_floor."`
	Aggregation   aggregationEntry         `yaml:"aggregation" jsonschema_description:"How its people, groups and roles are read."`
}

type aggregationEntry struct {
	Plans          map[string]string `yaml:"plans" jsonschema:"example=inverted" jsonschema_description:"By resource: the plan that reads it; left out: the connector's first."`
	ChangedOnly    bool              `yaml:"changed_only" jsonschema_description:"Read an account in full only when its row in the listing changed, or its last reading is older than the resource's max_age."`
	WorkersPerNode int               `yaml:"workers_per_node" jsonschema:"minimum=1,maximum=1000,default=1" jsonschema_description:"Partitions that one node reads at once."`
	Guard          guardEntry        `yaml:"guard" jsonschema_description:"When a run is held until an operator approves it."`
	Schedules      []scheduleEntry   `yaml:"schedules" jsonschema_description:"When runs begin by themselves."`
}

type scheduleEntry struct {
	Resources strict.OneOrMany[string] `yaml:"resources" jsonschema:"example=people" jsonschema_description:"What is read, in this order; left out: all that the connector has."`
	Cron      string                   `yaml:"cron" jsonschema:"required,example=30 2 * * *" jsonschema_description:"Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @every 6h."`
	Zone      string                   `yaml:"zone" jsonschema:"default=UTC,example=America/Chicago" jsonschema_description:"Time zone of cron."`
	Jitter    time.Duration            `yaml:"jitter" jsonschema:"minimum=0s,example=15m" jsonschema_description:"A run begins up to so much later, each at a time of its own, so that tenants do not all begin at once."`
}

type guardEntry struct {
	Percent float64 `yaml:"percent" jsonschema:"minimum=0,maximum=100,default=5" jsonschema_description:"More than so many in a hundred accounts gone or changed at once …"`
	Minimum int     `yaml:"minimum" jsonschema:"minimum=1,default=20" jsonschema_description:"… and at least so many of them."`
}

type wireEntry struct {
	Engine      string `yaml:"engine" jsonschema:"enum=fasthttp,enum=nethttp,default=fasthttp" jsonschema_description:"nethttp also speaks HTTP/2."`
	CA          string `yaml:"ca" jsonschema_description:"PEM file with the roots that the vendor's certificate must have."`
	Certificate string `yaml:"certificate" jsonschema_description:"PEM file with a client certificate."`
	Key         string `yaml:"key" jsonschema_description:"PEM file with its key."`
	ServerName  string `yaml:"server_name" jsonschema_description:"Name in the vendor's certificate; the base URL's host when left out."`
	Proxy       string `yaml:"proxy" jsonschema:"example=environment" jsonschema_description:"http://host:port, or environment for HTTPS_PROXY and the like."`
	MaxConns    int    `yaml:"max_conns" jsonschema:"minimum=0,default=512" jsonschema_description:"Connections to the vendor at once, per egress address."`
}

type limitOverride struct {
	Off        bool           `yaml:"off" jsonschema_description:"This tenant has no such limit."`
	Limit      int            `yaml:"limit" jsonschema:"minimum=1" jsonschema_description:"Calls per window."`
	Concurrent int            `yaml:"concurrent" jsonschema:"minimum=1" jsonschema_description:"Calls under way at once, instead of limit and window."`
	Window     time.Duration  `yaml:"window" jsonschema_description:"How long the vendor counts."`
	Starts     string         `yaml:"starts" jsonschema:"enum=first_call,enum=clock,enum=fixed,enum=sliding,enum=bucket,enum=unknown" jsonschema_description:"When the vendor's window begins."`
	Burst      int            `yaml:"burst" jsonschema:"minimum=1" jsonschema_description:"Calls that may go at once, where starts is bucket or unknown."`
	Penalty    *time.Duration `yaml:"penalty" jsonschema_description:"After a refusal the vendor answers nothing for so long."`
	Policy     string         `yaml:"policy" jsonschema_description:"Which of the limits in the answers' headers this is."`
	Scope      string         `yaml:"scope" jsonschema:"enum=address,enum=credential,enum=connection"`
	Spread     *bool          `yaml:"spread"`
}
