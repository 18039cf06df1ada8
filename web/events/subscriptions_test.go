package events_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/triggers"
)

// members of what the API shows, without the optional configs.
var subscriptionMembers = []string{"description", "enabled", "filter", "id", "name", "responseDeadline", "sluice", "triggerId", "triggerName", "type"}

func with(members []string, more string) []string {
	all := append([]string{}, members...)
	for i, m := range all {
		if m > more {
			return append(all[:i], append([]string{more}, all[i:]...)...)
		}
	}
	return append(all, more)
}

const (
	created  = "idn:identity-created"
	approver = "idn:access-request-dynamic-approver"
)

// overHTTP is a subscription over HTTP with an httpConfig.
func overHTTP(name, trigger, config string) string {
	return fmt.Sprintf(`{"name":%q,"triggerId":%q,"type":"HTTP","httpConfig":%s}`, name, trigger, config)
}

const secretConfig = `{"url":"https://a.example/hook","httpDispatchMode":"SYNC","httpAuthenticationType":"BEARER_TOKEN",
	"basicAuthConfig":{"userName":"u","password":"planted-password"},"bearerTokenAuthConfig":{"bearerToken":"planted-token"}}`

func TestSubscriptionIsCreatedAsAtSailPoint(t *testing.T) {
	t.Parallel()
	h := open(t)
	text := h.ask(http.MethodPost, "/v2025/trigger-subscriptions", overHTTP("a", approver, `{"url":"https://a.example/hook"}`), 201, "")
	s := h.object(text, with(subscriptionMembers, "httpConfig")...)
	config, err := json.Marshal(s["httpConfig"])
	if err != nil {
		t.Fatal(err)
	}
	c := h.object(string(config), "basicAuthConfig", "bearerTokenAuthConfig", "httpAuthenticationType", "httpDispatchMode", "url")
	if c["httpDispatchMode"] != "SYNC" || c["httpAuthenticationType"] != "NO_AUTH" || c["basicAuthConfig"] != nil || c["bearerTokenAuthConfig"] != nil {
		t.Errorf("defaults: got %v", c)
	}
	if s["responseDeadline"] != "PT1H" || s["enabled"] != true || s["triggerName"] != "Access Request Dynamic Approval" || len(s["id"].(string)) != 36 {
		t.Errorf("got %s", text)
	}
	text = h.ask(http.MethodPost, "/trigger-subscriptions/v1", `{"name":"b","triggerId":"idn:identity-created","type":"EVENTBRIDGE","enabled":false,"description":"d","filter":"$.x",
		"responseDeadline":"PT5M","eventBridgeConfig":{"awsAccount":"123456789012","awsRegion":"us-west-1"}}`, 201, `"eventBridgeConfig":{"awsAccount":"123456789012","awsRegion":"us-west-1"}`)
	s = h.object(text, with(subscriptionMembers, "eventBridgeConfig")...)
	if s["enabled"] != false || s["description"] != "d" || s["filter"] != "$.x" || s["responseDeadline"] != "PT5M" {
		t.Errorf("got %s", text)
	}
	text = h.ask(http.MethodPost, "/beta/trigger-subscriptions", `{"name":"c","triggerId":"idn:identity-created","type":"WORKFLOW","workflowConfig":{"any":1}}`, 201, "")
	h.object(text, with(subscriptionMembers, "workflowConfig")...)
}

func TestSubscriptionIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create(overHTTP("taken", created, `{"url":"https://a.example"}`))
	h.create(overHTTP("only", approver, `{"url":"https://a.example"}`))
	config := func(text string) string { return overHTTP("x", created, text) }
	ours := func(text string) string {
		return `{"name":"x","triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://a.example"},"sluice":` + text + `}`
	}
	rest := `"triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://a.example"}}`
	for body, want := range map[string]string{
		``: "the body is empty", `[]`: "the body must be an object, not array", `{"name":1}`: "name must be a string, not number",
		`{"enabled":"planted-token"}`:                                          "enabled must be true or false, not string",
		`{"name":"x","type":"HTTP"}`:                                           "triggerId is required",
		`{"name":"x","triggerId":"idn:identity-created"}`:                      "type is required",
		`{"name":"x","triggerId":"idn:access-requested","type":"HTTP"}`:        `there is no trigger \"idn:access-requested\"`,
		`{"name":"x","triggerId":"idn:identity-created","type":"KAFKA"}`:       "type must be HTTP, EVENTBRIDGE, INLINE, SCRIPT or WORKFLOW",
		`{"name":"x","triggerId":"idn:identity-created","type":"HTTP"}`:        "httpConfig is required when type is HTTP",
		`{"name":"x","triggerId":"idn:identity-created","type":"EVENTBRIDGE"}`: "eventBridgeConfig is required when type is EVENTBRIDGE",
		`{"name":" ",` + rest:                                                  "name is required",
		`{` + rest:                                                             "name is required",
		`{"name":"Taken",` + rest:                                              "there is a subscription with the name",
		`{"name":"` + strings.Repeat("x", 300) + `",` + rest:                   "name is longer than 256 bytes",
		`{"name":"x","filter":"a b",` + rest:                                   "filter cannot be used: position 1: a blank",
		`{"name":"x","responseDeadline":"1 hour",` + rest:                      "responseDeadline must be a duration of ISO 8601 such as PT1H",
		`{"name":"x","responseDeadline":"PT0S",` + rest:                        "responseDeadline must be",
		`{"name":"x","responseDeadline":"P9999Y",` + rest:                      "responseDeadline must be",
		`{"name":"x","responseDeadline":"P1000Y100000MT1H",` + rest:            "responseDeadline must be",
		`{"name":"x","responseDeadline":"P1Y2D",` + rest:                       "longer than none and a year at most",
		`{"name":"x","triggerId":"idn:identity-created","type":"EVENTBRIDGE","eventBridgeConfig":{"awsAccount":"123","awsRegion":"us-east-1"}}`:         "awsAccount must be 12 digits",
		`{"name":"x","triggerId":"idn:identity-created","type":"EVENTBRIDGE","eventBridgeConfig":{"awsAccount":"123456789012","awsRegion":"Virginia"}}`: "awsRegion must be a region",
		overHTTP("x", approver, `{"url":"https://a.example"}`): "is REQUEST_RESPONSE and can have 1 subscription, which it has",
		config(`{}`):                                                                "httpConfig.url is required",
		config(`{"url":"a.example"}`):                                               "must be an absolute URL",
		config(`{"url":"ftp://a.example"}`):                                         "must be an absolute URL",
		config(`{"url":"https://u:planted-password@a.example"}`):                    "holds a user or a password",
		config(`{"url":"https://a.example#x"}`):                                     "has a part behind #",
		config(`{"url":"http://169.254.169.254/"}`):                                 "httpConfig.url: it leads to an address that is not for events",
		config(`{"url":"https://a.example","httpDispatchMode":"LATER"}`):            "httpDispatchMode must be SYNC, ASYNC or DYNAMIC",
		config(`{"url":"https://a.example","httpAuthenticationType":"HMAC"}`):       "httpAuthenticationType must be NO_AUTH, BASIC_AUTH or BEARER_TOKEN",
		config(`{"url":"https://a.example","httpAuthenticationType":"BASIC_AUTH"}`): "basicAuthConfig with userName and password is required",
		config(`{"url":"https://a.example","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":null}}`):              "bearerTokenAuthConfig with bearerToken is required",
		config(`{"url":"https://a.example","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":"planted-token\n"}}`): "the secret bearerToken holds a control character",
		ours(`{"orderring":"none"}`): "sluice.orderring is not known",
		ours(`{"concurrency":"8"}`):  "sluice.concurrency must be a whole number, not string",
		ours(`{"concurrency":1.5}`):  "sluice.concurrency must be a whole number, not this one",
		ours(`{"headers":[{"name":"X-A","value":"1"},{"name":"x-a","value":"2"}]}`): "sluice.headers: x-a is there twice",
		ours(`{"destination":{"kafka":{"topic":"t","topik":1}}}`):                   "sluice.destination.kafka.topik is not known",
		ours(`{"destination":{"sqs":{"accessKeyId":"a","AccessKey":"b"}}}`):         "sluice.destination.sqs.AccessKey is not known",
		ours(`{"signing":[{"id":"a"},{"id":"b","secrett":"planted-token"}]}`):       "sluice.signing[1].secrett is not known",
		ours(`{"paused":{"sinc":"2026-03-01T00:00:00Z"}}`):                          "sluice.paused.sinc is not known",
		ours(`{"` + strings.Repeat("x", 65) + `":1}`):                               "sluice." + strings.Repeat("x", 64) + " is not known",
		strings.Replace(ours(`{}`), `"sluice"`, `"sluice":{"a":1},"sluice"`, 1):     "sluice.a is not known",
		ours(`[]`):                                                "sluice must be an object, not array",
		ours(`{"ordering":"random"}`):                             "sluice.ordering must be subject or none",
		ours(`{"concurrency":-1}`):                                "sluice.concurrency must be between",
		ours(`{"retryFor":"3 days"}`):                             "sluice.retryFor must be",
		ours(`{"retryFor":"P1000Y100000MT1H"}`):                   "sluice.retryFor must be",
		ours(`{"ratePerSecond":1e-9}`):                            "sluice.ratePerSecond must be at least 0.001, which is one in 1,000 seconds",
		ours(`{"ratePerSecond":-1}`):                              "sluice.ratePerSecond",
		ours(`{"signing":[{"id":"a","secret":"planted-token"}]}`): "must be whsec_ and 24 to 64 bytes",
		ours(`{"signing":[{"id":"a"}]}`):                          "a needs a secret",
		ours(`{"signing":[{"id":"a b","secret":"x"}]}`):           "needs an id of its own",
		ours(`{"signing":[{},{},{}]}`):                            "more than two secrets",
		ours(`{"oauth2":{"tokenUrl":"https://a.example"}}`):       "sluice.oauth2 needs clientId and clientSecret",
		ours(`{"oauth2":{"tokenUrl":"x","clientId":"c","clientSecret":"planted-token"}}`): "sluice.oauth2.tokenUrl must be an absolute URL",
		ours(`{"headers":[{"name":"X-A"}]}`):                                              "X-A needs a value",
		ours(`{"clientCertificate":{"certificate":"x"}}`):                                 "needs certificate and key",
		ours(`{"destination":{}}`):                                                        "must name one of kafka",
		ours(`{"destination":{"kafka":{"topic":"t"}}}`):                                   "sluice.destination.kafka needs brokers and topic",
	} {
		h.ask(http.MethodPost, "/beta/trigger-subscriptions", body, 400, want)
	}
	if n := len(h.store.subscriptions); n != 2 {
		t.Errorf("%d subscriptions are there, want the 2 that were good", n)
	}
	h.ask(http.MethodPost, "/beta/trigger-subscriptions", strings.Repeat(" ", 1<<20+1), 413, "longer than")
}

