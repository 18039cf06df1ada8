package auth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/auth"
)

// planted are secrets with characters that every encoding writes otherwise.
var planted = map[string]string{
	"user": `plant<user>&"7`, "password": `plant+pass/"word"=%8`, "secret": `plant secret&?9`, "refresh": `plant/refresh+10`,
}

// disguises are the ways in which a secret may stand in a text.
func disguises(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a text always marshals
	}
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret),
	}
}

// plantedSchemes are all schemes, with secrets wherever one can stand.
func plantedSchemes(t *testing.T) (schemes map[string]connectors.Auth, secrets map[string]string) {
	t.Helper()
	private, _ := keys(t, "ES256")
	secrets = map[string]string{"key": private}
	for name, value := range planted {
		secrets[name] = value
	}
	return map[string]connectors.Auth{
		"login json": {Login: &connectors.Login{Method: "POST", Path: "/login", JSON: map[string]any{"u": "${credential:user}", "p": "${credential:password}"},
			Headers: map[string]string{"X-Key": "${credential:secret}"}, Token: spec(t, "text"), Apply: asBearer}},
		"login form": {Login: &connectors.Login{Method: "POST", Path: "/login", Form: map[string]string{"p": "${credential:password}"},
			Token: spec(t, map[string]any{"json": ".token"}), Apply: asBearer}},
		"client credentials, header": {OAuth2: &connectors.OAuth2{TokenURL: "/token?k=${credential:refresh}", Grant: "client_credentials",
			ClientID: "${credential:user}", ClientSecret: "${credential:secret}", Style: "header", Apply: asBearer}},
		"client credentials, body, elsewhere": {OAuth2: &connectors.OAuth2{TokenURL: "https://login.example/x?k=${credential:refresh}", Grant: "client_credentials",
			ClientID: "${credential:user}", ClientSecret: "${credential:secret}", Style: "auto", Apply: asBearer}},
		"refresh token": {OAuth2: &connectors.OAuth2{TokenURL: "/token", Grant: "refresh_token", ClientID: "a", ClientSecret: "${credential:secret}",
			RefreshToken: "${credential:refresh}", Style: "body", Apply: asBearer}},
		"jwt bearer": {JWTBearer: &connectors.JWTBearer{TokenURL: "/token", Algorithm: "ES256", Key: "${credential:key}", Issuer: "${credential:user}",
			Lifetime: time.Minute, Apply: asBearer}},
		"basic":  {Basic: &connectors.Basic{Username: "${credential:user}", Password: "${credential:password}"}},
		"bearer": {Bearer: &connectors.Bearer{Token: "${credential:secret}"}},
		"header": {Header: &connectors.Header{Set: map[string]string{"X-Key": "${credential:secret}"}}},
		"hmac": {HMAC: &connectors.HMAC{Algorithm: "sha256", Key: "${credential:secret}", Sign: []string{"method", "text:${credential:user}", "body"},
			Encoding: "hex", Header: "Authorization", Value: "${credential:refresh}:${signature}"}},
	}, secrets
}

// echo fails in every way there is, and repeats all that it was sent.
func echo(way int) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		said := fmt.Sprintf("%s %s %v %s %s", r.Method, r.URL, r.Header, body, planted)
		asJSON, err := json.Marshal(map[string]any{"error": said, "error_description": said, "token": said + "\n", "expires_in": said})
		if err != nil {
			return nil, err
		}
		switch way {
		case 0:
			return nil, fault.New("wire", http.StatusBadGateway, "vendor_unreachable", "the vendor cannot be reached; nothing was sent")
		case 1:
			return nil, context.DeadlineExceeded
		case 2:
			return answer(http.StatusOK, said, "X-Echo", said), nil
		case 3:
			return answer(http.StatusOK, string(asJSON), "Content-Type", "application/json"), nil
		case 4:
			return answer(http.StatusOK, `{"access_token":1,"x":"`+said, "Content-Type", "application/json"), nil
		case 5:
			return answer(http.StatusOK, said, "Content-Type", "text/plain"), nil
		}
		return answer(way, string(asJSON), "Content-Type", "application/json", "Retry-After", said, "Date", said, "Location", said), nil
	}
}

func TestAPlantedSecretAppearsNowhere(t *testing.T) {
	t.Parallel()
	schemes, secrets := plantedSchemes(t)
	for name, a := range schemes {
		for _, way := range []int{0, 1, 2, 3, 4, 5, 302, 400, 401, 403, 404, 429, 500, 503} {
			t.Run(fmt.Sprintf("%s/%d", name, way), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					said := &bytes.Buffer{}
					log := slog.New(slog.NewJSONHandler(said, nil))
					v := &vendor{answer: echo(way)}
					held := auth.NewHeld(time.Minute, nil)
					defer held.Close()
					conn := connection(t, a, secrets)
					s, err := auth.New(conn, auth.Ways{
						Vendor: v, Held: held, Outside: func(*url.URL) (http.RoundTripper, error) { return v, nil },
						Told: func(outcome string, at time.Time) { fmt.Fprintln(said, outcome, at) },
					})
					if err != nil {
						t.Fatal(err)
					}
					_, err = apply(t, s)
					if _, waits := s.(auth.Renewer); waits && err == nil {
						t.Error("Apply worked, want a failure: nothing would be tested")
					}
					for e := err; e != nil; e = errors.Unwrap(e) {
						fmt.Fprintf(said, "%v %+v %#v %q\n", e, e, e, e)
					}
					if err != nil {
						fmt.Fprintln(said, fault.Of(err).Message)
					}
					log.Info("call", "err", err, "connection", conn.Name, "scheme", fmt.Sprintf("%v %+v", s, held), "secrets", conn.Secrets)
					nowhere(t, said.String())
				})
			})
		}
	}
}

func nowhere(t *testing.T, said string) {
	t.Helper()
	for name, secret := range planted {
		for _, shape := range disguises(secret) {
			if strings.Contains(said, shape) {
				t.Errorf("credential %s appears as %q in: %s", name, shape, said)
			}
		}
	}
}
