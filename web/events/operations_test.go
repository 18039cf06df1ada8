package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/internal/strict"
	"sluice/triggers"
)

// prefixes are the six ways to write one path.
func prefixes(path string) []string {
	first, rest, _ := strings.Cut(path, "/")
	if rest != "" {
		rest = "/" + rest
	}
	return []string{"/beta/" + path, "/v2024/" + path, "/v2025/" + path, "/v2026/" + path, "/" + first + "/v1" + rest}
}

// operations are the ten of SailPoint and those that are ours, with who may do them.
var operations = []struct {
	method, path   string
	reader, writer bool
}{
	{"GET", "triggers", true, false},
	{"GET", "trigger-subscriptions", true, true},
	{"POST", "trigger-subscriptions", false, true},
	{"GET", "trigger-subscriptions/x", true, true},
	{"PUT", "trigger-subscriptions/x", false, true},
	{"PATCH", "trigger-subscriptions/x", false, true},
	{"DELETE", "trigger-subscriptions/x", false, true},
	{"POST", "trigger-subscriptions/validate-filter", false, true},
	{"GET", "trigger-invocations/status", true, true},
	{"POST", "trigger-invocations/test", false, true},
	{"GET", "triggers/x/schema", true, false},
	{"GET", "trigger-invocations/x", true, true},
	{"POST", "trigger-invocations/x/replay", false, true},
	{"POST", "trigger-invocations/replay", false, true},
	{"GET", "trigger-subscriptions/x/filtered", true, true},
	{"POST", "trigger-invocations/start", false, false},
}

func TestEveryOperationWantsItsRights(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, op := range operations {
		for _, target := range prefixes(op.path) {
			resp, text := h.as("", op.method, target, "")
			if got := h.object(text, "error"); resp.StatusCode != 401 || got["error"] != "JWT validation failed: JWT is missing" {
				t.Errorf("%s %s without a token: got %d %s", op.method, target, resp.StatusCode, text)
			}
			for who, may := range map[string]bool{"none": false, "reader": op.reader, "writer": op.writer, "emitter": op.path == "trigger-invocations/start", "all": true} {
				resp, text := h.as(who, op.method, target, "")
				if (resp.StatusCode != 403) != may || resp.StatusCode >= 500 {
					t.Errorf("%s %s as %s: got %d %s, want it permitted: %v", op.method, target, who, resp.StatusCode, text, may)
				}
				if resp.StatusCode == 403 {
					h.problem(text, 403)
				}
			}
		}
	}
	h.now = h.now.Add(time.Hour)
	expired := h.token("all")
	h.now = h.now.Add(time.Hour)
	resp, text := h.as("", http.MethodGet, "/beta/triggers", "", "Authorization", expired)
	if got := h.object(text, "error"); resp.StatusCode != 401 || got["error"] != "JWT validation failed: JWT is expired" {
		t.Errorf("got %d %s", resp.StatusCode, text)
	}
}

func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, target := range []string{"/beta", "/beta/", "/beta/sources", "/v3/triggers", "/triggers", "/triggers/v2", "/trigger-subscriptions/x", "/beta/triggers/x",
		"/beta/trigger-subscriptions/a/b", "/beta/trigger-invocations", "/trigger-invocations/v1/x"} {
		h.ask(http.MethodGet, target, "", 404, "")
	}
	resp, _ := h.as("all", http.MethodDelete, "/beta/triggers", "")
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET" {
		t.Errorf("got %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	h.ask(http.MethodGet, "/beta/trigger-subscriptions/", "", 200, "[]")
}

func TestTooManyCalls(t *testing.T) {
	t.Parallel()
	h := open(t)
	var resp *http.Response
	var text string
	token := h.token("all")
	for range 1001 {
		resp, text = h.as("", http.MethodGet, "/beta/trigger-subscriptions", "", "Authorization", token)
	}
	if got := h.object(text, "message"); resp.StatusCode != 429 || got["message"] != " Rate Limit Exceeded " || resp.Header.Get("Retry-After") != "10" {
		t.Errorf("got %d %s, Retry-After %q", resp.StatusCode, text, resp.Header.Get("Retry-After"))
	}
	if resp, _ := h.as("", http.MethodGet, "/v2025/trigger-subscriptions", "", "Authorization", token); resp.StatusCode != 200 {
		t.Errorf("another version: got %d", resp.StatusCode)
	}
}

