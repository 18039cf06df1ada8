package proxy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"sluice/connectors"
)

const planted = `plant+pass/"word"=&%8`

// plantedShapes are the ways in which the planted secret may stand in a text.
func plantedShapes() []string {
	quoted, err := json.Marshal(planted)
	if err != nil {
		panic(err) // a text always marshals
	}
	return []string{
		planted, url.QueryEscape(planted), url.PathEscape(planted), strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", planted), `"`),
		base64.StdEncoding.EncodeToString([]byte(planted)), base64.StdEncoding.EncodeToString([]byte("u:" + planted)),
	}
}

// plantedAuths are schemes that put the planted secret in every place of a sign-in or a request.
var plantedAuths = map[string]string{
	"login json":         `{login: {path: /auth, json: {key: "${credential:key}"}, token: text}}`,
	"login form":         `{login: {path: /auth, form: {key: "${credential:key}"}, token: text}}`,
	"login header":       `{login: {path: /auth, headers: {X-Own: "${credential:key}"}, token: text}}`,
	"client credentials": `{oauth2: {token_url: /auth, client_id: u, client_secret: "${credential:key}"}}`,
	"refresh token":      `{oauth2: {token_url: /auth, grant: refresh_token, client_id: u, refresh_token: "${credential:key}"}}`,
	"basic":              `{basic: {username: u, password: "${credential:key}"}}`,
	"bearer":             `{bearer: {token: "${credential:key}"}}`,
	"header":             `{header: {set: {X-Own: "${credential:key}"}}}`,
	"hmac":               `{hmac: {key: "${credential:key}", sign: [method, path], value: "u ${signature}"}}`,
}

// parrot repeats every sign-in in its answer, and answers calls with code.
func parrot(code int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, "/auth") {
			return vendorSays(code, `{"message":"no"}`, "Content-Type", "application/json"), nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return vendorSays(code, fmt.Sprintf(`{"error":%q,"message":%q}`, body, fmt.Sprint(r.Header, planted)), "Content-Type", "application/json", "X-Echo", planted), nil
	}
}

func TestAPlantedCredentialAppearsNowhere(t *testing.T) {
	t.Parallel()
	for name, auth := range plantedAuths {
		for _, code := range []int{200, 302, 400, 401, 403, 429, 500, 503} {
			t.Run(fmt.Sprintf("%s/%d", name, code), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					log, metrics, ring := &lockedBuffer{}, NewMetrics(), NewRing(10)
					u := NewUpstreams(Options{
						Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: metrics, Ring: ring,
						Wire: func(*connectors.Connection) (http.RoundTripper, error) { return parrot(code), nil },
					})
					if err := u.Apply(probed(t, auth, "text", "managed", planted)); err != nil {
						t.Fatal(err)
					}
					up := u.live.Load().byName["tdx"]
					r, call := onConn(t, up.connection, "GET", "/people/1", nil)
					call.trace = NewTrace(up.connection)
					var said strings.Builder
					resp, err := up.chain.RoundTrip(r)
					if err == nil {
						fmt.Fprintln(&said, resp.Header, readAll(t, resp), resp.Request.Header)
					}
					fmt.Fprintf(&said, "%v %+v %#v\n", err, err, err)
					for _, part := range []any{ring.Last(), call.trace.Words(), call.trace.Exchanges()} {
						text, err := json.Marshal(part)
						if err != nil {
							t.Fatal(err)
						}
						said.Write(text)
					}
					said.WriteString(log.String())
					said.WriteString(exposed(t, metrics))
					for _, shape := range plantedShapes() {
						if strings.Contains(said.String(), shape) {
							t.Errorf("the credential appears as %q in:\n%s", shape, said.String())
						}
					}
					if !strings.Contains(log.String(), "tdx") || len(ring.Last()) != 1 || len(call.trace.Words()) == 0 {
						t.Errorf("the call left no trace: nothing was tested")
					}
				})
			})
		}
	}
}

// exposed is what a scrape of metrics shows.
func exposed(t *testing.T, metrics *Metrics) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}
