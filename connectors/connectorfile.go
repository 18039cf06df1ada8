package connectors

import (
	"time"

	"sluice/internal/strict"
)

// connectorFile is connectors/NAME.yaml as it is written. Its tags are the rules that both the decoder and the schema obey.
type connectorFile struct {
	Name        string        `yaml:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$,example=teamdynamix" jsonschema_description:"What connections call this vendor: lower-case letters, digits and hyphens."`
	Title       string        `yaml:"title" jsonschema_description:"The vendor's name for people."`
	Docs        string        `yaml:"docs" jsonschema_description:"Where the vendor documents what stands here."`
	BaseURL     string        `yaml:"base_url" jsonschema_description:"Default base URL; leave it out when every tenant has its own."`
	IgnoreCase  bool          `yaml:"ignore_case" jsonschema_description:"Literal path segments match in any case, as on an IIS server."`
	Credentials []string      `yaml:"credentials" jsonschema_description:"Names of the secrets that auth uses as ${credential:NAME}."`
	Auth        *Auth         `yaml:"auth" jsonschema_description:"How Sluice signs in when it holds the credential. The key is the type."`
	SignIn      []signInEntry `yaml:"sign_in" jsonschema_description:"Routes that answer with a token."`
	Limits      limitsEntry   `yaml:"limits" jsonschema_description:"How much the vendor permits and how it says so."`
	Routes      []routeEntry  `yaml:"routes" jsonschema_description:"What is special about some calls. The narrowest match holds."`
	Request     []any         `yaml:"request" jsonschema_description:"Transforms of every request, before those of its route."`
	Response    []any         `yaml:"response" jsonschema_description:"Transforms of every answer, before those of its route."`
	Breaker     breakerEntry  `yaml:"breaker" jsonschema_description:"When the vendor is left alone."`
	Retry       retryEntry    `yaml:"retry" jsonschema_description:"How often a call that is safe to repeat is sent."`
	Timeouts    timeoutsEntry `yaml:"timeouts" jsonschema_description:"How long the vendor may take."`
	Resources   resources     `yaml:"resources" jsonschema_description:"What can be aggregated, by name: people, groups, roles … Their order in the file is kept."`
	Tests       []testEntry   `yaml:"tests" jsonschema_description:"Recorded answers of the vendor and what a caller must get for them; sluice check runs them."`
}

// match is one "METHOD /path" or a list of them.
type match = strict.OneOrMany[string]

type signInEntry struct {
	Match    match         `yaml:"match" jsonschema:"required,example=POST /api/auth" jsonschema_description:"METHOD /path, relative to the base URL; or a list."`
	Token    any           `yaml:"token" jsonschema:"required" jsonschema_description:"Where the token stands in the answer."`
	CacheFor time.Duration `yaml:"cache_for" jsonschema_description:"Longest time a token is answered from memory; 0s is as long as it lives."`
}

type limitsEntry struct {
	Headers  any           `yaml:"headers" jsonschema_description:"The headers in which the vendor tells its limits, and their formats."`
	Refusals []any         `yaml:"refusals" jsonschema_description:"Answers other than 429 that mean too many."`
	Learn    bool          `yaml:"learn" jsonschema:"default=true" jsonschema_description:"Pace routes without a rule by what the headers say."`
	Window   time.Duration `yaml:"window" jsonschema_description:"Default of the rules' window."`
	Starts   string        `yaml:"starts" jsonschema:"enum=first_call,enum=clock,enum=fixed,enum=sliding,enum=bucket,enum=unknown,default=unknown" jsonschema_description:"Default of the rules' starts: when the vendor's window begins."`
	Scope    string        `yaml:"scope" jsonschema:"enum=address,enum=credential,enum=connection,default=address" jsonschema_description:"Default of the rules' scope: what the vendor counts by."`
	Penalty  time.Duration `yaml:"penalty" jsonschema_description:"Default of the rules' penalty, and that of limits learned from headers."`
	Rules    []ruleEntry   `yaml:"rules" jsonschema_description:"The vendor's limits. A rule is one count for all it matches; * and {name...} span, and all rules that match a call bind it at once. {name} does not match what another entry names in its place."`
}

