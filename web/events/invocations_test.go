package events_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/triggers"
)

func TestInvocationIsTestedAndCompleted(t *testing.T) {
	t.Parallel()
	h := open(t)
	const at = "/v2024/trigger-invocations/"
	h.ask(http.MethodPost, at+"test", `{"triggerId":"`+approver+`","contentJson":{}}`, 204, "")
	id := h.create(overHTTP("a", approver, `{"url":"https://a.example","httpDispatchMode":"ASYNC"}`))
	text := h.ask(http.MethodPost, at+"test", `{"triggerId":"`+approver+`","contentJson":{"n":12345678901234567890},"subscriptionIds":["`+id+`"]}`, 200, "")
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 {
		t.Fatalf("got %s, %v", text, err)
	}
	made := h.object(string(all[0]), "contentJson", "id", "secret", "triggerId")
	if string(h.store.invocations[0].Content) != `{"n":12345678901234567890}` || string(h.store.invocations[0].Event.Data) != string(triggers.Shipped().Trigger(approver).ExampleInput) {
		t.Errorf("kept is %+v, want the content as it came and the example as input", h.store.invocations[0])
	}
	complete := "/trigger-invocations/v1/" + made["id"].(string) + "/complete"
	for body, want := range map[string]string{
		``: "the body is empty", `{`: "the body is not JSON", strings.Repeat("[", 501): "the body is nested too deep: 500 levels are the most", `{"output":{}}`: "secret is required", `{"secret":"invocation-secret"}`: "output is required",
		`{"secret":"invocation-secret","output":{"id":1}}`: "output does not fit the trigger's schema",
	} {
		h.ask(http.MethodPost, complete, body, 400, want)
	}
	output := `{"secret":"invocation-secret","output":{"id":"2c","name":"Ann","type":"IDENTITY"}}`
	h.ask(http.MethodPost, at+"nobody/complete", output, 400, "there is no such invocation")
	h.ask(http.MethodPost, complete, `{"secret":"planted-token","output":{}}`, 403, "the secret is not that of the invocation")
	for _, authorization := range []string{"", "Bearer of.another.time"} {
		h.store.invocations[0].State = triggers.Asked
		resp, text := h.as("", http.MethodPost, complete, output, "Authorization", authorization)
		if resp.StatusCode != 204 || text != "" {
			t.Errorf("with Authorization %q: got %d %s, want 204", authorization, resp.StatusCode, text)
		}
	}
	h.ask(http.MethodPost, complete, output, 400, "is completed already")
	for body, want := range map[string]string{
		`{"contentJson":{}}`: "triggerId is required", `{"triggerId":"idn:none","contentJson":{}}`: "there is no trigger", `{"triggerId":"` + approver + `"}`: "contentJson is required",
		`{"triggerId":"` + approver + `","contentJson":[]}`:                 "contentJson must be an object, not array",
		`{"triggerId":"` + approver + `","contentJson":{},"input":{"x":1}}`: "input does not fit the trigger's schema",
	} {
		h.ask(http.MethodPost, at+"test", body, 400, want)
	}
	h.ask(http.MethodPatch, "/beta/trigger-subscriptions/"+id, `[{"op":"add","path":"/filter","value":"$.never"}]`, 200, "")
	h.ask(http.MethodPost, at+"test", `{"triggerId":"`+approver+`","contentJson":{}}`, 200, "[]")
	h.ask(http.MethodPatch, "/beta/trigger-subscriptions/"+id, `[{"op":"remove","path":"/filter"},{"op":"replace","path":"/type","value":"WORKFLOW"}]`, 200, "")
	h.ask(http.MethodPost, at+"test", `{"triggerId":"`+approver+`","contentJson":{}}`, 200, "[]")
}

// TestPageIsBounded: a page holds so much that many of them at once are no danger, and whoever asks for more is told how to get it.
func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	large := json.RawMessage(`"` + strings.Repeat("x", 900_000) + `"`)
	for n := range 40 {
		h.store.invocations = append(h.store.invocations, triggers.Invocation{
			ID: strconv.Itoa(n), Subscription: id, Trigger: created, State: triggers.Waiting, Created: h.now, Event: triggers.Event{Data: large},
		})
	}
	h.ask(http.MethodGet, "/beta/trigger-invocations/status", "", 400, "these 40 invocations hold more than 16 MiB: ask for fewer with limit")
	if h.store.whole > 20 {
		t.Errorf("got %d read with their payloads, want no more than it takes to refuse", h.store.whole)
	}
	if got := strings.Fields(h.list(h.ask(http.MethodGet, "/beta/trigger-invocations/status?limit=15&offset=20", "", 200, ""), "id")); len(got) != 15 || got[0] != "19" {
		t.Errorf("got %v, want 15 from the 21st on", got)
	}
}

