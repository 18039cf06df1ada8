package oauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/internal/client"
	"sluice/internal/fault"
	"sluice/web/oauth"
)

type clients map[string]client.Client

func (c clients) Client(_ context.Context, id string) (client.Client, error) {
	if found, there := c[id]; there {
		return found, nil
	}
	return client.Client{}, aggregation.ErrNone
}

type house struct {
	*oauth.Server

	clients    clients
	id, secret string
	now        time.Time
	log        bytes.Buffer
}

func open(t *testing.T, change func(*oauth.Options)) *house {
	t.Helper()
	h := &house{clients: clients{}, now: time.Unix(1_700_000_000, 0)}
	c, secret := client.New("iga", []string{client.SubscriptionsRead, client.InvocationsRead}, h.now)
	h.id, h.secret, h.clients[c.ID] = c.ID, secret, c
	key, err := oauth.NewKey("k1", bytes.Repeat([]byte{7}, oauth.SeedBytes))
	if err != nil {
		t.Fatal(err)
	}
	o := oauth.Options{Clients: h.clients, Keys: []oauth.Key{key}, Tenant: "t", Now: func() time.Time { return h.now }, Log: slog.New(slog.NewTextHandler(&h.log, nil))}
	if change != nil {
		change(&o)
	}
	h.Server = oauth.New(o)
	return h
}

// ask sends a request for a token.
func (h *house) ask(t *testing.T, method, query, kind, body string, basic bool) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/oauth/token"+query, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if basic {
		r.SetBasicAuth(h.id, h.secret)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if strings.Contains(string(text), h.secret) || strings.Contains(h.log.String(), h.secret) {
		t.Errorf("a secret is in the answer or the log: %s %s", text, h.log.String())
	}
	return resp, document
}

const form = "application/x-www-form-urlencoded"

func (h *house) token(t *testing.T) string {
	t.Helper()
	_, document := h.ask(t, http.MethodPost, "", form, "client_id="+h.id+"&client_secret="+h.secret+"&grant_type=client_credentials", false)
	token, _ := document["access_token"].(string)
	return token
}

func (h *house) bearer(t *testing.T, authorization, version string) (oauth.Grant, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/beta/triggers", nil)
	r.Header.Set("Authorization", authorization)
	return h.Bearer(r, version)
}

func TestTokenComesHoweverItIsAskedFor(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	credentials := "client_id=" + h.id + "&client_secret=" + h.secret
	var parts bytes.Buffer
	multi := multipart.NewWriter(&parts)
	for name, value := range map[string]string{"client_id": h.id, "client_secret": h.secret, "grant_type": "client_credentials"} {
		if err := multi.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := multi.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		query, kind, body string
		basic             bool
	}{
		"form":  {"", form, credentials + "&grant_type=client_credentials", false},
		"parts": {"", multi.FormDataContentType(), parts.String(), false},
		"query": {"?grant_type=client_credentials&" + credentials, "", "", false},
		"query of a client that says its empty body is JSON": {"?grant_type=client_credentials&" + credentials, "application/json", "", false},
		"basic":                  {"", form, "grant_type=client_credentials", true},
		"basic beside the query": {"?grant_type=client_credentials", "", "", true},
	} {
		resp, document := h.ask(t, http.MethodPost, c.query, c.kind, c.body, c.basic)
		want := []string{"accessType", "access_token", "enabled", "expires_in", "internal", "jti", "org", "pod", "scope", "strong_auth", "strong_auth_supported", "tenant_id", "token_type"}
		if got := slices.Sorted(maps.Keys(document)); resp.StatusCode != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("%s: got %d %v, want 200 %v", name, resp.StatusCode, document, want)
		}
		if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: header %v", name, resp.Header)
		}
		if document["expires_in"] != 749.0 || document["scope"] != client.SubscriptionsRead+" "+client.InvocationsRead || document["token_type"] != "bearer" {
			t.Errorf("%s: got %v", name, document)
		}
	}
}

func TestTokenSaysWhatSailPointsDo(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	parts := strings.Split(h.token(t), ".")
	var header, said map[string]any
	for i, into := range []*map[string]any{&header, &said} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	if header["alg"] != "ES256" || header["typ"] != "JWT" || header["kid"] != "k1" {
		t.Errorf("header: got %v", header)
	}
	want := []string{"authorities", "client_id", "exp", "jti", "org", "pod", "scope", "strong_auth", "tenant_id"}
	if got := slices.Sorted(maps.Keys(said)); !slices.Equal(got, want) {
		t.Errorf("claims: got %v, want %v", got, want)
	}
}

func TestTokenIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	grant := "grant_type=client_credentials&client_id=" + h.id
	for name, c := range map[string]struct {
		method, kind, body string
		status             int
		code               string
	}{
		"wrong secret":   {http.MethodPost, form, grant + "&client_secret=planted", 401, "invalid_client"},
		"no secret":      {http.MethodPost, form, grant, 401, "invalid_client"},
		"unknown client": {http.MethodPost, form, "grant_type=client_credentials&client_id=x&client_secret=planted", 401, "invalid_client"},
		"another grant":  {http.MethodPost, form, "grant_type=password&client_id=x", 400, "unsupported_grant_type"},
		"nothing":        {http.MethodPost, "", "", 400, "unsupported_grant_type"},
		"GET":            {http.MethodGet, "", "", 405, "invalid_request"},
		"broken form":    {http.MethodPost, form, "a=%zz", 400, "invalid_request"},
		"broken parts":   {http.MethodPost, "multipart/form-data; boundary=x", "planted", 400, "invalid_request"},
		"too much":       {http.MethodPost, form, strings.Repeat("x", 100_000), 400, "invalid_request"},
		"more scopes":    {http.MethodPost, form, grant + "&client_secret=" + h.secret + "&scope=sp:scopes:all", 400, "invalid_scope"},
	} {
		resp, document := h.ask(t, c.method, "", c.kind, c.body, false)
		if got := slices.Sorted(maps.Keys(document)); resp.StatusCode != c.status || document["error"] != c.code || !slices.Equal(got, []string{"error", "error_description"}) {
			t.Errorf("%s: got %d %v, want %d %s", name, resp.StatusCode, document, c.status, c.code)
		}
		if strings.Contains(document["error_description"].(string), "planted") {
			t.Errorf("%s: it repeats a secret: %v", name, document)
		}
	}
	keyless := open(t, func(o *oauth.Options) { o.Keys = nil })
	resp, document := keyless.ask(t, http.MethodPost, "", form, "grant_type=client_credentials", true)
	if resp.StatusCode != http.StatusInternalServerError || document["error"] != "server_error" || !strings.Contains(keyless.log.String(), "triggers.seal") {
		t.Errorf("without a key: got %d %v, log %s", resp.StatusCode, document, keyless.log.String())
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	token := h.token(t)
	grant, err := h.bearer(t, "Bearer "+token, "beta")
	if err != nil || grant.Client != h.id || grant.Name != "iga" || !slices.Equal(grant.Scopes, []string{client.SubscriptionsRead, client.InvocationsRead}) {
		t.Errorf("got %+v, %v", grant, err)
	}
	other := open(t, func(o *oauth.Options) {
		key, err := oauth.NewKey("k1", bytes.Repeat([]byte{8}, oauth.SeedBytes))
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = []oauth.Key{key}
	})
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(token, ".")[1] + "."
	for authorization, want := range map[string]string{
		"":                         "JWT is missing",
		"Basic eDp5":               "JWT is missing",
		"Bearer ":                  "JWT is missing",
		"Bearer planted":           "JWT is not valid",
		"Bearer " + none:           "JWT is not valid",
		"Bearer " + token + "x":    "JWT is not valid",
		"Bearer " + other.token(t): "JWT is not valid",
	} {
		_, err := h.bearer(t, authorization, "beta")
		if f := fault.Of(err); err == nil || f.Status != http.StatusUnauthorized || f.Message != "JWT validation failed: "+want {
			t.Errorf("%.20s: got %v, want %s", authorization, err, want)
		}
	}
	h.now = h.now.Add(749 * time.Second)
	if _, err := h.bearer(t, "Bearer "+token, "beta"); fault.Of(err).Message != "JWT validation failed: JWT is expired" {
		t.Errorf("after its time: got %v", err)
	}
	fresh := h.token(t)
	revoked := h.clients[h.id]
	revoked.Revoked = h.now
	h.clients[h.id] = revoked
	if _, err := h.bearer(t, "bearer "+fresh, "beta"); fault.Of(err).Message != "JWT validation failed: client is revoked" {
		t.Errorf("of a revoked client: got %v", err)
	}
}

func TestCallsAreCountedByClientAndVersion(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	authorization := "Bearer " + h.token(t)
	for i := range 100 {
		if _, err := h.bearer(t, authorization, "beta"); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		h.now = h.now.Add(50 * time.Millisecond)
	}
	_, err := h.bearer(t, authorization, "beta")
	if f := fault.Of(err); err == nil || f.Status != http.StatusTooManyRequests || f.Message != " Rate Limit Exceeded " || f.RetryAfter != 5*time.Second {
		t.Errorf("call 101: got %v", err)
	}
	if _, err := h.bearer(t, authorization, "v2025"); err != nil {
		t.Errorf("another version: %v", err)
	}
	h.now = h.now.Add(5 * time.Second)
	if _, err := h.bearer(t, authorization, "beta"); err != nil {
		t.Errorf("when the first is over: %v", err)
	}
	if _, err := h.bearer(t, authorization, "beta"); err == nil {
		t.Error("the second is not over, and another call is let through")
	}
}

// away are clients in a database that does not answer.
type away struct{ err error }

func (a away) Client(context.Context, string) (client.Client, error) { return client.Client{}, a.err }

func TestDatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{503: fmt.Errorf("read client: %w", aggregation.ErrAway), 500: errors.New("damaged")} {
		h := open(t, func(o *oauth.Options) { o.Clients = away{err} })
		resp, document := h.ask(t, http.MethodPost, "", form, "client_id=x&client_secret=y&grant_type=client_credentials", false)
		if resp.StatusCode != want || (resp.Header.Get("Retry-After") == "5") != (want == 503) || (document["error"] == "temporarily_unavailable") != (want == 503) {
			t.Errorf("%v: got %d, Retry-After %q, %v; want %d", err, resp.StatusCode, resp.Header.Get("Retry-After"), document, want)
		}
	}
}
