package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

func (m *memory) Invocation(_ context.Context, id string) (triggers.Invocation, error) {
	for _, one := range m.invocations {
		if one.ID == id {
			return one, m.broken
		}
	}
	return triggers.Invocation{}, fmt.Errorf("invocation: %w", aggregation.ErrNone)
}

func (m *memory) Attempts(_ context.Context, invocation int64) ([]triggers.Attempt, error) {
	return m.attempts[invocation], nil
}

func (m *memory) Replay(_ context.Context, q triggers.Query) (n int64, err error) {
	m.replayed = append(m.replayed, q)
	for i := range m.invocations {
		one := &m.invocations[i]
		there := slices.ContainsFunc(m.subscriptions, func(s triggers.Subscription) bool { return s.ID == one.Subscription })
		over := one.State == triggers.Done || one.State == triggers.Dead || one.State == triggers.Waiting && one.Tries > 0 && len(q.IDs) > 0
		if there && over && (len(q.IDs) == 0 || slices.Contains(q.IDs, one.ID)) {
			one.State, one.Tries = triggers.Waiting, 0
			n++
		}
	}
	return n, m.broken
}

func (m *memory) Abandon(_ context.Context, ids ...string) (n int64, err error) {
	for i := range m.invocations {
		one := &m.invocations[i]
		if slices.Contains(ids, one.ID) && (one.State == triggers.Waiting || one.State == triggers.Asked) {
			one.State, one.Reason, one.Completed = triggers.Dead, "an operator gave it up", one.Created
			n++
		}
	}
	return n, m.broken
}

func (m *memory) Behind(_ context.Context, one triggers.Invocation) (string, error) {
	for _, i := range m.invocations {
		if one.State == triggers.Waiting && one.Tries == 0 && !one.Due.IsZero() && i.Event.Subject == one.Event.Subject && i.Tries > 0 {
			return i.ID, m.broken
		}
	}
	return "", m.broken
}

func (m *memory) Tell(_ context.Context, e triggers.Event) (triggers.Told, error) {
	for i, was := range m.told {
		if was.ID == e.ID {
			return triggers.Told{Event: was, Number: int64(i + 1)}, nil
		}
	}
	m.told = append(m.told, e)
	told := triggers.Told{Event: e, Number: int64(len(m.told)), Fresh: true}
	for i := range m.subscriptions {
		if m.subscriptions[i].TriggerID == e.Type {
			told.Invocations = append(told.Invocations, triggers.Invocation{ID: "made", Subscription: m.subscriptions[i].ID, Secret: planted[1]})
		}
	}
	return told, m.broken
}

func (m *memory) FilteredOut(_ context.Context, id string) (int64, []triggers.FilteredOut, error) {
	return int64(len(m.filtered[id])) * 100, m.filtered[id], nil
}

func TestInvocationIsShownWithItsAttempts(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	h.store.invocations = []triggers.Invocation{
		{
			ID: "one", Seq: 7, Subscription: id, Trigger: created, State: triggers.Waiting, Attempts: 1, Created: h.now, Due: h.now.Add(time.Minute),
			Reason: "status 500", Secret: "planted-token",
			Event: triggers.Event{ID: "e", Source: "hr", Subject: "ann", Data: json.RawMessage(`{"x":1}`)},
		},
		{ID: "two", Seq: 8, Subscription: id, Trigger: approver, State: triggers.Asked, Test: true, Created: h.now, Deadline: h.now.Add(time.Hour), Secret: "s", Event: triggers.Event{Subject: "test/x"}},
	}
	h.store.attempts = map[int64][]triggers.Attempt{7: {
		{Number: 1, Time: h.now, Took: 1500 * time.Microsecond, Status: 500, Answer: []byte("down"), Outcome: "retried", Reason: "status 500"},
	}}
	for _, at := range []string{"/beta/trigger-invocations/one", "/trigger-invocations/v1/one"} {
		text := h.ask(http.MethodGet, at, "", 200, "")
		shown := h.object(text, "completeInvocationInput", "completed", "created", "id", "sluice", "startInvocationInput", "subscriptionId", "subscriptionName", "triggerId", "type")
		ours, err := json.Marshal(shown["sluice"])
		if err != nil {
			t.Fatal(err)
		}
		h.object(string(ours), "attempts", "due", "eventId", "log", "reason", "source", "state", "subject")
		want := `"log":[{"answer":"down","number":1,"outcome":"retried","reason":"status 500","status":500,"time":"2026-03-01T12:00:00.123456Z","tookMs":1.5}]`
		if !strings.Contains(string(ours), want) || shown["subscriptionName"] != "a" {
			t.Errorf("got %s, want %s in it", text, want)
		}
	}
	text := h.ask(http.MethodGet, "/beta/trigger-invocations/two", "", 200, `"deadline":"2026-03-01T13:00:00.123456Z","log":[]`)
	if strings.Contains(text, "subject") || strings.Contains(text, `"due"`) {
		t.Errorf("a test that is asked: got %s, want no subject and nothing due", text)
	}
	h.ask(http.MethodGet, "/beta/trigger-invocations/three", "", 404, "")
	h.store.invocations[0].Tries = 1
	h.store.invocations[1] = triggers.Invocation{ID: "two", Subscription: id, State: triggers.Waiting, Due: h.now, Event: triggers.Event{Subject: "ann"}}
	h.ask(http.MethodGet, "/beta/trigger-invocations/two", "", 200, `"due":"2026-03-01T12:00:00.123456Z","behind":"one"`)
}

