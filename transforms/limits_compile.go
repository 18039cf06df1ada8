package transforms

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// A table of the waits that many vendors share: RFC 9110's header, Help Scout's and MailerLite's, Omnissa's.
var commonWaits = []timeField{
	{"Retry-After", RetryAfter}, {"X-Ratelimit-Retry-After", Auto}, {"X-Rate-Limit-Retry-After-Seconds", Delta},
}

// limitStyles is the table of header families that more than one vendor uses, and of vendors with a form of their own.
// Names are in canonical spelling. A configured key goes before the style's.
var limitStyles = map[string]LimitReader{
	// X-RateLimit-*: GitHub, Auth0, Smartsheet, DocuSign, ServiceNow (Unix), Jira (ISO), TeamDynamix (IMF).
	"x": {policies: []policyReader{{
		limit: "X-Ratelimit-Limit", remaining: "X-Ratelimit-Remaining", used: "X-Ratelimit-Used",
		reset: []timeField{{"X-Ratelimit-Reset", Auto}},
	}}},
	// X-Rate-Limit-*: Okta (Unix), BoldDesk (ISO).
	"x_rate_limit": {policies: []policyReader{{
		limit: "X-Rate-Limit-Limit", remaining: "X-Rate-Limit-Remaining",
		reset: []timeField{{"X-Rate-Limit-Reset", Auto}},
	}}},
	// RateLimit-* as three headers: PagerDuty, Zendesk.
	"ratelimit": {policies: []policyReader{threeHeaders}},
	"ietf":      {draft: true},
	"sforce":    {info: "Sforce-Limit-Info"},
	"zendesk":   {policies: []policyReader{threeHeaders}, index: "Zendesk-Ratelimit-"},
	"zendesk_index": {
		index: "Zendesk-Ratelimit-",
	},
	"hubspot": {policies: []policyReader{
		{name: "interval", limit: "X-Hubspot-Ratelimit-Max", remaining: "X-Hubspot-Ratelimit-Remaining",
			windowHeader: timeField{"X-Hubspot-Ratelimit-Interval-Milliseconds", DeltaMS}},
		{name: "daily", limit: "X-Hubspot-Ratelimit-Daily", remaining: "X-Hubspot-Ratelimit-Daily-Remaining", window: 24 * time.Hour},
	}},
	"freshservice": {policies: []policyReader{{
		limit: "X-Ratelimit-Total", remaining: "X-Ratelimit-Remaining", cost: "X-Ratelimit-Used-Currentrequest", window: time.Minute,
	}}},
	"canvas": {policies: []policyReader{{remaining: "X-Rate-Limit-Remaining", cost: "X-Request-Cost"}}},
	"gitlab": {policies: []policyReader{{
		limit: "Ratelimit-Limit", remaining: "Ratelimit-Remaining", used: "Ratelimit-Observed",
		reset: []timeField{{"Ratelimit-Reset", Unix}, {"Ratelimit-Resettime", HTTPDate}},
	}}},
	"oracle": {policies: []policyReader{
		{name: "default", remaining: "Requestlimit-Default-Remaining", retry: []timeField{{"Requestlimit-Default-Retryafter", DeltaMS}}},
		{name: "write", remaining: "Requestlimit-Write-Remaining", retry: []timeField{{"Requestlimit-Write-Retryafter", DeltaMS}}},
	}},
	"docusign": {policies: []policyReader{
		{name: "hourly", limit: "X-Ratelimit-Limit", remaining: "X-Ratelimit-Remaining",
			reset: []timeField{{"X-Ratelimit-Reset", Auto}}, window: time.Hour},
		{name: "burst", limit: "X-Burstlimit-Limit", remaining: "X-Burstlimit-Remaining", window: 30 * time.Second},
	}},
}