type ruleEntry struct {
	Name       string `yaml:"name" jsonschema_description:"What connections and metrics call the rule; its first match when left out."`
	Match      match  `yaml:"match" jsonschema:"required,example=GET /api/people/{uid}" jsonschema_description:"METHOD /path, relative to the base URL; or a list. {name} is a segment, {name...} at the end the rest."`
	quotaEntry `yaml:",inline"`
	Window     time.Duration  `yaml:"window" jsonschema_description:"How long the vendor counts."`
	Starts     string         `yaml:"starts" jsonschema:"enum=first_call,enum=clock,enum=fixed,enum=sliding,enum=bucket,enum=unknown" jsonschema_description:"When the vendor's window begins. clock: with the clock's, as every full hour; fixed: evenly, nobody knows when; bucket: there is none, places come back evenly."`
	Burst      int            `yaml:"burst" jsonschema:"minimum=1" jsonschema_description:"Calls that may go at once, where starts is bucket or unknown; limit when left out."`
	Penalty    *time.Duration `yaml:"penalty" jsonschema_description:"After a refusal the vendor answers nothing for so long."`
	Policy     string         `yaml:"policy" jsonschema:"example=daily" jsonschema_description:"Which of the limits in the answers' headers this is, by the name that limits.headers gives it; left out: by window, then by size."`
	Scope      string         `yaml:"scope" jsonschema:"enum=address,enum=credential,enum=connection" jsonschema_description:"What the vendor counts by: our address, the credential, or all that the connection does."`
	Spread     bool           `yaml:"spread" jsonschema_description:"Space all calls evenly over the window, bursts too."`
}

// quotaEntry is what a rule permits: so many calls in a window, or so many under way.
type quotaEntry struct {
	strict.Union `yaml:"-"`
	Limit        *int `yaml:"limit" jsonschema:"minimum=1" jsonschema_description:"Calls per window."`
	Concurrent   *int `yaml:"concurrent" jsonschema:"minimum=1" jsonschema_description:"Calls under way at once, instead of limit and window."`
}

type routeEntry struct {
	Match    match         `yaml:"match" jsonschema:"required" jsonschema_description:"METHOD /path, relative to the base URL; or a list."`
	Request  []any         `yaml:"request" jsonschema_description:"Transforms of the request."`
	Response []any         `yaml:"response" jsonschema_description:"Transforms of the answer."`
	Cache    *cacheEntry   `yaml:"cache" jsonschema_description:"Answers may be kept. Left out: they are not."`
	Breaker  string        `yaml:"breaker" jsonschema_description:"Group of routes that fail together; all without one are a group."`
	Safe     *bool         `yaml:"safe" jsonschema_description:"May be sent twice although the method does not say so, such as a search by POST."`
	Timeout  time.Duration `yaml:"timeout" jsonschema_description:"Instead of timeouts.total."`
	Lane     string        `yaml:"lane" jsonschema:"enum=critical,enum=interactive,enum=bulk" jsonschema_description:"How urgent these calls are by nature; a sign-in is interactive. Left out: what consumer and method say."`
}

type cacheEntry struct {
	TTL    time.Duration `yaml:"ttl" jsonschema:"required" jsonschema_description:"How long an answer is fresh."`
	Stale  time.Duration `yaml:"stale" jsonschema_description:"How much longer it is served while one caller refreshes it."`
	Shared bool          `yaml:"shared" jsonschema_description:"One answer for all consumers with the same view; else each has its own."`
	Vary   []string      `yaml:"vary" jsonschema_description:"Request headers that are part of the key."`
}

