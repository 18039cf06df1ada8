package events_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/internal/client"
	"sluice/triggers"
	"sluice/web/events"
	"sluice/web/oauth"
)

// planted are the secrets that no answer, error or log may show.
var planted = []string{"planted-password", "planted-token", "whsec_cGxhbnRlZC1wbGFudGVkLXBsYW50ZWQtcGxhbnRlZA==", "planted-header"}

// memory is a store in memory, which gives what package store gives.
type memory struct {
	subscriptions []triggers.Subscription
	invocations   []triggers.Invocation
	attempts      map[int64][]triggers.Attempt
	filtered      map[string][]triggers.FilteredOut
	told          []triggers.Event
	replayed      []triggers.Query
	whole         int // invocations that were read with their payloads
	broken        error
}

func copyOf(s *triggers.Subscription) triggers.Subscription {
	made, err := s.Clone()
	if err != nil {
		panic(err)
	}
	return *made
}

func (m *memory) Subscriptions(context.Context) (all []triggers.Subscription, err error) {
	for i := range m.subscriptions {
		s := copyOf(&m.subscriptions[i])
		s.TakeSecrets()
		all = append(all, s)
	}
	return all, m.broken
}

func (m *memory) CreateSubscription(ctx context.Context, s triggers.Subscription, allowed func([]triggers.Subscription) error) error {
	others, err := m.Subscriptions(ctx)
	if err != nil {
		return err
	}
	if err := allowed(others); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	m.subscriptions = append(m.subscriptions, copyOf(&s))
	return nil
}

func (m *memory) ChangeSubscription(ctx context.Context, id string, change func(*triggers.Subscription, []triggers.Subscription) error) (triggers.Subscription, error) {
	i := slices.IndexFunc(m.subscriptions, func(s triggers.Subscription) bool { return s.ID == id })
	if i < 0 {
		return triggers.Subscription{}, fmt.Errorf("change: %w", aggregation.ErrNone)
	}
	s := copyOf(&m.subscriptions[i])
	others, err := m.Subscriptions(ctx)
	if err != nil {
		return s, err
	}
	if err := change(&s, slices.Delete(others, i, i+1)); err != nil {
		return s, fmt.Errorf("change: %w", err)
	}
	m.subscriptions[i] = copyOf(&s)
	return s, nil
}

func (m *memory) DeleteSubscription(_ context.Context, id string) error {
	before := len(m.subscriptions)
	m.subscriptions = slices.DeleteFunc(m.subscriptions, func(s triggers.Subscription) bool { return s.ID == id })
	if len(m.subscriptions) == before {
		return fmt.Errorf("delete: %w", aggregation.ErrNone)
	}
	return nil
}

func (m *memory) Invocations(_ context.Context, q triggers.Query) ([]triggers.Invocation, error) {
	var all []triggers.Invocation
	for _, one := range m.invocations {
		if len(q.IDs) > 0 && !slices.Contains(q.IDs, one.ID) {
			continue
		}
		if q.Bare {
			one.Event.Data, one.Content, one.Output = nil, nil, nil
		} else {
			m.whole++
		}
		all = append(all, one)
	}
	if q.Newest {
		slices.Reverse(all)
	}
	return all[:min(len(all), q.Limit)], nil
}

func (m *memory) Invoke(_ context.Context, trigger string, input, content json.RawMessage, only []string) (made []triggers.Invocation, subscribed bool, err error) {
	for i := range m.subscriptions {
		s := &m.subscriptions[i]
		if s.TriggerID != trigger || len(only) > 0 && !slices.Contains(only, s.ID) {
			continue
		}
		subscribed = true
		if !s.Delivers() {
			continue
		}
		if s.Filter != nil && *s.Filter == "$.never" {
			continue
		}
		made = append(made, triggers.Invocation{ID: fmt.Sprintf("invocation-%d", len(m.invocations)+i), Subscription: s.ID, Trigger: trigger, Test: true,
			State: triggers.Asked, Secret: "invocation-secret", Content: content, Event: triggers.Event{Type: trigger, Data: input}})
	}
	m.invocations = append(m.invocations, made...)
	return made, subscribed, nil
}

func (m *memory) Complete(_ context.Context, id, secret string, output json.RawMessage, fault string, check func(triggers.Invocation) error) error {
	i := slices.IndexFunc(m.invocations, func(one triggers.Invocation) bool { return one.ID == id })
	switch {
	case i < 0:
		return fmt.Errorf("complete: %w", aggregation.ErrNone)
	case m.invocations[i].Secret != secret:
		return fmt.Errorf("complete: %w", triggers.ErrSecret)
	case m.invocations[i].State != triggers.Asked:
		return fmt.Errorf("complete: %w", triggers.ErrOver)
	}
	if err := check(m.invocations[i]); err != nil {
		return fmt.Errorf("complete: %w", err)
	}
	m.invocations[i].State, m.invocations[i].Output, m.invocations[i].Fault = triggers.Done, output, fault
	return nil
}

func (m *memory) Client(_ context.Context, id string) (client.Client, error) {
	for _, c := range everybody {
		c.Hash = sha256.Sum256([]byte("secret"))
		if c.ID == id {
			return c, nil
		}
	}
	return client.Client{}, aggregation.ErrNone
}

