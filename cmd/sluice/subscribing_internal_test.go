package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/client"
	"sluice/internal/seal"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
)

// secretsOfSubscriptions must come out of nowhere but a delivery.
var secretsOfSubscriptions = []string{"planted-token", "planted-password", "planted-next-token"}

// stock is a client of SailPoint's API as its SDK is.
type stock struct {
	*rig

	id, secret, token string
}

// newStock makes a client by the command line, and signs it in as the SDK does.
func newStock(t *testing.T, r *rig, vars []string, scopes ...string) *stock {
	t.Helper()
	args := []string{"clients", "create", "terraform", "-o", "json", "--config", r.folder}
	if r.data != "" {
		args = append(args, "--data", r.data)
	}
	for _, scope := range scopes {
		args = append(args, "--scope", scope)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, vars, nil, &out, &errs); code != exitOK {
		t.Fatalf("clients create: got exit code %d, %s", code, &errs)
	}
	var made struct{ ID, Secret string }
	if err := json.Unmarshal(out.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	s := &stock{rig: r, id: made.ID, secret: made.Secret}
	form := url.Values{"client_id": {s.id}, "client_secret": {s.secret}, "grant_type": {"client_credentials"}}
	got := r.ask(http.MethodPost, r.url("main", "/oauth/token"), form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "User-Agent", "Go-http-client/1.1")
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Token == "" {
		t.Fatalf("token: got %d %s", got.status, got.body)
	}
	s.token = answer.Token
	return s
}

// call sends what the SDK sends, and wants a status.
func (s *stock) call(method, target, body string, status int) string {
	s.t.Helper()
	head := []string{"Accept", "application/json", "User-Agent", "OpenAPI-Generator/2.2.1/go", "X-SailPoint-SDK", "2.2.1", "X-SailPoint-Experimental", "true",
		"X-IDN-ORG", "acme", "Authorization", "Bearer " + s.token}
	switch {
	case method == http.MethodPatch:
		head = append(head, "Content-Type", "application/json-patch+json")
	case body != "":
		head = append(head, "Content-Type", "application/json")
	}
	got := s.ask(method, s.url("main", target), body, head...)
	if got.status != status {
		s.t.Fatalf("%s %s: got %d %s, want %d", method, target, got.status, got.body, status)
	}
	if kind := got.header.Get("Content-Type"); got.body != "" && kind != "application/json" {
		s.t.Errorf("%s %s: content type %q", method, target, kind)
	}
	for _, secret := range secretsOfSubscriptions {
		if strings.Contains(got.body, secret) {
			s.t.Errorf("%s %s shows %s: %s", method, target, secret, got.body)
		}
	}
	return got.body
}

// TestStockClientsManageSubscriptions replays what SailPoint's SDK, its workflows and a low-code integration send, against the real app.
func TestStockClientsManageSubscriptions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		r := newRig(t, plainConfig, teamdynamix.Options{})
		var vars []string
		if options := fresh(); options.URL != "" {
			r.write("sluice.yaml", plainConfig+"database: ${env:DB}\ntriggers: {seal: \"${env:SEAL}\"}\n")
			vars = []string{"DB=" + options.URL, "SEAL=" + seal.NewKey()}
		} else {
			r.data = options.Dir
		}
		r.start(vars...)
		s := newStock(t, r, vars)
		sdk := `{"name":"Decide","triggerId":"idn:access-request-pre-approval","type":"HTTP","enabled":true,"responseDeadline":"PT1H",
			"httpConfig":{"url":"https://receiver.example/hook","httpDispatchMode":"ASYNC","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":"planted-token"}}}`
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(s.call(http.MethodPost, "/v2025/trigger-subscriptions", sdk, 201)), &made); err != nil {
			t.Fatal(err)
		}
		at := "/beta/trigger-subscriptions/" + made.ID
		listed := s.call(http.MethodGet, "/beta/trigger-subscriptions?filters=id+eq+%22"+made.ID+"%22&count=true&limit=250", "", 200)
		if !strings.Contains(listed, `"bearerToken":null`) {
			t.Errorf("got %s", listed)
		}
		s.call(http.MethodPatch, at, `[{"op":"replace","path":"/httpConfig/bearerTokenAuthConfig/bearerToken","value":"planted-next-token"}]`, 200)
		s.call(http.MethodPut, "/trigger-subscriptions/v1/"+made.ID, strings.Trim(listed, "[]\n"), 200)
		kept, err := r.app.database.Subscription(t.Context(), made.ID)
		if err != nil || *kept.HTTP.Bearer.Token != "planted-next-token" {
			t.Errorf("kept is %+v, %v, want the token of the patch", kept.HTTP, err)
		}
		s.call(http.MethodGet, "/beta/triggers/idn%3Aidentity-created/schema", "", 200) // as a client escapes it
		s.call(http.MethodPost, "/beta/trigger-subscriptions", strings.Replace(sdk, "Decide", "Second", 1), 400)
		filtered := `{"name":"Low code","triggerId":"idn:identity-created","type":"HTTP","filter":"$[?($.identity.name contains 'x')]","httpConfig":{"url":"https://hooks.example/1"}}`
		if text := s.call(http.MethodPost, "/v2024/trigger-subscriptions", filtered, 201); !strings.Contains(text, `"httpDispatchMode":"SYNC"`) {
			t.Errorf("got %s, want the dispatch mode said", text)
		}
		s.call(http.MethodPost, "/v2024/trigger-subscriptions", strings.Replace(filtered, "$[?(", "$[?(=", 1), 400)
		if got := s.call(http.MethodPost, "/beta/trigger-subscriptions/validate-filter", `{"input":{"a":7},"filter":"$[?($.a > 5)]"}`, 200); !strings.Contains(got, `{"isValid":true,"isValidJSONPath":true,"isPathExist":true}`) {
			t.Errorf("validate-filter: got %s", got)
		}
		tested := s.call(http.MethodPost, "/v2026/trigger-invocations/test", `{"triggerId":"idn:access-request-pre-approval","contentJson":{}}`, 200)
		var invocations []struct{ ID, Secret string }
		if err := json.Unmarshal([]byte(tested), &invocations); err != nil || len(invocations) != 1 {
			t.Fatalf("test: got %s, %v", tested, err)
		}
		if got := s.call(http.MethodGet, "/beta/trigger-invocations/status", "", 200); !strings.Contains(got, invocations[0].ID) || !strings.Contains(got, `"type":"TEST"`) {
			t.Errorf("status: got %s, want the test", got)
		}
		s.call(http.MethodPost, "/beta/trigger-invocations/"+invocations[0].ID+"/complete", `{"secret":"x","output":{}}`, 403)
		if got := s.call(http.MethodGet, "/v2025/trigger-invocations/"+invocations[0].ID, "", 200); !strings.Contains(got, `"log":[`) || strings.Contains(got, invocations[0].Secret) {
			t.Errorf("the test by its id: got %s, want its attempts and no secret", got)
		}
		s.call(http.MethodPost, "/beta/trigger-invocations/"+invocations[0].ID+"/replay", "", 400)
		event := `{"triggerId":"idn:identity-deleted","id":"ann","input":` + deletedOf("Ann") + `}`
		if got := s.call(http.MethodPost, "/trigger-invocations/v1/start", event, 201); !strings.Contains(got, `"source":"terraform"`) {
			t.Errorf("start: got %s, want the client's name", got)
		}
		s.call(http.MethodPost, "/trigger-invocations/v1/start", event, 200)
		s.call(http.MethodPost, "/trigger-invocations/v1/start", strings.Replace(event, "Ann", "Bob", 1), 400)
		s.call(http.MethodPost, "/beta/trigger-invocations/replay", `{"dead":true,"to":"2020-01-01T00:00:00Z"}`, 200)
		s.call(http.MethodGet, at+"/filtered", "", 200)
		s.call(http.MethodPost, "/beta/trigger-invocations/nobody/complete", `{"secret":"x","output":{}}`, 400)
		s.call(http.MethodPost, "/beta/trigger-invocations/test", `{"triggerId":"idn:identity-deleted","contentJson":{}}`, 204)
		s.call(http.MethodDelete, at, `{"id":"`+made.ID+`"}`, 204)
		s.call(http.MethodDelete, at, "", 404)
		query := url.Values{"client_id": {s.id}, "client_secret": {s.secret}, "grant_type": {"client_credentials"}}
		if got := r.ask(http.MethodPost, r.url("main", "/oauth/token?"+query.Encode()), ""); got.status != http.StatusOK {
			t.Errorf("token by the query: got %d %s", got.status, got.body)
		}
		for _, secret := range append([]string{s.secret, s.token}, secretsOfSubscriptions...) {
			if requests := r.ask(http.MethodGet, "http://"+r.app.AdminAddress()+"/debug/requests", ""); strings.Contains(r.log.String(), secret) || strings.Contains(requests.body, secret) {
				t.Errorf("the log or the ring holds %s", secret)
			}
		}
	})
}