func TestInvocationIsReplayed(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	one := func(name, subscription string, state triggers.State) triggers.Invocation {
		return triggers.Invocation{ID: name, Subscription: subscription, Trigger: created, State: state, Created: h.now, Deadline: h.now.Add(time.Hour)}
	}
	h.store.invocations = []triggers.Invocation{one("dead", id, triggers.Dead), one("gone", "deleted", triggers.Dead), one("asked", id, triggers.Asked)}
	const at = "/v2026/trigger-invocations/"
	h.ask(http.MethodPost, at+"dead/replay", "", 200, `"state":"waiting"`)
	h.ask(http.MethodPost, at+"dead/replay", "", 400, "is on its way already")
	h.store.invocations[0].Tries = 1
	h.ask(http.MethodPost, at+"dead/replay", "", 200, `"state":"waiting"`)
	h.ask(http.MethodPost, at+"asked/replay", "", 400, "waits for the receiver's answer until 2026-03-01T13:00:00.123456Z")
	h.ask(http.MethodPost, at+"gone/replay", "", 400, "subscription is gone")
	h.ask(http.MethodPost, at+"nobody/replay", "", 404, "")
	h.store.replayed = nil
	for body, want := range map[string]string{
		``: "the body is empty", `{}`: "subscriptionId is required, or dead", `{"from":"2026-03-01T00:00:00Z"}`: "subscriptionId is required", `{"dead":"yes"}`: "dead must be true or false",
		`{"dead":true,"from":"yesterday"}`: "from must be a time such as", `{"dead":true,"to":1}`: "to must be a string", `{"subscriptionId":"nobody"}`: "there is no subscription",
		`{"subscriptionId":"` + id + `","form":"2026-03-01T00:00:00Z"}`: "the body.form is not known", `{"dead":true,"subscripitonId":"` + id + `"}`: "the body.subscripitonId is not known",
	} {
		h.ask(http.MethodPost, at+"replay", body, 400, want)
	}
	if len(h.store.replayed) != 0 {
		t.Fatalf("what is refused was asked of the store: %+v", h.store.replayed)
	}
	h.store.invocations[0].State = triggers.Done
	h.ask(http.MethodPost, at+"replay", `{"subscriptionId":"`+id+`","from":"2026-03-01T13:00:00+01:00","to":"2026-03-02T00:00:00Z"}`, 200, `{"replayed":1}`)
	h.ask(http.MethodPost, at+"replay", `{"dead":true,"undecided":true}`, 200, `{"replayed":0}`)
	q := h.store.replayed
	if q[0].Subscription != id || !q[0].After.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) || q[0].Before.Day() != 2 || len(q[0].States) != 0 || !q[0].Real {
		t.Errorf("got %+v, want the subscription and its window", q[0])
	}
	if !slices.Equal(q[1].States, []triggers.State{triggers.Dead}) || q[1].Subscription != "" || !q[1].Real {
		t.Errorf("got %+v, want all that is dead", q[1])
	}
}