func TestStoreThatFailsIsToldToTheLogAlone(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.store.broken = errors.New("the disk is full")
	text := h.ask(http.MethodGet, "/beta/trigger-subscriptions", "", 500, "An internal fault occurred.")
	var p struct{ TrackingID string }
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	if log := h.log.String(); !strings.Contains(log, "the disk is full") || !strings.Contains(log, p.TrackingID) || strings.Contains(text, "disk") {
		t.Errorf("answer %s, log %s", text, log)
	}
}

// A database that does not answer is no fault of ours: the client is told to come again.
func TestDatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.store.broken = fmt.Errorf("read subscriptions: dial 10.0.0.7: %w", aggregation.ErrAway)
	resp, text := h.as("all", http.MethodGet, "/beta/trigger-subscriptions", "")
	h.object(text, "causes", "detailCode", "messages", "trackingId")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" || !strings.Contains(text, `"detailCode":"503 Service Unavailable"`) || strings.Contains(text, "dial") {
		t.Errorf("got %d, Retry-After %q, %s; want 503 after 5 s", resp.StatusCode, resp.Header.Get("Retry-After"), text)
	}
	if !strings.Contains(h.log.String(), "10.0.0.7") {
		t.Errorf("the log does not say why: %s", h.log.String())
	}
}

