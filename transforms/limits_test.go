package transforms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/transforms"
)

// headers builds a header from name, value pairs.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func reader(t testing.TB, args any) *transforms.LimitReader {
	t.Helper()
	r, err := transforms.CompileLimitReader(args)
	if err != nil {
		t.Fatalf("CompileLimitReader(%v): %v", args, err)
	}
	return r
}

type object = map[string]any

// in returns noon and d, as the readers say it.
func in(d time.Duration) time.Time { return noon.Add(d) }

// checkRead reads headers at noon by args, which must find no fault, and wants these limits.
func checkRead(t *testing.T, args any, h http.Header, want []transforms.Limits) {
	t.Helper()
	got, errs := reader(t, args).Read(h, noon)
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read: got + want -\n%s", diff)
	}
}

// Every vendor of the table, and every odd value seen in vendors' documents.
func TestLimitReader(t *testing.T) {
	t.Parallel()
	type limits = transforms.Limits
	type origin = transforms.Origin
	tests := []struct {
		name string
		args any
		h    http.Header
		want []limits
	}{
		{"TeamDynamix, its clock 5 s behind", object{"style": "x", "reset": object{"format": "imf"}, "window": "60s"},
			headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "Date", "Fri, 07 Aug 2026 11:59:55 GMT"),
			[]limits{{Limit: 60, HasLimit: true, Remaining: 59, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 35 * time.Second, Window: time.Minute,
				From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""}}}},
		{"Okta", object{"style": "x_rate_limit", "reset": object{"format": "unix"}},
			headers("X-Rate-Limit-Limit", "1200", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Reset", "1786104030"),
			[]limits{{Limit: 1200, HasLimit: true, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second,
				From: origin{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", ""}}}},
		{"GitHub, remaining from used", object{"limit": "x-ratelimit-limit", "used": "x-ratelimit-used", "reset": object{"name": "x-ratelimit-reset", "format": "unix"}},
			headers("X-RateLimit-Limit", "5000", "X-RateLimit-Used", "1", "X-RateLimit-Reset", "1786104030"),
			[]limits{{Limit: 5000, HasLimit: true, Remaining: 4999, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second,
				From: origin{"X-Ratelimit-Limit", "", "X-Ratelimit-Reset", ""}}}},
		{"ServiceNow, no remaining", "x", headers("X-RateLimit-Limit", "500", "X-RateLimit-Reset", "1786104030", "Retry-After", "30"),
			[]limits{{Limit: 500, HasLimit: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, RetryAfter: 30 * time.Second, HasRetry: true,
				From: origin{"X-Ratelimit-Limit", "", "X-Ratelimit-Reset", "Retry-After"}}}},
		{"Salesforce", "sforce", headers("Sforce-Limit-Info", "api-usage=10018/100000; per-app-api-usage=17/250(appName=sample)"),
			[]limits{
				{Policy: "api-usage", Limit: 100000, HasLimit: true, Remaining: 89982, HasRemaining: true, Window: 24 * time.Hour, From: origin{Limit: "Sforce-Limit-Info", Remaining: "Sforce-Limit-Info"}},
				{Policy: "per-app-api-usage", Limit: 250, HasLimit: true, Remaining: 233, HasRemaining: true, Window: 24 * time.Hour, From: origin{Limit: "Sforce-Limit-Info", Remaining: "Sforce-Limit-Info"}},
			}},
		{"Zendesk", "zendesk", headers("RateLimit-Limit", "700", "RateLimit-Remaining", "699", "RateLimit-Reset", "41", "Zendesk-RateLimit-Tickets-Index", "total=100; remaining=99; resets=41"),
			[]limits{
				{Limit: 700, HasLimit: true, Remaining: 699, HasRemaining: true, Reset: in(41 * time.Second), ResetAfter: 41 * time.Second, From: origin{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", ""}},
				{Policy: "tickets-index", Limit: 100, HasLimit: true, Remaining: 99, HasRemaining: true, Reset: in(41 * time.Second), ResetAfter: 41 * time.Second,
					From: origin{"Zendesk-Ratelimit-Tickets-Index", "Zendesk-Ratelimit-Tickets-Index", "Zendesk-Ratelimit-Tickets-Index", ""}},
			}},
		{"Slack, Box, Asana: Retry-After alone", "x", headers("Retry-After", "41"), []limits{{RetryAfter: 41 * time.Second, HasRetry: true, From: origin{RetryAfter: "Retry-After"}}}},
		{"Retry-After as a date, by the answer's clock", "x", headers("Retry-After", "Fri, 07 Aug 2026 12:00:30 GMT", "Date", "Fri, 07 Aug 2026 11:59:55 GMT"),
			[]limits{{RetryAfter: 35 * time.Second, HasRetry: true, From: origin{RetryAfter: "Retry-After"}}}},
		{"Jira Cloud", object{"style": "x", "reset": object{"format": "iso_minute"}}, headers("X-RateLimit-Limit", "350", "X-RateLimit-Remaining", "10", "X-RateLimit-Reset", "2026-08-07T12:01Z"),
			[]limits{{Limit: 350, HasLimit: true, Remaining: 10, HasRemaining: true, Reset: in(time.Minute), ResetAfter: time.Minute, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""}}}},
		{"HubSpot", "hubspot", headers("X-HubSpot-RateLimit-Daily", "250000", "X-HubSpot-RateLimit-Daily-Remaining", "249999", "X-HubSpot-RateLimit-Max", "100", "X-HubSpot-RateLimit-Remaining", "98", "X-HubSpot-RateLimit-Interval-Milliseconds", "10000"),
			[]limits{
				{Policy: "interval", Limit: 100, HasLimit: true, Remaining: 98, HasRemaining: true, Window: 10 * time.Second, From: origin{Limit: "X-Hubspot-Ratelimit-Max", Remaining: "X-Hubspot-Ratelimit-Remaining"}},
				{Policy: "daily", Limit: 250000, HasLimit: true, Remaining: 249999, HasRemaining: true, Window: 24 * time.Hour, From: origin{Limit: "X-Hubspot-Ratelimit-Daily", Remaining: "X-Hubspot-Ratelimit-Daily-Remaining"}},
			}},
		{"Freshservice", "freshservice", headers("X-RateLimit-Total", "200", "X-RateLimit-Remaining", "197", "X-RateLimit-Used-CurrentRequest", "3"),
			[]limits{{Limit: 200, HasLimit: true, Remaining: 197, HasRemaining: true, Cost: 3, Window: time.Minute, From: origin{Limit: "X-Ratelimit-Total", Remaining: "X-Ratelimit-Remaining"}}}},
		{"Canvas", "canvas", headers("X-Rate-Limit-Remaining", "599.7", "X-Request-Cost", "0.3"),
			[]limits{{Remaining: 599.7, HasRemaining: true, Cost: 0.3, From: origin{Remaining: "X-Rate-Limit-Remaining"}}}},
		{"Canvas in full float, as Ruby writes it", "canvas", headers("X-Rate-Limit-Remaining", "699.9388713539999", "X-Request-Cost", "0.058649226000000004"),
			[]limits{{Remaining: 699.9388713539999, HasRemaining: true, Cost: 0.058649226000000004, From: origin{Remaining: "X-Rate-Limit-Remaining"}}}},
		{"DocuSign", "docusign", headers("X-RateLimit-Limit", "3000", "X-RateLimit-Remaining", "2990", "X-RateLimit-Reset", "1786107600", "X-BurstLimit-Limit", "500", "X-BurstLimit-Remaining", "499"),
			[]limits{
				{Policy: "hourly", Limit: 3000, HasLimit: true, Remaining: 2990, HasRemaining: true, Window: time.Hour, Reset: in(time.Hour), ResetAfter: time.Hour, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""}},
				{Policy: "burst", Limit: 500, HasLimit: true, Remaining: 499, HasRemaining: true, Window: 30 * time.Second, From: origin{Limit: "X-Burstlimit-Limit", Remaining: "X-Burstlimit-Remaining"}},
			}},
		{"Salesforce in a burst", "sforce", headers("Sforce-Limit-Info", "api-usage=100001/100000, api-bursts=3/25"),
			[]limits{
				{Policy: "api-usage", Limit: 100000, HasLimit: true, HasRemaining: true, Window: 24 * time.Hour, From: origin{Limit: "Sforce-Limit-Info", Remaining: "Sforce-Limit-Info"}},
				{Policy: "api-bursts", Limit: 25, HasLimit: true, Remaining: 22, HasRemaining: true, From: origin{Limit: "Sforce-Limit-Info", Remaining: "Sforce-Limit-Info"}},
			}},
		{"PagerDuty", "ratelimit", headers("ratelimit-limit", "960", "ratelimit-remaining", "957", "ratelimit-reset", "25"),
			[]limits{{Limit: 960, HasLimit: true, Remaining: 957, HasRemaining: true, Reset: in(25 * time.Second), ResetAfter: 25 * time.Second, From: origin{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", ""}}}},
		{"Auth0, Smartsheet", "x", headers("x-ratelimit-limit", "120", "x-ratelimit-remaining", "119", "x-ratelimit-reset", "1786104030"),
			[]limits{{Limit: 120, HasLimit: true, Remaining: 119, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""}}}},
		{"Jira Cloud without a format", "x", headers("X-RateLimit-Limit", "350", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "2026-08-07T12:01Z", "X-RateLimit-NearLimit", "true", "Retry-After", "60"),
			[]limits{{Limit: 350, HasLimit: true, HasRemaining: true, Reset: in(time.Minute), ResetAfter: time.Minute, RetryAfter: time.Minute, HasRetry: true, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Retry-After"}}}},
		{"GitLab says the reset twice, and when to come back", "gitlab", headers("RateLimit-Limit", "600", "RateLimit-Observed", "600", "RateLimit-Reset", "1786104030", "RateLimit-ResetTime", "Fri, 07 Aug 2026 12:00:31 GMT", "Retry-After", "31"),
			[]limits{{Limit: 600, HasLimit: true, HasRemaining: true, Reset: in(31 * time.Second), ResetAfter: 31 * time.Second, RetryAfter: 31 * time.Second, HasRetry: true, From: origin{"Ratelimit-Limit", "", "Ratelimit-Resettime", "Retry-After"}}}},
		{"GitLab says the reset twice", "gitlab", headers("RateLimit-Limit", "600", "RateLimit-Remaining", "599", "RateLimit-Reset", "1786104030", "RateLimit-ResetTime", "Fri, 07 Aug 2026 12:00:30 GMT"),
			[]limits{{Limit: 600, HasLimit: true, Remaining: 599, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", ""}}}},
		{"Oracle Access Governance", "oracle", headers("RequestLimit-Default-Remaining", "0", "RequestLimit-Default-RetryAfter", "1500", "RequestLimit-Write-Remaining", "60"),
			[]limits{
				{Policy: "default", HasRemaining: true, RetryAfter: 1500 * time.Millisecond, HasRetry: true, From: origin{Remaining: "Requestlimit-Default-Remaining", RetryAfter: "Requestlimit-Default-Retryafter"}},
				{Policy: "write", Remaining: 60, HasRemaining: true, From: origin{Remaining: "Requestlimit-Write-Remaining"}},
			}},
		{"WHOOP", "x", headers("X-RateLimit-Limit", "100, 100;window=60, 10000;window=86400", "X-RateLimit-Remaining", "98", "X-RateLimit-Reset", "3"),
			[]limits{
				{Limit: 100, HasLimit: true, Remaining: 98, HasRemaining: true, Reset: in(3 * time.Second), ResetAfter: 3 * time.Second, Window: time.Minute, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""}},
				{Policy: "w=86400", Limit: 10000, HasLimit: true, Window: 24 * time.Hour, From: origin{Limit: "X-Ratelimit-Limit"}},
			}},
		{"500, 500;w=1", "x", headers("X-RateLimit-Limit", "500, 500;w=1"), []limits{{Limit: 500, HasLimit: true, Window: time.Second, From: origin{Limit: "X-Ratelimit-Limit"}}}},
		{"agent.ai", "ratelimit", headers("RateLimit-Limit", "1000: 1000"), []limits{{Limit: 1000, HasLimit: true, From: origin{Limit: "Ratelimit-Limit"}}}},
		{"BoldDesk: a window where the limit should be", "x_rate_limit", headers("X-Rate-Limit-Limit", "1m", "X-Rate-Limit-Remaining", "99", "X-Rate-Limit-Reset", "2026-08-07T12:00:30.1234567Z"),
			[]limits{{Remaining: 99, HasRemaining: true, Window: time.Minute, Reset: in(30123456700), ResetAfter: 30123456700, From: origin{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", ""}}}},
		{"SkuVault: reset in ms from now", object{"style": "x", "reset": object{"format": "delta_ms"}}, headers("X-RateLimit-Reset", "2500"),
			[]limits{{Reset: in(2500 * time.Millisecond), ResetAfter: 2500 * time.Millisecond, From: origin{Reset: "X-Ratelimit-Reset"}}}},
		{"OpenAI", object{"style": "x", "reset": object{"name": "x-ratelimit-reset-tokens", "format": "go_duration"}}, headers("X-RateLimit-Reset-Tokens", "6m0s"),
			[]limits{{Reset: in(6 * time.Minute), ResetAfter: 6 * time.Minute, From: origin{Reset: "X-Ratelimit-Reset-Tokens"}}}},
		{"Split: the later of two scopes", object{"reset": []any{object{"name": "X-RateLimit-Reset-Seconds-Org", "format": "delta"}, object{"name": "X-RateLimit-Reset-Seconds-IP", "format": "delta"}}},
			headers("X-RateLimit-Reset-Seconds-Org", "5", "X-RateLimit-Reset-Seconds-IP", "9"),
			[]limits{{Reset: in(9 * time.Second), ResetAfter: 9 * time.Second, From: origin{Reset: "X-Ratelimit-Reset-Seconds-Ip"}}}},
		{"Help Scout", "x", headers("X-RateLimit-Retry-After", "7"), []limits{{RetryAfter: 7 * time.Second, HasRetry: true, From: origin{RetryAfter: "X-Ratelimit-Retry-After"}}}},
		{"Omnissa", "x", headers("X-Rate-Limit-Retry-After-Seconds", "7"), []limits{{RetryAfter: 7 * time.Second, HasRetry: true, From: origin{RetryAfter: "X-Rate-Limit-Retry-After-Seconds"}}}},
		{"draft -10", "ietf", headers("RateLimit-Policy", `"burst";q=100;w=60,"daily";q=1000;w=86400;qu="content-bytes"`, "RateLimit", `"burst";r=50;t=30`),
			[]limits{
				{Policy: "burst", Limit: 100, HasLimit: true, Remaining: 50, HasRemaining: true, Window: time.Minute, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"Ratelimit-Policy", "Ratelimit", "Ratelimit", ""}},
				{Policy: "daily", Limit: 1000, HasLimit: true, Window: 24 * time.Hour, Unit: "content-bytes", From: origin{Limit: "Ratelimit-Policy"}},
			}},
		{"draft -07, Postman", "ietf", headers("RateLimit-Policy", "300;w=60", "RateLimit", "limit=300, remaining=299, reset=5"),
			[]limits{{Limit: 300, HasLimit: true, Remaining: 299, HasRemaining: true, Window: time.Minute, Reset: in(5 * time.Second), ResetAfter: 5 * time.Second, From: origin{"Ratelimit", "Ratelimit", "Ratelimit", ""}}}},
		{"draft -06", "ietf", headers("RateLimit-Limit", "10, 10;w=1", "RateLimit-Remaining", "9", "RateLimit-Reset", "1"),
			[]limits{{Limit: 10, HasLimit: true, Remaining: 9, HasRemaining: true, Window: time.Second, Reset: in(time.Second), ResetAfter: time.Second, From: origin{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", ""}}}},
		{"draft -06 beside a policy header, express-rate-limit", "ietf", headers("RateLimit-Policy", "100;w=60", "RateLimit-Limit", "100", "RateLimit-Remaining", "99", "RateLimit-Reset", "60"),
			[]limits{{Limit: 100, HasLimit: true, Remaining: 99, HasRemaining: true, Window: time.Minute, Reset: in(time.Minute), ResetAfter: time.Minute, From: origin{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", ""}}}},
		{"draft -06, the second of two policies", "ietf", headers("RateLimit-Policy", "10;w=1, 50;w=60", "RateLimit-Limit", "50, 10;w=1, 50;w=60", "RateLimit-Remaining", "0"),
			[]limits{
				{Limit: 10, HasLimit: true, Window: time.Second, From: origin{Limit: "Ratelimit-Policy"}},
				{Limit: 50, HasLimit: true, HasRemaining: true, Window: time.Minute, From: origin{Limit: "Ratelimit-Limit", Remaining: "Ratelimit-Remaining"}},
			}},
		{"draft -06, a policy and no limit", "ietf", headers("RateLimit-Policy", "100;w=60", "RateLimit-Remaining", "9", "RateLimit-Reset", "5"),
			[]limits{{Limit: 100, HasLimit: true, Remaining: 9, HasRemaining: true, Window: time.Minute, Reset: in(5 * time.Second), ResetAfter: 5 * time.Second, From: origin{"Ratelimit-Policy", "Ratelimit-Remaining", "Ratelimit-Reset", ""}}}},
		{"draft -06, a limit of no policy", "ietf", headers("RateLimit-Policy", "100;w=60", "RateLimit-Limit", "7", "RateLimit-Remaining", "1"),
			[]limits{
				{Limit: 100, HasLimit: true, Window: time.Minute, From: origin{Limit: "Ratelimit-Policy"}},
				{Limit: 7, HasLimit: true, Remaining: 1, HasRemaining: true, From: origin{Limit: "Ratelimit-Limit", Remaining: "Ratelimit-Remaining"}},
			}},
		{"draft -10 with partition keys", "ietf", headers("RateLimit-Policy", `"100-in-1min"; q=100; w=60; pk=:ZGM=:, "hour";q=5;w=3600;pk=:YQ==:`, "RateLimit", `"100-in-1min"; r=99; t=30; pk=:ZGM=:`),
			[]limits{
				{Policy: "100-in-1min", Limit: 100, HasLimit: true, Remaining: 99, HasRemaining: true, Window: time.Minute, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"Ratelimit-Policy", "Ratelimit", "Ratelimit", ""}},
				{Policy: "hour", Limit: 5, HasLimit: true, Window: time.Hour, From: origin{Limit: "Ratelimit-Policy"}},
			}},
		{"draft -10, calls under way", "ietf", headers("RateLimit-Policy", `"running";q=15;qu="concurrent-requests"`, "RateLimit", `"running";r=3`),
			[]limits{{Policy: "running", Limit: 15, HasLimit: true, Remaining: 3, HasRemaining: true, Unit: "concurrent-requests", From: origin{Limit: "Ratelimit-Policy", Remaining: "Ratelimit"}}}},
		{"repeated with one value", "x", headers("X-RateLimit-Limit", "60", "X-RateLimit-Limit", "60"), []limits{{Limit: 60, HasLimit: true, From: origin{Limit: "X-Ratelimit-Limit"}}}},
		{"nothing said", "x", headers("Content-Type", "text/plain"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkRead(t, tt.args, tt.h, tt.want)
		})
	}
}

// What no style knows is read by naming the headers.
func TestLimitReaderByKeys(t *testing.T) {
	t.Parallel()
	type limits = transforms.Limits
	type origin = transforms.Origin
	tests := []struct {
		name string
		args any
		h    http.Header
		want []limits
	}{
		{"Zendesk without ratelimit-*", object{"limit": "X-Rate-Limit", "remaining": "X-Rate-Limit-Remaining", "window": "60s"}, headers("X-Rate-Limit", "700", "X-Rate-Limit-Remaining", "699"),
			[]limits{{Limit: 700, HasLimit: true, Remaining: 699, HasRemaining: true, Window: time.Minute, From: origin{Limit: "X-Rate-Limit", Remaining: "X-Rate-Limit-Remaining"}}}},
		{"ServiceNow's hour", object{"style": "x", "reset": object{"format": "unix"}, "window": "1h"}, headers("X-RateLimit-Limit", "500", "X-RateLimit-Reset", "1786104030"),
			[]limits{{Limit: 500, HasLimit: true, Window: time.Hour, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"X-Ratelimit-Limit", "", "X-Ratelimit-Reset", ""}}}},
		{"Egnyte, two limits by used", []any{
			object{"policy": "second", "limit": "X-Accesstoken-Qps-Allotted", "used": "X-Accesstoken-Qps-Current", "window": "1s"},
			object{"policy": "daily", "limit": "X-Accesstoken-Quota-Allotted", "used": "X-Accesstoken-Quota-Current", "window": "24h"},
		}, headers("X-Accesstoken-Qps-Allotted", "2", "X-Accesstoken-Qps-Current", "1", "X-Accesstoken-Quota-Allotted", "1000", "X-Accesstoken-Quota-Current", "54"),
			[]limits{
				{Policy: "second", Limit: 2, HasLimit: true, Remaining: 1, HasRemaining: true, Window: time.Second, From: origin{Limit: "X-Accesstoken-Qps-Allotted"}},
				{Policy: "daily", Limit: 1000, HasLimit: true, Remaining: 946, HasRemaining: true, Window: 24 * time.Hour, From: origin{Limit: "X-Accesstoken-Quota-Allotted"}},
			}},
		{"Oracle's, under another name", object{"policy": "search", "remaining": "RequestLimit-Search-Remaining", "retry_after": object{"name": "RequestLimit-Search-RetryAfter", "format": "delta_ms"}},
			headers("RequestLimit-Search-Remaining", "0", "RequestLimit-Search-RetryAfter", "250"),
			[]limits{{Policy: "search", HasRemaining: true, RetryAfter: 250 * time.Millisecond, HasRetry: true, From: origin{Remaining: "Requestlimit-Search-Remaining", RetryAfter: "Requestlimit-Search-Retryafter"}}}},
		{"Zoom: an ISO date in Retry-After", object{"style": "x", "retry_after": object{"name": "Retry-After", "format": "iso8601"}}, headers("X-RateLimit-Limit", "30000", "X-RateLimit-Remaining", "0", "Retry-After", "2026-08-08T00:00:00Z"),
			[]limits{{Limit: 30000, HasLimit: true, HasRemaining: true, RetryAfter: 12 * time.Hour, HasRetry: true, From: origin{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "", "Retry-After"}}}},
		{"lemlist", object{"style": "x", "reset": object{"format": "js_date"}}, headers("X-RateLimit-Reset", "Fri Aug 07 2026 14:00:30 GMT+0200 (Central European Summer Time)"),
			[]limits{{Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{Reset: "X-Ratelimit-Reset"}}}},
		{"Amazon MWS", object{"limit": "x-mws-quota-max", "remaining": "x-mws-quota-remaining", "reset": object{"name": "x-mws-quota-resetsOn", "format": "imf"}},
			headers("x-mws-quota-max", "3600", "x-mws-quota-remaining", "10.0", "x-mws-quota-resetsOn", "Fri, 07 Aug 2026 12:00:30 GMT"),
			[]limits{{Limit: 3600, HasLimit: true, Remaining: 10, HasRemaining: true, Reset: in(30 * time.Second), ResetAfter: 30 * time.Second, From: origin{"X-Mws-Quota-Max", "X-Mws-Quota-Remaining", "X-Mws-Quota-Resetson", ""}}}},
		{"Akamai", object{"style": "x", "reset": object{"name": "X-RateLimit-Next", "format": "iso8601"}}, headers("X-RateLimit-Remaining", "0", "X-RateLimit-Next", "2026-08-07T12:00:30.5Z"),
			[]limits{{HasRemaining: true, Reset: in(30500 * time.Millisecond), ResetAfter: 30500 * time.Millisecond, From: origin{Remaining: "X-Ratelimit-Remaining", Reset: "X-Ratelimit-Next"}}}},
		{"Perforce: seconds, whatever its prose says", object{"style": "x", "reset": object{"format": "delta"}}, headers("X-RateLimit-Reset", "17"),
			[]limits{{Reset: in(17 * time.Second), ResetAfter: 17 * time.Second, From: origin{Reset: "X-Ratelimit-Reset"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkRead(t, tt.args, tt.h, tt.want)
		})
	}
}

// What a reader calls its limits is what a rule may name.
func TestLimitReaderNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args  any
		names string // as Policies has them
		knows []string
		not   []string
	}{
		{"hubspot", "interval daily", []string{"interval", "daily", "w=60"}, []string{"hourly", "", "w=", "w=1.5", "w=60s", "60"}},
		{"docusign", "hourly burst", []string{"hourly", "burst"}, []string{"daily"}},
		{[]any{"x", object{"policy": "app", "remaining": "X-App-Remaining"}}, "app", []string{"app", "w=3600"}, []string{"x"}},
		{"canvas", "", nil, []string{"daily", "w=60"}}, // it has no limit header, so no further quotas
		{"ietf", "", []string{"burst", "whatever"}, nil},
		{"sforce", "", []string{"api-usage"}, nil},
		{"zendesk", "", []string{"tickets-index"}, nil},
	} {
		r := reader(t, tt.args)
		if got := strings.Join(r.Policies(), " "); got != tt.names {
			t.Errorf("%v: got policies %q, want %q", tt.args, got, tt.names)
		}
		for _, name := range tt.knows {
			if !r.Names(name) {
				t.Errorf("%v: got no policy %q, want one", tt.args, name)
			}
		}
		for _, name := range tt.not {
			if r.Names(name) {
				t.Errorf("%v: got a policy %q, want none", tt.args, name)
			}
		}
	}
}

func TestLimitReaderLeavesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args any
		h    http.Header
		want []transforms.Limits
		errs int
	}{
		{"reset is words, the rest is read", "x", headers("X-RateLimit-Limit", "60", "X-RateLimit-Reset", "soon"),
			[]transforms.Limits{{Limit: 60, HasLimit: true, From: transforms.Origin{Limit: "X-Ratelimit-Limit"}}}, 1},
		{"an ISO date where Unix is due", object{"style": "x", "reset": object{"format": "unix"}}, headers("X-RateLimit-Reset", "2026-08-07T12:00:00Z"), nil, 1},
		{"limit with a word", "x", headers("X-RateLimit-Limit", "500 requests"), nil, 1},
		{"unequal pair", "x", headers("X-RateLimit-Limit", "1000: 900"), nil, 1},
		{"unlimited", "x", headers("X-RateLimit-Remaining", "-1"), nil, 1},
		{"contradicting repetition", "x", headers("X-RateLimit-Limit", "60", "X-RateLimit-Limit", "70"), nil, 1},
		{"broken draft field is ignored whole", "ietf", headers("RateLimit-Policy", `"a";q=1, "b`, "RateLimit", `"a";r=1;t=5`),
			[]transforms.Limits{{Policy: "a", Remaining: 1, HasRemaining: true, Reset: noon.Add(5 * time.Second), ResetAfter: 5 * time.Second, From: transforms.Origin{Remaining: "Ratelimit", Reset: "Ratelimit"}}}, 1},
		{"draft item without r", "ietf", headers("RateLimit", `"a";t=5`), nil, 1},
		{"draft with a negative r", "ietf", headers("RateLimit", `"a";r=-5`), nil, 1},
		{"broken usage", "sforce", headers("Sforce-Limit-Info", "api-usage=1/2; other=x/5"), nil, 1},
		{"broken index", "zendesk_index", headers("Zendesk-RateLimit-X", "total=abc"), nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, errs := reader(t, tt.args).Read(tt.h, noon)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Read: got + want -\n%s", diff)
			}
			if len(errs) != tt.errs {
				t.Errorf("got %d errors, want %d: %v", len(errs), tt.errs, errs)
			}
			for _, err := range errs {
				if !errors.Is(err, transforms.ErrUnreadable) {
					t.Errorf("%v wraps no ErrUnreadable", err)
				}
			}
		})
	}
}

func TestCompileLimitReaderFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args any
		want string
	}{
		{"unknown style", "hubspott", `style: unknown style "hubspott" (did you mean "hubspot"?); there are: canvas, docusign, freshservice, gitlab, hubspot, ietf, oracle, ratelimit, sforce, x, x_rate_limit, zendesk, zendesk_index`},
		{"unknown key", object{"style": "x", "resett": "X"}, `resett: unknown key "resett" (did you mean "reset"?); there are: cost, limit, policy, remaining, reset, retry_after, style, used, window`},
		{"bad format in a list", []any{"x", object{"reset": object{"name": "X-R", "format": "imff"}}}, `[1].reset.format: unknown time format "imff" (did you mean "imf"?); there are: auto, imf, rfc850, asctime, http_date, unix, unix_ms, delta, delta_ms, iso8601, iso8601_utc, iso_minute, go_duration, js_date, retry_after`},
		{"nothing", object{}, "one of style, limit, remaining, used, cost, reset, retry_after is missing"},
		{"header name", object{"limit": "X Limit"}, `limit: "X Limit" is no header name`},
		{"own headers beside several policies", object{"style": "hubspot", "limit": "X"}, "style hubspot has several policies of its own; write further ones as another entry of a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := transforms.CompileLimitReader(tt.args)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// The usual answer costs no allocation, since it is read on every request.
//
//nolint:paralleltest // AllocsPerRun counts the whole process: it must run alone
func TestLimitReaderDoesNotAllocate(t *testing.T) {
	r := reader(t, object{"style": "x", "reset": object{"format": "imf"}})
	h := headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "Date", "Fri, 07 Aug 2026 11:59:55 GMT")
	room := make([]transforms.Limits, 0, 4)
	if got := testing.AllocsPerRun(100, func() { r.Append(room, h, noon) }); got > 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// Whatever a vendor sends: numbers are never negative, times carry their distance, and all that is not read is reported.
func FuzzLimitReader(f *testing.F) {
	for _, v := range []string{"60", "100, 100;window=60, 10000;window=86400", "1000: 1000", "1m", "599.7", `"burst";q=100;w=60`, `limit=300, remaining=1, reset=5`, "api-usage=1/2", "total=100; remaining=99; resets=41", "Fri, 07 Aug 2026 12:00:30 GMT"} {
		f.Add(v, "59", "30")
	}
	f.Add("100;w=60, 50;w=1", "599", "30") // a policy beside the three headers
	f.Add("total=0", "0", "0")             // an index header without a reset
	r := reader(f, []any{"x", "ietf", "sforce", "zendesk_index"})
	f.Fuzz(func(t *testing.T, a, b, c string) {
		h := http.Header{}
		for _, name := range []string{"X-Ratelimit-Limit", "Ratelimit-Policy", "Sforce-Limit-Info", "Zendesk-Ratelimit-A"} {
			h[name] = []string{a}
		}
		h["X-Ratelimit-Remaining"] = []string{b}
		h["Ratelimit-Limit"], h["Ratelimit-Remaining"], h["Ratelimit-Reset"] = []string{a}, []string{b}, []string{c}
		if len(b)%2 == 0 { // with it the three headers before it are not looked at
			h["Ratelimit"] = []string{a, b}
		}
		h["X-Ratelimit-Reset"], h["Retry-After"] = []string{c}, []string{c}
		before := h.Clone()
		limits, errs := r.Read(h, noon)
		for _, l := range limits {
			if l.Limit < 0 || l.Remaining < 0 || l.Cost < 0 || l.Window < 0 || l.RetryAfter < 0 {
				t.Errorf("negative: %+v", l)
			}
			if l.HasReset() != (l.From.Reset != "") || l.HasRetry != (l.From.RetryAfter != "") || l.HasReset() && !l.Reset.Equal(noon.Add(l.ResetAfter)) {
				t.Errorf("reset without distance or origin: %+v", l)
			}
		}
		for _, err := range errs {
			if !errors.Is(err, transforms.ErrUnreadable) {
				t.Errorf("%v wraps no ErrUnreadable", err)
			}
		}
		if diff := cmp.Diff(before, h); diff != "" {
			t.Errorf("Read changed the header:\n%s", diff)
		}
	})
}
