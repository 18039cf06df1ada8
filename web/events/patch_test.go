package events_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestSubscriptionIsPatched(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, secretConfig))
	at := "/v2026/trigger-subscriptions/" + id
	s := &h.store.subscriptions[0]
	for _, c := range []struct{ patch, want string }{
		{`[{"op":"replace","path":"/name","value":"b"},{"op":"add","path":"/description","value":"d"}]`, `"name":"b","description":"d"`},
		{`[{"op":"replace","path":"/filter","value":"$.x"},{"op":"replace","path":"/enabled","value":false}]`, `"enabled":false,"filter":"$.x"`},
		{`[{"op":"remove","path":"/filter"},{"op":"replace","path":"/responseDeadline","value":"PT2H"}]`, `"responseDeadline":"PT2H"`},
		{`[{"op":"replace","path":"/httpConfig/url","value":"https://b.example"}]`, `"url":"https://b.example"`},
		{`[{"op":"add","path":"/sluice/metadata","value":true},{"op":"add","path":"/sluice/paused","value":{"by":"me"}}]`, `"sluice":{"metadata":true,"created":`},
		{`[{"op":"copy","from":"/name","path":"/description"}]`, `"description":"b"`},
		{`[{"op":"move","from":"/description","path":"/filter"}]`, `"description":null`},
		{`[]`, `"filter":"b"`},
	} {
		h.ask(http.MethodPatch, at, c.patch, 200, c.want)
		if *s.HTTP.Bearer.Token != planted[1] || *s.HTTP.Basic.Password != planted[0] {
			t.Errorf("%s has spoilt the secrets", c.patch)
		}
	}
	h.ask(http.MethodPatch, at, `[{"op":"replace","path":"/httpConfig/bearerTokenAuthConfig/bearerToken","value":"planted-header"}]`, 200, `"bearerToken":null`)
	if *s.HTTP.Bearer.Token != planted[3] {
		t.Errorf("the token is %s, want the one of the patch", *s.HTTP.Bearer.Token)
	}
	h.ask(http.MethodPatch, at, `[{"op":"replace","path":"/type","value":"EVENTBRIDGE"},{"op":"replace","path":"/httpConfig","value":null},
		{"op":"replace","path":"/eventBridgeConfig","value":{"awsAccount":"123456789012","awsRegion":"us-east-1"}}]`, 200, `"type":"EVENTBRIDGE"`)
	if s.HTTP != nil {
		t.Error("httpConfig is still there")
	}
}

func TestPatchIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	at := "/beta/trigger-subscriptions/" + h.create(overHTTP("a", created, secretConfig))
	for patch, want := range map[string]string{
		`{}`:   "the body must be an array, not object",
		`null`: "the body must be an array, not null",
		`[{"op":"add","path":"/sluice/headers","value":[{"name":"X-A","value":"a"}]},{"op":"remove","path":"/sluice/headers/-1"}]`: "one of its paths leads to nothing",
		`[{"op":"test","path":"/name","value":"a"}]`:                                          "operation 1: op must be add, remove, replace, move or copy",
		`[{"op":"test","path":"/httpConfig/bearerTokenAuthConfig/bearerToken","value":"x"}]`:  "op must be",
		`[{"op":"add","value":1}]`:                                                            "path is required",
		`[{"op":"move","path":"/name"}]`:                                                      "from where op is move or copy",
		`[{"op":"replace","path":"/id","value":"x"}]`:                                         "id cannot be changed",
		`[{"op":"replace","path":"/triggerId","value":"x"}]`:                                  "triggerId cannot be changed",
		`[{"op":"replace","path":"/triggerName","value":"x"}]`:                                "only name, description, enabled, type, filter",
		`[{"op":"replace","path":"","value":{}}]`:                                             "only name, description",
		`[{"op":"replace","path":"/httpConfig/no/where","value":1}]`:                          "one of its paths leads to nothing",
		`[{"op":"remove","path":"/httpConfig/nothing"}]`:                                      "one of its paths leads to nothing",
		`[{"op":"remove","path":"/name"}]`:                                                    "name and type cannot be removed",
		`[{"op":"remove","path":"/httpConfig"}]`:                                              "httpConfig is required when type is HTTP",
		`[{"op":"replace","path":"/httpConfig/url","value":7}]`:                               "httpConfig.url must be a string, not number",
		`[{"op":"replace","path":"/httpConfig/httpDispatchMode","value":"LATER"}]`:            "httpDispatchMode must be",
		`[{"op":"copy","from":"/httpConfig/basicAuthConfig/password","path":"/name"}]`:        "would bring a secret to where everybody sees it",
		`[{"op":"copy","from":"/httpConfig/bearerTokenAuthConfig","path":"/workflowConfig"}]`: "would bring a secret to where everybody sees it",
		`[{"op":"move","from":"/httpConfig/basicAuthConfig","path":"/workflowConfig"},{"op":"copy","from":"/workflowConfig/password","path":"/description"}]`: "would bring a secret",
		`[{"op":"copy","OP":"add","from":"/httpConfig/bearerTokenAuthConfig/bearerToken","path":"/description","value":"x"}]`:                                 "would bring a secret",
		`[{"op":"copy","from":"/httpConfig/bearerTokenAuthConfig/bearerToken","path":"/httpConfig/URL"}]`:                                                     "would bring a secret",
		`[{"op":"test","OP":"add","path":"/httpConfig/bearerTokenAuthConfig/bearerToken","value":"planted-token"}]`:                                           "op must be",
		`[{"op":"add","path":"/name","PATH":"/filter","path":"/id","value":"x"}]`:                                                                             "id cannot be changed",
		`[{"OP":"add","path":"/name","value":"x"}]`:                                                                                                           "op must be",
		`[{"op":"add","path":"/name"}]`:                      "operation 1: value is required",
		`[null]`:                                             "op must be",
		`[{"op":"add","path":7,"value":"x"}]`:                "path is required",
		`[{"op":"copy","from":"/id","path":"/description"}]`: "id cannot be changed",
		`[` + strings.Repeat(`{"op":"remove","path":"/filter"},`, 100) + `{"op":"remove","path":"/filter"}]`: "more than 100 operations",
	} {
		h.ask(http.MethodPatch, at, patch, 400, want)
	}
	h.ask(http.MethodPatch, "/beta/trigger-subscriptions/nobody", `[]`, 404, "")
	doubled := `[{"op":"add","path":"/workflowConfig","value":"` + strings.Repeat("x", 100_000) + `"}` + strings.Repeat(`,{"op":"copy","from":"/workflowConfig","path":"/description"}`, 20) + `]`
	h.ask(http.MethodPatch, at, doubled, 400, "cannot be applied")
	if s := &h.store.subscriptions[0]; s.Name != "a" || s.Description != nil || *s.HTTP.Basic.Password != planted[0] {
		t.Errorf("a refused patch has left %+v", s)
	}
}

// Whether a guess is right is not to be told from what is answered.
func TestPatchTellsNothingOfAGuess(t *testing.T) {
	t.Parallel()
	h := open(t)
	at := "/beta/trigger-subscriptions/" + h.create(overHTTP("a", created, strings.Replace(secretConfig, "planted-token", "guessed", 1)))
	for _, guess := range []string{"guessed", "not-that"} {
		h.ask(http.MethodPatch, at, `[{"op":"copy","from":"/name","path":"/name"},{"op":"add","path":"/description","value":"`+guess+`"}]`, 200, `"description":"`+guess+`"`)
	}
	h.ask(http.MethodPatch, at, `[{"op":"add","path":"/sluice/headers","value":[{"name":"X-A","value":null}]},
		{"op":"copy","from":"/httpConfig/bearerTokenAuthConfig/bearerToken","path":"/sluice/headers/0/value"}]`, 200, `"value":null`)
	if s := &h.store.subscriptions[0]; *s.HTTP.Bearer.Token != "guessed" || *s.Sluice.Headers[0].Value != "guessed" {
		t.Errorf("the secret is not where the patch has brought it: %q, %q", *s.HTTP.Bearer.Token, *s.Sluice.Headers[0].Value)
	}
}