// TestClientsHaveTheirScopes: what the command line gives is what the API permits, until it is revoked.
func TestClientsHaveTheirScopes(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig+"triggers: {calls: 5, window: 1h}\n", teamdynamix.Options{})
	r.data = t.TempDir()
	r.start()
	s := newStock(t, r, nil, client.SubscriptionsRead)
	s.call(http.MethodGet, "/beta/trigger-subscriptions", "", 200)
	s.call(http.MethodGet, "/beta/trigger-invocations/status", "", 403)
	for range 3 {
		s.call(http.MethodGet, "/beta/triggers?limit=1", "", 200)
	}
	got := s.ask(http.MethodGet, s.url("main", "/beta/triggers"), "", "Authorization", "Bearer "+s.token)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || strings.TrimSpace(got.body) != `{"message":" Rate Limit Exceeded "}` {
		t.Errorf("call 6: got %d %s", got.status, got.body)
	}
	s.call(http.MethodGet, "/v2026/triggers?limit=1", "", 200)
	var out bytes.Buffer
	if code := run(t.Context(), []string{"clients", "revoke", s.id, "--data", r.data}, nil, nil, &out, &out); code != exitOK {
		t.Fatalf("revoke: %s", &out)
	}
	if got := s.ask(http.MethodGet, s.url("main", "/v2026/triggers"), "", "Authorization", "Bearer "+s.token); got.status != http.StatusUnauthorized ||
		strings.TrimSpace(got.body) != `{"error":"JWT validation failed: client is revoked"}` {
		t.Errorf("after revoke: got %d %s", got.status, got.body)
	}
	out.Reset()
	if code := run(t.Context(), []string{"clients", "list", "--data", r.data}, nil, nil, &out, &out); code != exitOK || !strings.Contains(out.String(), "revoked") || strings.Contains(out.String(), s.secret) {
		t.Errorf("list: got %s", &out)
	}
	r.write("sluice.yaml", plainConfig)
	if got := r.reload(); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `"key":"triggers"`) {
		t.Errorf("a reload with other triggers: got %d %s, want 422", got.status, got.body)
	}
}

