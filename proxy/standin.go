package proxy

import (
	"encoding/json"
	"net/http"
	"time"

	"sluice/connectors"
	"sluice/transforms"
)

// standIn answers the sign-ins of a managed connection's callers: a connector that insists on signing in works, whatever it shows, and
// sees neither the credential nor a token of the vendor's. What it sends as its token is dropped by auth.
type standIn struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	metrics *Metrics
}

const (
	standInToken = "sluice-managed"
	standInLife  = time.Hour // as far as the answer can say; every later sign-in gets the same one
)

// RoundTrip implements http.RoundTripper.
func (s *standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	if call.Route.SignIn == nil {
		return s.next.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	call.Answered = "signin"
	call.Note("signin", "answered with a stand-in: Sluice holds the credential of this connection")
	s.metrics.SignIn(s.conn.Name, "stand_in")
	header, body := standInFor(call.Route.SignIn.Token, time.Now())
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: newBytesBody(body), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// standInFields are where vendors put the token in a JSON answer; the first that the connector's own spec reads is the one.
var standInFields = []string{"access_token", "token", "accessToken", "id_token", "jwt", "sessionId", "session_id", "sessionid", "api_key", "Token", "AccessToken"}

// standInFor is an answer in which spec finds the stand-in, so that it has the vendor's shape. For a shape that is none of the usual
// ones it is RFC 6749's, which is what a view with JSON tokens shows anyway.
func standInFor(spec transforms.TokenSpec, now time.Time) (http.Header, []byte) {
	text := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"}}
	if reads(spec, text, []byte(standInToken), now) {
		return text, []byte(standInToken)
	}
	asJSON := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}
	for _, field := range standInFields {
		flat := standInJSON(map[string]any{field: standInToken})
		nested := standInJSON(map[string]any{"data": map[string]any{field: standInToken}})
		for _, body := range [][]byte{flat, nested} {
			if reads(spec, asJSON, body, now) {
				return asJSON, body
			}
		}
	}
	return asJSON, standInJSON(map[string]any{"access_token": standInToken})
}

func standInJSON(doc map[string]any) []byte {
	doc["token_type"], doc["expires_in"] = "Bearer", int(standInLife/time.Second)
	body, err := json.Marshal(doc)
	if err != nil {
		panic(err) // texts and a number always marshal
	}
	return body
}

func reads(spec transforms.TokenSpec, header http.Header, body []byte, now time.Time) bool {
	token, err := transforms.ReadToken(spec, http.StatusOK, header, body, now)
	return err == nil && token.Value == standInToken
}