func TestTriggerHasFiftySubscriptions(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 50 {
		h.create(overHTTP(fmt.Sprint("s", i), created, `{"url":"https://a.example"}`))
	}
	h.ask(http.MethodPost, "/beta/trigger-subscriptions", overHTTP("s50", created, `{"url":"https://a.example"}`), 400, "can have 50 subscriptions, and has them")
	h.ask(http.MethodPost, "/beta/trigger-subscriptions", overHTTP("s50", "idn:identity-deleted", `{"url":"https://a.example"}`), 201, "")
}

func TestSubscriptionsAreListed(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.create(overHTTP("a", created, secretConfig))
	b := h.create(`{"name":"b","triggerId":"idn:identity-deleted","type":"EVENTBRIDGE","eventBridgeConfig":{"awsAccount":"123456789012","awsRegion":"us-east-1"}}`)
	h.create(overHTTP("c \"q\"", created, `{"url":"https://a.example"}`))
	for query, want := range map[string]string{
		"":                               `a b c "q"`,
		"?limit=1&offset=1":              "b",
		"?filters=id+eq+%22" + b + "%22": "b",
		"?filters=name%20eq%20%22A%22":   "a",
		`?filters=name+eq+"c+\"q\""`:     `c "q"`,
		`?filters=triggerId+eq+"` + created + `"+and+not+(name+eq+"a")`: `c "q"`,
		`?filters=type+le+"EVENTBRIDGE"`:                                "b",
		`?filters=type+eq+"HTTP"&limit=0`:                               "",
		"?sorters=-triggerId,name":                                      `b a c "q"`,
		"?sorters=triggerName":                                          `a c "q" b`,
	} {
		query = strings.NewReplacer(`"`, "%22", `\`, "%5C").Replace(query)
		if got := h.list(h.ask(http.MethodGet, "/v2026/trigger-subscriptions"+query, "", 200, ""), "name"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	resp, _ := h.as("reader", http.MethodGet, "/v2024/trigger-subscriptions?count=true&limit=1&filters=type+eq+%22HTTP%22", "")
	if got := resp.Header.Get("X-Total-Count"); got != "2" {
		t.Errorf("X-Total-Count: got %q, want 2", got)
	}
	if resp, _ := h.as("reader", http.MethodGet, "/beta/trigger-subscriptions", ""); resp.Header["X-Total-Count"] != nil {
		t.Error("X-Total-Count came without count")
	}
	for query, want := range map[string]string{
		"?filters=enabled+eq+true": `\"enabled\" cannot be filtered by here`, "?filters=id+co+%22x%22": "id does not go with operator co",
		"?sorters=id": `\"id\" cannot be sorted by here`, "?limit=251": "limit must be 250 at most", "?offset=-1": "offset must be",
	} {
		h.ask(http.MethodGet, "/beta/trigger-subscriptions"+query, "", 400, want)
	}
	h.ask(http.MethodGet, "/beta/trigger-subscriptions/"+a, "", 200, `"bearerToken":null`)
	h.ask(http.MethodGet, "/trigger-subscriptions/v1/"+a, "", 200, `"password":null`)
	h.ask(http.MethodGet, "/beta/trigger-subscriptions/nobody", "", 404, "The server did not find a current representation")
}

func TestSubscriptionIsReplacedAndKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(strings.Replace(overHTTP("a", created, secretConfig), `"type"`, `"sluice":{"ordering":"none","signing":[{"id":"k","secret":"`+planted[2]+`"}],
		"headers":[{"name":"X-A","value":"planted-header"}]},"type"`, 1))
	at := "/beta/trigger-subscriptions/" + id
	h.create(overHTTP("other", created, `{"url":"https://a.example"}`))
	h.now = h.now.Add(1)
	shown := h.ask(http.MethodGet, at, "", 200, "")
	h.ask(http.MethodPut, at, strings.Replace(shown, "/hook", "/moved", 1), 200, "/moved")
	s := &h.store.subscriptions[0]
	if *s.HTTP.Bearer.Token != planted[1] || *s.HTTP.Basic.Password != planted[0] || *s.Sluice.Signing[0].Secret != planted[2] || *s.Sluice.Headers[0].Value != planted[3] {
		t.Errorf("an answer that was sent back has spoilt the secrets: %+v", s)
	}
	h.ask(http.MethodPut, at, `{"triggerId":"idn:identity-created","description":"d","httpConfig":{"url":"https://b.example"}}`, 200, `"ordering":"none"`)
	if s.Name != "a" || s.Type != "HTTP" || s.HTTP.Basic != nil || *s.Description != "d" || !s.Enabled {
		t.Errorf("got %+v, want what was left out kept or at its default", s)
	}
	h.ask(http.MethodPut, at, `{"httpConfig":{"url":"https://b.example"},"sluice":{}}`, 200, `"sluice":{"created":`)
	for body, want := range map[string]string{
		`{"id":"x","httpConfig":{"url":"https://b.example"}}`:                           "id cannot be changed",
		`{"triggerId":"idn:identity-deleted","httpConfig":{"url":"https://b.example"}}`: "triggerId cannot be changed",
		`{}`: "httpConfig is required", `{"name":"other","httpConfig":{"url":"https://b.example"}}`: "there is a subscription with the name",
	} {
		h.ask(http.MethodPut, at, body, 400, want)
	}
	h.ask(http.MethodPut, "/beta/trigger-subscriptions/nobody", `{}`, 404, "")
}

