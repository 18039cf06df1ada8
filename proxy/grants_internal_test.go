package proxy

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestWhatAVendorGrantsToOurCredentialStaysHere: the caller, in the raw view, gets no session that a managed credential opened, be it
// by the first answer or by the one after a new sign-in.
func TestWhatAVendorGrantsToOurCredentialStaysHere(t *testing.T) {
	t.Parallel()
	const tokenInHeader = `{login: {path: /auth, json: {key: "${credential:key}"}, token: {header: x-new-token}, apply: {header: X-Session, value: "${token}"}}}`
	for name, tt := range map[string]struct {
		auth   string
		status int
		kept   http.Header
	}{
		"a fixed header": {`{header: {set: {X-Key: "${credential:key}"}}}`, 200, http.Header{
			"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-New-Token": {"next"}, "X-Session": {"next"}, "X-Plain": {"1", "2"},
		}},
		"a signature": {`{hmac: {key: "${credential:key}", sign: [date], date_header: Date}}`, 200, http.Header{
			"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-New-Token": {"next"}, "X-Session": {"next"}, "X-Plain": {"1", "2"},
		}},
		"a token in headers":        {tokenInHeader, 200, http.Header{"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-Plain": {"1", "2"}}},
		"a refusal":                 {tokenInHeader, 403, http.Header{"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-Plain": {"1", "2"}}},
		"an answer to a new token":  {tokenInHeader, 401, http.Header{"Date": {"Sun, 06 Nov 2094 08:49:37 GMT"}, "X-Plain": {"1", "2"}}},
		"a token in Authorization":  {`{bearer: {token: "${credential:key}"}}`, 200, http.Header{"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-New-Token": {"next"}, "X-Session": {"next"}, "X-Plain": {"1", "2"}}},
		"a token of nobody's known": {probeLogin, 200, http.Header{"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}, "X-New-Token": {"next"}, "X-Session": {"next"}, "X-Plain": {"1", "2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor := roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/auth" {
					token := jwtEnding(time.Now().Add(time.Hour), 1)
					return vendorSays(200, token, "X-New-Token", token), nil
				}
				return vendorSays(tt.status, "fine", "Set-Cookie", "sid=planted", "Set-Cookie", "b=planted", "Set-Cookie2", "sid=planted",
					"Authorization", "Bearer planted", "X-New-Token", "next", "X-Session", "next", "X-Plain", "1", "X-Plain", "2",
					"Date", tt.kept.Get("Date")), nil
			})
			u := quietUpstreams()
			chain, conn := managed(t, u, vendor, tt.auth, "k")
			t.Cleanup(u.kept.sweepAll)
			r, _ := onConn(t, conn, "GET", "/people/1", nil)
			resp, err := chain.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, resp)
			if got, want := fmt.Sprint(resp.StatusCode, resp.Header), fmt.Sprint(tt.status, tt.kept); got != want {
				t.Errorf("the caller got %s, want %s", got, want)
			}
		})
	}
}