// CompileLimitReader compiles a reader from YAML data: the name of a style, or a mapping, or a list of mappings, one
// for each policy:
//
//	style: x                 x, x_rate_limit, ratelimit, ietf, sforce, zendesk, hubspot, freshservice, canvas, gitlab, oracle, docusign
//	policy: daily            a name for this limit
//	limit: HEADER, remaining: HEADER, used: HEADER, cost: HEADER
//	reset: HEADER            or {name: HEADER, format: imf}, or {format: imf} for the style's header, or a list, of which the latest counts
//	retry_after: ...         the same; without it Retry-After and its usual variants
//	window: 60s              or {name: HEADER, format: delta_ms}
//
// Keys beside a style go before the style's own. Formats default to auto. Its error is an ArgErrors.
func CompileLimitReader(args any) (*LimitReader, error) {
	faults := &ArgErrors{}
	list, many := args.([]any)
	if !many {
		list = []any{args}
	}
	r := &LimitReader{}
	for i, one := range list {
		path := ""
		if many {
			path = at("", i, args)
		}
		a := subFields(one, path, faults)
		a.short("style")
		r.join(compilePolicy(a))
		a.finish()
	}
	if len(r.retry) == 0 {
		r.retry = commonWaits
	}
	if len(*faults) > 0 {
		return nil, *faults
	}
	return r, nil
}

func (r *LimitReader) join(other LimitReader) {
	r.policies = append(r.policies, other.policies...)
	r.retry = append(r.retry, other.retry...)
	r.draft = r.draft || other.draft
	if other.info != "" {
		r.info = other.info
	}
	if other.index != "" {
		r.index = other.index
	}
}

func compilePolicy(a *fields) LimitReader {
	var r LimitReader
	style := a.text("style", "")
	if style != "" {
		known, ok := limitStyles[style]
		if !ok {
			names := slices.Sorted(maps.Keys(limitStyles))
			a.fault("style", "unknown style %q%s; there are: %s", style, didYouMean(style, names), strings.Join(names, ", "))
		}
		r = known
		r.policies = slices.Clone(known.policies)
	} else {
		a.need("style", "limit", "remaining", "used", "cost", "reset", "retry_after")
	}
	var p policyReader
	if len(r.policies) > 0 {
		p = r.policies[0]
	}
	before := len(a.asked)
	p.read(a)
	own := slices.ContainsFunc(a.asked[before:], a.has)
	switch {
	case own && len(r.policies) > 1:
		a.fault("", "style %s has several policies of its own; write further ones as another entry of a list", style)
	case own && style != "" && len(r.policies) == 0:
		a.fault("", "style %s takes no header names", style)
	case own:
		r.policies = []policyReader{p}
	}
	r.retry = a.timeFields("retry_after", []timeField{{"Retry-After", RetryAfter}})
	if !a.has("retry_after") {
		r.retry = nil
	}
	return r
}

// read lays the configured names over p's.
func (p *policyReader) read(a *fields) {
	p.name = a.text("policy", p.name)
	p.limit = cmp.Or(a.header("limit"), p.limit)
	p.remaining = cmp.Or(a.header("remaining"), p.remaining)
	p.used = cmp.Or(a.header("used"), p.used)
	p.cost = cmp.Or(a.header("cost"), p.cost)
	p.reset = a.timeFields("reset", p.reset)
	if w, ok := a.values["window"].(map[string]any); ok && w != nil {
		if all := a.timeFields("window", nil); len(all) > 0 {
			p.windowHeader = all[0]
		}
		return
	}
	p.window = a.span("window", p.window)
}

// timeFields reads one or several headers with their formats; an entry without a name takes the style's.
func (a *fields) timeFields(key string, style []timeField) []timeField {
	subs := a.subs(key)
	if subs == nil {
		return style
	}
	var out []timeField
	for _, s := range subs {
		s.short("name")
		f := timeField{header: s.header("name")}
		otherwise := Auto
		if f.header == "Retry-After" {
			otherwise = RetryAfter
		}
		f.format = s.format("format", otherwise)
		switch {
		case f.header == "" && len(style) == 0:
			s.need("name")
		case f.header == "":
			f.header = style[0].header
		}
		out = append(out, f)
		s.finish()
	}
	return out
}