func TestSubscriptionIsDeleted(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	h.ask(http.MethodDelete, "/beta/trigger-subscriptions/"+id, `{"id":"`+id+`"}`, 204, "")
	h.ask(http.MethodDelete, "/beta/trigger-subscriptions/"+id, "", 404, "")
}

// What we tell in the member sluice may be sent back, whichever way.
func TestToldMembersAreTaken(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.ask(http.MethodPost, "/beta/trigger-subscriptions", `{"name":"a","triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://a.example"},"sluice":{
		"destination":{"sqs":{"url":"https://sqs.us-east-1.amazonaws.com/1/q","region":"us-east-1","accessKeyId":"k","secretAccessKey":"planted-token"}},"ordering":"none","concurrency":2,
		"ratePerSecond":3,"retryFor":"P1D","metadata":true,"signing":[{"id":"a","secret":"`+planted[2]+`"}],"oauth2":{"tokenUrl":"https://a.example","clientId":"c","clientSecret":"planted-token","scopes":["x"]},
		"headers":[{"name":"X","value":"planted-header"}]}}`, 201, `"created":`)
	s := &h.store.subscriptions[0]
	s.Sluice.Paused = &triggers.Pause{Since: h.now, Until: h.now, Reason: "r", By: "circuit"}
	at := "/beta/trigger-subscriptions/" + s.ID
	text := h.ask(http.MethodGet, at, "", 200, `"paused":{`)
	h.ask(http.MethodPut, at, text, 200, `"by":"circuit"`)
	var shown struct{ Sluice json.RawMessage }
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		t.Fatal(err)
	}
	h.ask(http.MethodPatch, at, `[{"op":"replace","path":"/sluice","value":`+string(shown.Sluice)+`}]`, 200, `"by":"circuit"`)
	h.ask(http.MethodPatch, at, `[{"op":"add","path":"/sluice/headerz","value":[]}]`, 400, "sluice.headerz is not known")
	h.ask(http.MethodPut, at, strings.Replace(text, `"ratePerSecond"`, `"rate"`, 1), 400, "sluice.rate is not known")
}
