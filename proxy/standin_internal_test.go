package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/transforms"
)

func TestAManagedConnectionsCallersGetAStandIn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spec string
		kind string
		body string
	}{
		"bare text":      {`text`, "text/plain; charset=utf-8", `sluice-managed`},
		"OAuth 2":        {`{json: .access_token, expires: {json: .expires_in, format: delta}}`, "application/json", `{"access_token":"sluice-managed","expires_in":3600,"token_type":"Bearer"}`},
		"a field":        {`{json: .token}`, "application/json", `{"expires_in":3600,"token":"sluice-managed","token_type":"Bearer"}`},
		"a nested field": {`{json: .data.accessToken}`, "application/json", `{"data":{"accessToken":"sluice-managed"},"expires_in":3600,"token_type":"Bearer"}`},
		"a header":       {`{header: X-Auth-Token}`, "application/json", `{"access_token":"sluice-managed","expires_in":3600,"token_type":"Bearer"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := quietUpstreams()
			conn := probed(t, probeLogin, test.spec, "managed", "planted-key").Connections["tdx"]
			called := 0
			chain := u.signIn(conn)(roundTrip(func(*http.Request) (*http.Response, error) {
				called++
				return vendorSays(204, ""), nil
			}))
			body := &watchedBody{Reader: strings.NewReader(`{"any":"thing"}`)}
			r, call := onConn(t, conn, "POST", "/auth", body)
			resp, err := chain.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, resp); got != test.body || resp.Header.Get("Content-Type") != test.kind || resp.StatusCode != 200 {
				t.Errorf("answer = %d %s %s, want 200 %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), got, test.kind, test.body)
			}
			if _, closed := body.state(); closed == 0 || call.Answered != "signin" || called != 0 {
				t.Errorf("body closed %d times, answered by %q, vendor asked %d times; want once or more, signin, never", closed, call.Answered, called)
			}
			r, _ = onConn(t, conn, "GET", "/people/1", nil)
			if got := status(t, chain, r); got != 204 || called != 1 {
				t.Errorf("another route: %d after %d calls, want the vendor's 204 after 1", got, called)
			}
		})
	}
}

// A connector that wraps text must take the stand-in for a token.
func TestTheStandInLooksLikeAToken(t *testing.T) {
	t.Parallel()
	spec, err := transforms.CompileTokenSpec("text")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{standInToken, `"` + standInToken + `"`} {
		if token, err := transforms.ReadToken(spec, 200, nil, []byte(body), time.Now()); err != nil || token.Value != standInToken {
			t.Errorf("ReadToken(%s) = %q, %v; want the stand-in", body, token.Value, err)
		}
	}
}