func TestInvocationIsAbandoned(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.store.invocations = []triggers.Invocation{
		{ID: "waiting", Trigger: created, State: triggers.Waiting, Created: h.now}, {ID: "asked", Trigger: created, State: triggers.Asked, Created: h.now},
	}
	const at = "/v2026/trigger-invocations/"
	for _, id := range []string{"waiting", "asked"} {
		h.ask(http.MethodPost, at+id+"/abandon", "", 200, `"state":"dead","attempts":0,"reason":"an operator gave it up"`)
		h.ask(http.MethodPost, at+id+"/abandon", "", 400, "is dead since 2026-03-01T12:00:00.123456Z, so that there is nothing to give up")
	}
	h.ask(http.MethodPost, at+"nobody/abandon", "", 404, "")
	if resp, text := h.as("emitter", http.MethodPost, at+"waiting/abandon", ""); resp.StatusCode != 403 {
		t.Errorf("without the scope: got %d %s, want 403", resp.StatusCode, text)
	}
}

func TestFilteredOutIsShown(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	at := "/trigger-subscriptions/v1/" + id + "/filtered"
	h.ask(http.MethodGet, at, "", 200, `{"count":0,"last":[]}`)
	h.store.filtered = map[string][]triggers.FilteredOut{id: {{Subscription: id, Seq: 3, Reason: "no: it is\n", Event: triggers.Event{ID: "e", Subject: "ann", Source: "hr", Time: h.now}}}}
	h.ask(http.MethodGet, at, "", 200, `{"count":100,"last":[{"eventId":"e","subject":"ann","source":"hr","created":"2026-03-01T12:00:00.123456Z","reason":"no: it is\n"}]}`)
	h.ask(http.MethodGet, "/beta/trigger-subscriptions/nobody/filtered", "", 404, "")
}

// TestEventIsEmitted: an integration's event is told once, when it fits, by who may.
func TestEventIsEmitted(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	example := string(triggers.Shipped().Trigger(created).ExampleInput)
	body := func(more string) string { return `{"triggerId":"` + created + `","input":` + example + more + `}` }
	const at = "/v2025/trigger-invocations/start"
	resp, text := h.as("emitter", http.MethodPost, at, body(`,"id":"mine","subject":"ann"`))
	shown := h.object(text, "created", "eventId", "invocations", "source", "subject", "triggerId")
	if resp.StatusCode != 201 || shown["eventId"] != "mine" || shown["source"] != "hr" || !strings.Contains(text, `"invocations":[{"id":"made","subscriptionId":"`+id+`"}]`) {
		t.Errorf("got %d %s, want it made, of the client", resp.StatusCode, text)
	}
	if resp, text = h.as("emitter", http.MethodPost, at, body(`,"id":"mine","subject":"ann"`)); resp.StatusCode != 200 || !strings.Contains(text, `"invocations":[]`) {
		t.Errorf("again: got %d %s, want 200", resp.StatusCode, text)
	}
	h.ask(http.MethodPost, at, body(`,"id":"mine","subject":"bob"`), 400, "is that of another event")
	h.ask(http.MethodPost, at, body(``), 201, "")
	if last := h.store.told[len(h.store.told)-1]; len(h.store.told) != 2 || last.Subject != last.ID || len(last.ID) != 36 || last.Type != created || !json.Valid(last.Data) || !last.Time.Equal(h.now.Truncate(time.Microsecond)) {
		t.Errorf("told: got %+v, want two events, the last about itself", h.store.told)
	}
	for body, want := range map[string]string{
		``: "the body is empty", `{"input":{}}`: "triggerId is required", `{"triggerId":"idn:none","input":{}}`: "there is no trigger", `{"triggerId":"` + created + `"}`: "input is required",
		body(`,"subjct":"ann"`): "the body.subjct is not known",
		`{"triggerId":"` + created + `","input":{"identity":"planted-token"}}`: "input does not fit the trigger's schema: ",
		body(`,"id":"` + strings.Repeat("x", 65) + `"`):                        "id must be text of 64 bytes at most", body(`,"subject":"a\u0000"`): "subject must be text", body(`,"source":1`): "source must be a string",
	} {
		h.ask(http.MethodPost, at, body, 400, want)
	}
}

// A subscription whose secrets no key opens cannot be changed, and the client is told what to do.
func TestChangeWithoutTheKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(overHTTP("a", created, `{"url":"https://a.example"}`))
	h.store.broken = fmt.Errorf("subscription: %w", triggers.ErrKey)
	h.ask(http.MethodPut, "/beta/trigger-subscriptions/"+id, overHTTP("a", created, `{"url":"https://b.example"}`), 400, "no key opens the subscription's secrets")
}