// TestSubscriptionsByCommand: the command line does in the database what the API does, without a running process.
func TestSubscriptionsByCommand(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	do := func(stdin string, want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "--data", data), nil, strings.NewReader(stdin), &out, &errs); code != want {
			t.Fatalf("%v: got exit code %d, want %d: %s%s", args, code, want, &out, &errs)
		}
		for _, secret := range secretsOfSubscriptions {
			if strings.Contains(out.String()+errs.String(), secret) {
				t.Errorf("%v shows %s", args, secret)
			}
		}
		return out.String() + errs.String()
	}
	text := `{"name":"a","triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://a.example","httpAuthenticationType":"BASIC_AUTH","basicAuthConfig":{"userName":"u","password":"planted-password"}}}`
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(do(text, exitOK, "subscriptions", "create", "-")), &made); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stdin string
		code  int
		args  string
		want  string
	}{
		{text, exitUsage, "subscriptions create -", "there is a subscription with the name"},
		{"{", exitUsage, "subscriptions create -", "it is not JSON"},
		{strings.Replace(text, `"name":"`, `"sluice":{"orderring":"none"},"name":"`, 1), exitUsage, "subscriptions create -", "sluice.orderring is not known"},
		{text, exitUsage, "subscriptions create - -o xml", "must be text or json"},
		{`{"name":"b","triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://b.example"}}`, exitOK, "subscriptions create - -o text", "Filtered out  0"},
		{strings.Replace(text, "a.example", "[::ffff:169.254.169.254]", 1), exitUsage, "subscriptions create -", "httpConfig.url: ::ffff:169.254.169.254 is no address that events are sent to"},
		{strings.Replace(text, "a.example", "LocalHost.:99", 1), exitUsage, "subscriptions create -", "allow_networks"},
		{"", exitUsage, "subscriptions create nowhere.json", "cannot be read"},
		{"", exitOK, "subscriptions list", "active"},
		{"", exitOK, "subscriptions show -o json " + made.ID, `"password": null`},
		{"", exitOK, "subscriptions pause " + made.ID, "a: paused by operator"},
		{"", exitOK, "subscriptions list -o json", `"reason": "paused by an operator"`},
		{"", exitOK, "keys rotate-seal --new", "1 row of subscriptions with secrets, 1 sealed again"},
		{"", exitOK, "keys rotate-seal", "0 sealed again"},
		{"", exitOK, "subscriptions resume a", "a: active"},
		{"", exitUsage, "subscriptions pause nobody", "there is no subscription nobody"},
		{"", exitUsage, "subscriptions show nobody", "there is no subscription nobody"},
		{"", exitUsage, "clients create x --scope all", "there is no scope"},
		{"", exitUsage, "clients revoke nobody", "there is no client nobody"},
	} {
		if got := do(c.stdin, c.code, strings.Fields(c.args)...); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
	}
	file := filepath.Join(data, sealFile)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%s: got %v, %v, want 0600", file, info, err)
	}
	keys, err := os.ReadFile(file)
	if err != nil || len(strings.Fields(string(keys))) != 2 {
		t.Fatalf("got %d keys, %v, want the new one and the old", len(strings.Fields(string(keys))), err)
	}
	if err := os.WriteFile(file, []byte(strings.Fields(string(keys))[0]), 0o600); err != nil { // the old key goes
		t.Fatal(err)
	}
	do("", exitOK, "subscriptions", "resume", made.ID)
}