// breakerEntry, retryEntry and timeoutsEntry have no default of their own: what a connection leaves out is its connector's,
// and what that leaves out is the house's. A zero would not be told from nothing, so it is refused.
type breakerEntry struct {
	Off      bool          `yaml:"off" jsonschema_description:"Never leave the vendor alone."`
	Failures int           `yaml:"failures" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"Consecutive failures that open it (10)."`
	Ratio    float64       `yaml:"ratio" jsonschema:"minimum=0.01,maximum=1" jsonschema_description:"Share of failures that opens it (0.5) …"`
	Minimum  int           `yaml:"minimum" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"… of at least so many calls (20) …"`
	Window   time.Duration `yaml:"window" jsonschema:"minimum=1ms" jsonschema_description:"… in this time (60s)."`
	Open     time.Duration `yaml:"open" jsonschema:"minimum=1ms" jsonschema_description:"How long it stays open (15s)."`
	Probes   int           `yaml:"probes" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Calls let through when half open (1)."`
}

type retryEntry struct {
	Attempts int           `yaml:"attempts" jsonschema:"minimum=1,maximum=10" jsonschema_description:"Tries in all, the first included (3)."`
	Base     time.Duration `yaml:"base" jsonschema:"minimum=1ms" jsonschema_description:"First pause; doubled each time, with jitter (200ms)."`
	Max      time.Duration `yaml:"max" jsonschema:"minimum=1ms" jsonschema_description:"Longest pause (5s)."`
}

type timeoutsEntry struct {
	Connect   time.Duration `yaml:"connect" jsonschema:"minimum=1ms" jsonschema_description:"To a connection that is ready (5s)."`
	FirstByte time.Duration `yaml:"first_byte" jsonschema:"minimum=1ms" jsonschema_description:"From the request's last byte to the answer's first (30s)."`
	Idle      time.Duration `yaml:"idle" jsonschema:"minimum=1ms" jsonschema_description:"Longest silence inside a body (30s)."`
	Total     time.Duration `yaml:"total" jsonschema:"minimum=1ms" jsonschema_description:"From arrival, waiting for a place included, to the answer's header (60s)."`
}

type testEntry struct {
	Name    string        `yaml:"name" jsonschema:"required" jsonschema_description:"What it proves."`
	View    string        `yaml:"view" jsonschema:"default=sailpoint" jsonschema_description:"The caller's view."`
	Now     string        `yaml:"now" jsonschema:"example=2018-03-28T16:07:15Z" jsonschema_description:"What the clock says when the answer comes (RFC 3339)."`
	Request exchangeEntry `yaml:"request" jsonschema:"required" jsonschema_description:"What the caller sends."`
	Sent    *sentEntry    `yaml:"sent" jsonschema_description:"What the vendor must get of it."`
	Answer  answerEntry   `yaml:"answer" jsonschema:"required" jsonschema_description:"What the vendor answers."`
	Expect  answerEntry   `yaml:"expect" jsonschema:"required" jsonschema_description:"What the caller must get."`
	Unread  int           `yaml:"unread" jsonschema:"minimum=0,default=0" jsonschema_description:"How many values the transforms must leave as they were because they cannot be read."`
}

// headersEntry is header values by name; [] in an expectation says that the header must be absent.
type headersEntry map[string]strict.OneOrMany[string]

type contentEntry struct {
	Headers headersEntry `yaml:"headers" jsonschema_description:"Values by name; one or a list. [] in what is expected: absent."`
	Body    *string      `yaml:"body" jsonschema_description:"The body, byte for byte."`
	JSON    any          `yaml:"json" jsonschema_description:"The body as JSON, written in YAML; what is expected is compared as JSON."`
}

type exchangeEntry struct {
	Method       string `yaml:"method" jsonschema:"default=GET"`
	Path         string `yaml:"path" jsonschema:"required" jsonschema_description:"Below the base URL, query included."`
	contentEntry `yaml:",inline"`
}

type sentEntry struct {
	Method       string `yaml:"method"`
	Path         string `yaml:"path" jsonschema_description:"Below the base URL, query included."`
	contentEntry `yaml:",inline"`
}

type answerEntry struct {
	Status       int `yaml:"status" jsonschema:"minimum=0,maximum=599" jsonschema_description:"200 when left out; what is expected: that of the answer."`
	contentEntry `yaml:",inline"`
}