// everybody are clients whose id says what they may do.
var everybody = []client.Client{
	{ID: "all", Scopes: []string{client.All}},
	{ID: "none", Scopes: []string{client.Default}},
	{ID: "reader", Scopes: []string{client.SubscriptionsRead, client.InvocationsRead}},
	{ID: "writer", Scopes: []string{client.SubscriptionsWrite, client.InvocationsWrite}},
	{ID: "emitter", Name: "hr", Scopes: []string{client.EventsEmit}},
}

// filters let everything through but "$.never", and take for none what has a blank in it.
type filters struct{}

func (filters) Compile(filter string) error {
	if strings.Contains(filter, " ") {
		return errors.New("position 1: a blank")
	}
	return nil
}

func (f filters) Check(filter string, _ any) (isValid, isValidJSONPath, isPathExist bool) {
	compiles := f.Compile(filter) == nil
	return compiles && filter != "$.never", compiles, compiles && filter != "$.never"
}

// house is an API and those who call it.
type house struct {
	t     *testing.T
	store *memory
	api   *events.API
	auth  *oauth.Server
	now   time.Time
	log   bytes.Buffer
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: &memory{}, now: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)}
	key, err := oauth.NewKey("k", bytes.Repeat([]byte{1}, oauth.SeedBytes))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return h.now }
	h.auth = oauth.New(oauth.Options{Clients: h.store, Keys: []oauth.Key{key}, Now: clock, Calls: 1000})
	h.api = events.New(events.Options{
		Catalogue: triggers.Shipped, Subscriptions: h.store, Invocations: h.store, Filters: filters{}, Bearers: h.auth, Now: clock,
		CheckReceiver: func(s *triggers.Subscription) error {
			if s.HTTP != nil && strings.Contains(s.HTTP.URL, "169.254.") {
				return errors.New("httpConfig.url: it leads to an address that is not for events")
			}
			return nil
		},
		Log: slog.New(slog.NewTextHandler(&h.log, nil)),
	})
	t.Cleanup(func() { h.silent(h.log.String()) })
	return h
}

// silent wants no secret in a text.
func (h *house) silent(text string) {
	h.t.Helper()
	for _, secret := range planted {
		if strings.Contains(text, secret) {
			h.t.Errorf("%s shows in %s", secret, text)
		}
	}
}

// token is one of a client that has the rights that its name says.
func (h *house) token(who string) string {
	h.t.Helper()
	form := "grant_type=client_credentials&client_secret=secret&client_id=" + who
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "/oauth/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.auth.ServeHTTP(w, r)
	var made struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.Token == "" {
		h.t.Fatalf("no token: %s, %v", w.Body, err)
	}
	return "Bearer " + made.Token
}

// as sends a request of a client; "" sends no Authorization.
func (h *house) as(who, method, target, body string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, target, strings.NewReader(body))
	if who != "" {
		r.Header.Set("Authorization", h.token(who))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	resp := w.Result()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	h.silent(string(text))
	return resp, string(text)
}

// ask is as, of a client that may do everything; it wants a status and, unless want is "", that the text holds it.
func (h *house) ask(method, target, body string, status int, want string) string {
	h.t.Helper()
	resp, text := h.as("all", method, target, body)
	if resp.StatusCode != status || !strings.Contains(text, want) {
		h.t.Errorf("%s %s: got %d %s, want %d with %s", method, target, resp.StatusCode, text, status, want)
	}
	switch {
	case status == http.StatusNoContent && text != "":
		h.t.Errorf("%s %s: 204 has the body %q", method, target, text)
	case status != http.StatusNoContent && resp.Header.Get("Content-Type") != "application/json":
		h.t.Errorf("%s %s: content type %q", method, target, resp.Header.Get("Content-Type"))
	case status == 400 || status == 403 || status == 404 || status == 500:
		h.problem(text, status)
	}
	return text
}

// problem wants SailPoint's ErrorResponseDto.
func (h *house) problem(text string, status int) {
	h.t.Helper()
	p := h.object(text, "causes", "detailCode", "messages", "trackingId")
	code := map[int]string{400: "400.1 Bad Request Content", 403: "403 Forbidden", 404: "404 Not found", 500: "500.0 Internal Fault"}[status]
	messages, _ := p["messages"].([]any)
	tracking, _ := p["trackingId"].(string)
	if p["detailCode"] != code || len(tracking) != 32 || strings.Trim(tracking, "0123456789abcdef") != "" || len(messages) != 1 {
		h.t.Fatalf("got %s, want detail code %s, a tracking id of 32 digits and one message", text, code)
	}
	m, _ := messages[0].(map[string]any)
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, []string{"locale", "localeOrigin", "text"}) {
		h.t.Errorf("a message has the members %v", got)
	}
}

// object wants a document of exactly these members.
func (h *house) object(text string, members ...string) map[string]any {
	h.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	if got := slices.Sorted(maps.Keys(document)); !slices.Equal(got, members) {
		h.t.Errorf("got the members %v of %s, want %v", got, text, members)
	}
	return document
}

// list wants an array, and returns the member of each of its items.
func (h *house) list(text, member string) string {
	h.t.Helper()
	var items []map[string]any
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		all = append(all, fmt.Sprint(item[member]))
	}
	return strings.Join(all, " ")
}

// create makes a subscription and returns its id.
func (h *house) create(body string) string {
	h.t.Helper()
	text := h.ask(http.MethodPost, "/beta/trigger-subscriptions", body, http.StatusCreated, "")
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		h.t.Fatal(err)
	}
	return made.ID
}