// TestSubscriptionsAreHeldAgainstTheirSenders: what could never be sent, or would show a password, is not kept.
func TestSubscriptionsAreHeldAgainstTheirSenders(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, args: []string{"--data", t.TempDir()}}
	config := func(text string) string {
		return `{"name":"x","triggerId":"idn:identity-created","type":"HTTP","httpConfig":` + text + `}`
	}
	ours := func(text string) string { return config(`{"url":"https://a.example"},"sluice":` + text) }
	for body, want := range map[string]string{
		ours(`{"headers":[{"name":"a b","value":"x"}]}`):                    "its name is no name of a header",
		ours(`{"headers":[{"name":"user-agent","value":"planted-token"}]}`): "User-Agent is set by Sluice and cannot be chosen",
		ours(`{"headers":[{"name":"Proxy-X","value":"planted-token"}]}`):    "Proxy-X is set by Sluice and cannot be chosen",
		config(`{"url":"https://a.example","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":"planted-token"}},
			"sluice":{"headers":[{"name":"Authorization","value":"planted-token"}]}`): "Authorization is what the subscription's authentication sets",
		ours(`{"destination":{"nats":{"url":"nats://u:planted-password@10.0.0.1:4222","subject":"s"}}}`):                                                                                       "sluice.destination.nats.url: the URL holds a user or password",
		ours(`{"destination":{"amqp":{"url":"amqp://u:planted-password@bus.example","address":"q"}}}`):                                                                                         "sluice.destination.amqp.url: the URL holds a user or password",
		ours(`{"destination":{"sqs":{"url":"https://u:planted-password@sqs.example/q","region":"eu-west-1"}}}`):                                                                                "sluice.destination.sqs.url: the URL holds a user or password",
		ours(`{"destination":{"sns":{"arn":"arn:aws:sns:eu-west-1:123456789012:t","accessKeyId":"a","secretAccessKey":"planted-token","endpoint":"https://u:planted-password@sns.example"}}}`): "endpoint is no URL of a host",
		ours(`{"destination":{"kafka":{"brokers":["planted-password@10.0.0.1:9092"],"topic":"t"}}}`):                                                                                           "one is not written as host:port",
		ours(`{"destination":{"nats":{"url":"nats://10.0.0.1:4222","subject":"s"}}}`):                                                                                                          "sluice.destination.nats.url: 10.0.0.1 is no address that events are sent to",
		ours(`{"destination":{"amqp":{"url":"amqps://localhost","address":"q"}}}`):                                                                                                             "sluice.destination.amqp.url: localhost is no address",
		ours(`{"destination":{"kafka":{"brokers":["a.example:9092","[fd00::1]:9092"],"topic":"t"}}}`):                                                                                          "sluice.destination.kafka.brokers: fd00::1 is no address",
		ours(`{"destination":{"sns":{"arn":"arn:aws:sns:eu-west-1:123456789012:t","accessKeyId":"a","secretAccessKey":"planted-token","endpoint":"http://169.254.1.1"}}}`):                     "SNS in eu-west-1: 169.254.1.1 is no address",
		ours(`{"destination":{"sns":{"arn":"t"}}}`):                                                                                                                                            "is no ARN of a topic",
		ours(`{"oauth2":{"tokenUrl":"http://127.0.0.1/t","clientId":"c","clientSecret":"planted-token"}}`):                                                                                     "sluice.oauth2.tokenUrl: 127.0.0.1 is no address",
		ours(`{"clientCertificate":{"certificate":"x","key":"planted-token"}}`):                                                                                                                "certificate and key are no pair in PEM",
		config(`{"url":"https://a.example","httpAuthenticationType":"BEARER_TOKEN","bearerTokenAuthConfig":{"bearerToken":"planted-token"}},
			"sluice":{"oauth2":{"tokenUrl":"https://a.example","clientId":"c","clientSecret":"planted-password"}}`): "sluice.oauth2: the subscription has another authentication",
	} {
		if got := d.do(body, exitUsage, "subscriptions", "create", "-"); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	d.do(ours(`{"headers":[{"name":"Authorization","value":"planted-token"}]}`), exitOK, "subscriptions", "create", "-")
}