func TestTriggersAreListed(t *testing.T) {
	t.Parallel()
	h := open(t)
	text := h.ask(http.MethodGet, "/beta/triggers", "", 200, "")
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != len(triggers.Shipped().All()) {
		t.Fatalf("got %d triggers, %v", len(all), err)
	}
	for _, one := range all {
		shown := h.object(string(one), "description", "exampleInput", "exampleOutput", "id", "inputSchema", "name", "outputSchema", "type")
		schema, isText := shown["inputSchema"].(string)
		_, isObject := shown["exampleInput"].(map[string]any)
		if !isText || !json.Valid([]byte(schema)) || !isObject {
			t.Errorf("%v: input schema %v, example %v", shown["id"], shown["inputSchema"], shown["exampleInput"])
		}
		if answered := shown["type"] == "REQUEST_RESPONSE"; answered != (shown["outputSchema"] != nil) || answered != (shown["exampleOutput"] != nil) {
			t.Errorf("%v: output schema %v, example %v", shown["id"], shown["outputSchema"], shown["exampleOutput"])
		}
	}
	for query, want := range map[string]string{
		"filters=id+eq+%22" + created + "%22":                         created,
		"filters=id+ge+%22idn:source%22+and+id+le+%22idn:source-d%22": "idn:source-created",
		"sorters=-id&limit=1":                                         "sp:form-submitted",
		"sorters=name&limit=2":                                        "idn:access-request-post-approval idn:access-request-dynamic-approver",
	} {
		if got := h.list(h.ask(http.MethodGet, "/v2025/triggers?"+query, "", 200, ""), "id"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	h.ask(http.MethodGet, "/beta/triggers?filters=name+eq+%22x%22", "", 400, `\"name\" cannot be filtered by here; choose of id`)
	for query, want := range map[string]string{"": `"$ref":"#/definitions/record:`, "?format=json-schema&of=output": `"$ref"`, "?format=avro": `"type":"record"`, "?format=avro&of=output": `"record"`} {
		h.ask(http.MethodGet, "/beta/triggers/"+approver+"/schema"+query, "", 200, want)
	}
	for query, want := range map[string]string{"?format=xml": "json-schema or avro", "?of=all": "input or output", "?of=output": "nobody waits for an answer"} {
		h.ask(http.MethodGet, "/beta/triggers/"+created+"/schema"+query, "", 400, want)
	}
	for _, id := range []string{"idn%3Aidentity-created", "idn%3aidentity%2Dcreated"} {
		h.ask(http.MethodGet, "/beta/triggers/"+id+"/schema", "", 200, `"$ref":"#/definitions/record:`)
		h.ask(http.MethodGet, "/triggers/v1/"+id+"/schema?format=avro", "", 200, `"type":"record"`)
	}
	for _, id := range []string{"nobody", "idn%253Aidentity-created", "%00", "%FF", "a%2Fb"} {
		h.ask(http.MethodGet, "/beta/triggers/"+id+"/schema", "", 404, "")
		h.ask(http.MethodGet, "/beta/trigger-invocations/"+id, "", 404, "")
	}
}

func TestFilterIsValidated(t *testing.T) {
	t.Parallel()
	h := open(t)
	for filter, want := range map[string]string{
		"$.x":     `{"isValid":true,"isValidJSONPath":true,"isPathExist":true}`,
		"$.never": `{"isValid":false,"isValidJSONPath":true,"isPathExist":false}`,
		"a b":     `{"isValid":false,"isValidJSONPath":false,"isPathExist":false}`,
	} {
		h.ask(http.MethodPost, "/beta/trigger-subscriptions/validate-filter", `{"input":{"x":1},"filter":"`+filter+`"}`, 200, want)
	}
	for body, want := range map[string]string{`{"input":{}}`: "filter is required", `{"filter":"$"}`: "input is required", `{"input":[],"filter":"$"}`: "input must be an object"} {
		h.ask(http.MethodPost, "/trigger-subscriptions/v1/validate-filter", body, 400, want)
	}
}

// What is not UTF-8 is kept by no PostgreSQL.
func TestBodiesAreUTF8(t *testing.T) {
	t.Parallel()
	h := open(t)
	at := "/beta/trigger-subscriptions/" + h.create(overHTTP("a", approver, `{"url":"https://a.example"}`))
	for _, c := range []struct{ method, target, body string }{
		{http.MethodPost, "/beta/trigger-invocations/test", `{"triggerId":"` + approver + `","contentJson":{"x":"BAD"}}`},
		{http.MethodPost, "/beta/trigger-invocations/test", `{"triggerId":"` + approver + `","contentJson":{},"input":{"x":"BAD"}}`},
		{http.MethodPost, "/beta/trigger-invocations/i/complete", `{"secret":"s","output":{"x":"BAD"}}`},
		{http.MethodPost, "/beta/trigger-invocations/start", `{"triggerId":"` + approver + `","input":{"x":"BAD"}}`},
		{http.MethodPost, "/beta/trigger-subscriptions", `{"name":"b","triggerId":"idn:identity-created","type":"WORKFLOW","workflowConfig":{"x":"BAD"}}`},
		{http.MethodPut, at, `{"httpConfig":{"url":"https://a.example"},"workflowConfig":{"x":"BAD"}}`},
		{http.MethodPatch, at, `[{"op":"add","path":"/workflowConfig","value":"BAD"}]`},
	} {
		h.ask(c.method, c.target, strings.Replace(c.body, "BAD", "a\xff\xfe", 1), 400, "the body is not UTF-8")
	}
}

// TestSchemaOfOnesOwn: a trigger that is described by a JSON Schema has no Avro schema, which is no fault of ours.
func TestSchemaOfOnesOwn(t *testing.T) {
	t.Parallel()
	h := open(t)
	doc, faults := strict.Parse("door.yaml", []byte("id: acme:door\nname: Door\ninput: {json_schema: {type: object}, example: {}}\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	door, faults := triggers.Read(doc)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	h.api.Catalogue = func() *triggers.Catalogue { return triggers.Shipped().With(door) }
	h.ask(http.MethodGet, "/beta/triggers/acme:door/schema", "", 200, `"type":"object"`)
	h.ask(http.MethodGet, "/beta/triggers/acme:door/schema?format=avro", "", 400, "acme:door has no Avro schema")
}