func TestInvocationsAreShownAsAtSailPoint(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	one := func(name string, state triggers.State, age time.Duration, change func(*triggers.Invocation)) {
		i := triggers.Invocation{ID: name, Subscription: id, Trigger: created, State: state, Created: h.now.Add(-age - time.Hour), Attempts: 2,
			Event: triggers.Event{ID: "event-" + name, Data: json.RawMessage(`{"x":1}`)}}
		if state == triggers.Done || state == triggers.Dead {
			i.Completed = h.now.Add(-age)
		}
		if change != nil {
			change(&i)
		}
		h.store.invocations = append(h.store.invocations, i)
	}
	one("old-dead", triggers.Dead, 49*time.Hour, nil)
	one("dead", triggers.Dead, 47*time.Hour, func(i *triggers.Invocation) { i.Reason = "nobody listens" })
	one("old-done", triggers.Done, 25*time.Hour, nil)
	one("done", triggers.Done, 23*time.Hour, func(i *triggers.Invocation) { i.Trigger, i.Output = approver, json.RawMessage(`{"id":""}`) })
	one("faulty", triggers.Done, time.Hour, func(i *triggers.Invocation) { i.Fault = "no approver" })
	one("test", triggers.Asked, 100*time.Hour, func(i *triggers.Invocation) {
		i.Test, i.Content, i.Created = true, json.RawMessage(`{"a":1}`), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	})
	var all []json.RawMessage
	text := h.ask(http.MethodGet, "/trigger-invocations/v1/status", "", 200, "")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	if got, want := h.list(text, "id"), "test faulty done dead"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s := h.object(string(all[0]), "completeInvocationInput", "completed", "created", "id", "sluice", "startInvocationInput", "subscriptionId", "subscriptionName", "triggerId", "type")
	if s["type"] != "TEST" || s["completed"] != nil || s["created"] != "2026-02-01T00:00:00.000000Z" || s["subscriptionName"] != "a" || s["subscriptionId"] != id {
		t.Errorf("got %s", all[0])
	}
	for i, want := range []string{
		`"startInvocationInput":{"triggerId":"idn:identity-created","input":{"x":1},"contentJson":{"a":1}},"completeInvocationInput":{"localizedError":null,"output":null}`,
		`"completeInvocationInput":{"localizedError":{"locale":"en-US","message":"no approver"},"output":null}`,
		`"contentJson":{}},"completeInvocationInput":{"localizedError":null,"output":{"id":""}}`,
		`"localizedError":{"locale":"en-US","message":"nobody listens"},"output":null},"sluice":{"state":"dead","attempts":2,"reason":"nobody listens","eventId":"event-dead"}`,
	} {
		if got := string(all[i]); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	for query, want := range map[string]string{
		"filters=triggerId+eq+%22" + approver + "%22": "done",
		"filters=subscriptionId+eq+%22nobody%22":      "",
		"sorters=created":                             "test dead done faulty",
		"sorters=-completed&limit=1":                  "faulty",
		"sorters=triggerId,subscriptionName&offset=3": "dead",
		"limit=0": "",
		"filters=subscriptionId+eq+%22" + strings.ToUpper(id) + "%22&limit=1&offset=1": "faulty",
	} {
		h.store.whole = 0
		if got := h.list(h.ask(http.MethodGet, "/beta/trigger-invocations/status?"+query, "", 200, ""), "id"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		if want := len(strings.Fields(want)); h.store.whole != want {
			t.Errorf("%s: got %d that were read with their payloads, want %d", query, h.store.whole, want)
		}
	}
	h.ask(http.MethodGet, "/beta/trigger-invocations/status?filters=type+eq+%22TEST%22", "", 400, "cannot be filtered by here")
	for _, query := range []string{`filters=type+eq+"a;b"`, `filters=type+eq+"a%zz"`, "sorters=created;drop"} {
		h.ask(http.MethodGet, "/beta/trigger-invocations/status?"+query, "", 400, "the query cannot be read")
	}
}