// TestSecretsNeedASealOnPostgres: nodes must share the key, so none is made behind their backs.
func TestSecretsNeedASealOnPostgres(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig+"database: ${env:DB}\n", teamdynamix.Options{})
	vars := []string{"DB=" + storetest.Postgres(t).URL}
	var out bytes.Buffer
	text := `{"name":"a","triggerId":"idn:identity-created","type":"HTTP","httpConfig":{"url":"https://a.example","bearerTokenAuthConfig":{"bearerToken":"planted-token"}}}`
	code := run(t.Context(), []string{"subscriptions", "create", "-", "--config", r.folder}, vars, strings.NewReader(text), &out, &out)
	if code == exitOK || !strings.Contains(out.String(), "triggers.seal") || strings.Contains(out.String(), "planted-token") {
		t.Errorf("got exit code %d and %s, want it to name triggers.seal", code, &out)
	}
	plain := strings.Replace(text, `,"bearerTokenAuthConfig":{"bearerToken":"planted-token"}`, "", 1)
	if code := run(t.Context(), []string{"subscriptions", "create", "-", "--config", r.folder}, vars, strings.NewReader(plain), &out, &out); code != exitOK {
		t.Errorf("without a secret: got exit code %d, %s", code, &out)
	}
	r.start(vars...)
	got := r.ask(http.MethodPost, r.url("main", "/oauth/token"), "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	if got.status != http.StatusUnauthorized {
		t.Errorf("token of nobody: got %d %s", got.status, got.body)
	}
}
