package auth_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/connectors"
	"sluice/internal/strict"
	"sluice/proxy/auth"
	"sluice/transforms"
)

// connection is a managed connection whose connector signs in by a.
func connection(t *testing.T, a connectors.Auth, secrets map[string]string) *connectors.Connection {
	t.Helper()
	base, err := url.Parse("https://vendor.example/api")
	if err != nil {
		t.Fatal(err)
	}
	conn := &connectors.Connection{
		Name: "tdx", Base: base, Managed: true, Connector: &connectors.Connector{Name: "vendor", Auth: a},
		Secrets: map[string]strict.Secret{}, Bounds: connectors.Bounds{BufferBody: 1 << 10},
	}
	for name, value := range secrets {
		conn.Secrets[name] = strict.NewSecret("${env:"+strings.ToUpper(name)+"}", value)
		conn.Connector.Credentials = append(conn.Connector.Credentials, name)
	}
	return conn
}

func spec(t *testing.T, args any) transforms.TokenSpec {
	t.Helper()
	s, err := transforms.CompileTokenSpec(args)
	if err != nil {
		t.Fatalf("CompileTokenSpec(%v): %v", args, err)
	}
	return s
}

// asBearer is how a token is applied unless a connector says otherwise.
var asBearer = connectors.Apply{Header: "Authorization", Value: "Bearer ${token}"}

// jwtUntil is a token that says when it ends; nobody here checks its signature.
func jwtUntil(end time.Time, name string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"unique_name":%q}`, end.Unix(), name)) + ".c2ln"
}

// apply puts the scheme's credential on a GET and returns the request.
func apply(t *testing.T, s auth.Scheme) (*http.Request, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://vendor.example/people?b=2&a=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, s.Apply(r.Context(), r)
}

func TestFixedSchemesSetTheirHeaders(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"user": "Aladdin", "password": "open sesame", "key": "k-1"}
	tests := map[string]struct {
		auth connectors.Auth
		want http.Header
	}{
		"basic of RFC 7617": {
			auth: connectors.Auth{Basic: &connectors.Basic{Username: "${credential:user}", Password: "${credential:password}"}},
			want: http.Header{"Authorization": {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}},
		},
		"basic with a key as name and no password": {
			auth: connectors.Auth{Basic: &connectors.Basic{Username: "${credential:key}/token"}},
			want: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("k-1/token:"))}},
		},
		"bearer": {
			auth: connectors.Auth{Bearer: &connectors.Bearer{Token: "${credential:key}"}},
			want: http.Header{"Authorization": {"Bearer k-1"}},
		},
		"several headers": {
			auth: connectors.Auth{Header: &connectors.Header{Set: map[string]string{"authorization": "SSWS ${credential:key}", "x-tenant": "t1"}}},
			want: http.Header{"Authorization": {"SSWS k-1"}, "X-Tenant": {"t1"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := auth.New(connection(t, test.auth, secrets), auth.Ways{})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			r, err := apply(t, s)
			if err != nil {
				t.Fatalf("Apply: %v", err)
			}
			if got := fmt.Sprint(r.Header); got != fmt.Sprint(test.want) {
				t.Errorf("header = %v, want %v", got, test.want)
			}
			if got := len(s.Headers()); got != len(test.want) {
				t.Errorf("Headers() = %q, want the %d names that are set", s.Headers(), len(test.want))
			}
		})
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"good": "fine", "torn": "planted\r\nX-Evil: 1", "colon": "a:planted", "pem": "planted, but no key"}
	jwtKey := func(algorithm, key string) connectors.Auth {
		return connectors.Auth{JWTBearer: &connectors.JWTBearer{TokenURL: "/token", Algorithm: algorithm, Key: key, Issuer: "me", Lifetime: time.Minute, Apply: asBearer}}
	}
	hmacOf := func(change func(*connectors.HMAC)) connectors.Auth {
		h := &connectors.HMAC{Algorithm: "sha256", Key: "${credential:good}", Sign: []string{"method"}, Encoding: "hex", Header: "Authorization", Value: "${signature}"}
		change(h)
		return connectors.Auth{HMAC: h}
	}
	login := func(change func(*connectors.Login)) connectors.Auth {
		l := &connectors.Login{Method: "POST", Path: "/auth", Token: spec(t, "text"), Apply: asBearer}
		change(l)
		return connectors.Auth{Login: l}
	}
	oauth := func(tokenURL string) connectors.Auth {
		return connectors.Auth{OAuth2: &connectors.OAuth2{TokenURL: tokenURL, Grant: "client_credentials", Style: "auto", Apply: asBearer}}
	}
	tests := map[string]struct {
		auth connectors.Auth
		want string
	}{
		"no scheme":              {connectors.Auth{}, "auth: the connector does not say how to sign in; set one of login, oauth2, jwt_bearer, basic, bearer, header, hmac, or make the connection passthrough"},
		"credential not given":   {connectors.Auth{Bearer: &connectors.Bearer{Token: "${credential:gone}"}}, `auth.bearer.token: credential "gone" is not given; set connections.tdx.credentials.gone`},
		"line break in a header": {connectors.Auth{Bearer: &connectors.Bearer{Token: "${credential:torn}"}}, "auth.bearer.token: credential torn holds a line break or control character, which a header cannot carry"},
		"colon in a user name":   {connectors.Auth{Basic: &connectors.Basic{Username: "${credential:colon}"}}, "auth.basic.username: credential colon holds a colon, which ends the name (RFC 7617)"},
		"unknown placeholder":    {connectors.Auth{Bearer: &connectors.Bearer{Token: "${token}"}}, "auth.bearer.token: ${token} means nothing here; write ${credential:NAME}"},
		"open placeholder":       {connectors.Auth{Bearer: &connectors.Bearer{Token: "${credential:good"}}, "auth.bearer.token: ${ has no closing brace"},
		"header of the wire":     {connectors.Auth{Header: &connectors.Header{Set: map[string]string{"host": "x"}}}, "auth.header.set.host: Host belongs to the connection and cannot be set"},
		"no header name":         {connectors.Auth{Header: &connectors.Header{Set: map[string]string{"x y": "x"}}}, `auth.header.set.x y: "x y" is no header name`},
		"no headers":             {connectors.Auth{Header: &connectors.Header{}}, "auth.header.set: names no header"},
		"RSA key that is none":   {jwtKey("RS256", "${credential:pem}"), "auth.jwt_bearer.key: credential pem is no private key for RS256 in PEM"},
		"EC key that is none":    {jwtKey("ES256", "${credential:pem}"), "auth.jwt_bearer.key: credential pem is no private key for ES256 in PEM"},
		"algorithm":              {jwtKey("none", "${credential:pem}"), `auth.jwt_bearer.algorithm: "none" is none of RS256, ES256`},
		"hmac without signature": {hmacOf(func(h *connectors.HMAC) { h.Value = "x" }), "auth.hmac.value: has no ${signature}"},
		"hmac of an unknown":     {hmacOf(func(h *connectors.HMAC) { h.Sign = []string{"pth"} }), `auth.hmac.sign[0]: "pth" cannot be signed; there is method, path, query, date, body, body_sha256, header:NAME, text:WORDS`},
		"login with two bodies":  {login(func(l *connectors.Login) { l.JSON, l.Form = map[string]any{"a": "b"}, map[string]string{"a": "b"} }), "auth.login: has both json and form; one body is all a request can have"},
		"credential deep in json": {login(func(l *connectors.Login) {
			l.JSON = map[string]any{"a": []any{map[string]any{"b": "${credential:gone}"}}}
		}),
			`auth.login.json.a[0].b: credential "gone" is not given; set connections.tdx.credentials.gone`},
		"apply without a token":    {login(func(l *connectors.Login) { l.Apply.Value = "Bearer" }), "auth.login.apply.value: has no ${token}"},
		"token URL over http":      {oauth("http://elsewhere.example/token"), "auth.oauth2.token_url: must be https://: a credential goes there"},
		"token URL with user":      {oauth("https://planted@elsewhere.example/token"), "auth.oauth2.token_url: must hold neither a user nor a fragment"},
		"token URL without host":   {oauth("token"), "auth.oauth2.token_url: must be a path that begins with / or a whole https:// URL"},
		"token URL without scheme": {oauth("//elsewhere.example/token"), "auth.oauth2.token_url: must be a path that begins with / or a whole https:// URL"},
		"token URL that is none":   {oauth("https://[planted"), "auth.oauth2.token_url: is no URL"},
		"token URL without a way":  {oauth("https://elsewhere.example/token"), "auth.oauth2.token_url: leads to a host other than the connection's"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.New(connection(t, test.auth, secrets), auth.Ways{Held: auth.NewHeld(time.Second, nil)})
			if got := fmt.Sprint(err); got != test.want {
				t.Errorf("New error\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFingerprintTellsSettingsApart(t *testing.T) {
	t.Parallel()
	bearer := func(template string) connectors.Auth {
		return connectors.Auth{Bearer: &connectors.Bearer{Token: template}}
	}
	mark := func(conn *connectors.Connection, salt string) string {
		t.Helper()
		got, err := auth.Fingerprint(conn, []byte(salt))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	same := mark(connection(t, bearer("${credential:a}"), map[string]string{"a": "1"}), "salt")
	if got := mark(connection(t, bearer("${credential:a}"), map[string]string{"a": "1"}), "salt"); got != same {
		t.Errorf("same settings: %s, want %s", got, same)
	}
	for name, got := range map[string]string{
		"other secret": mark(connection(t, bearer("${credential:a}"), map[string]string{"a": "2"}), "salt"),
		"other scheme": mark(connection(t, bearer("x${credential:a}"), map[string]string{"a": "1"}), "salt"),
		"other salt":   mark(connection(t, bearer("${credential:a}"), map[string]string{"a": "1"}), "pepper"),
	} {
		if got == same {
			t.Errorf("%s: fingerprint stayed %s, want another", name, got)
		}
	}
}

// answer is what a vendor says; header are names and values in turn.
func answer(status int, body string, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Add(header[i], header[i+1])
	}
	return resp
}

// copied is an answer that can be given again.
func copied(resp *http.Response) *http.Response {
	if resp == nil {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err) // it is in memory
	}
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	again := *resp
	again.Body = io.NopCloser(strings.NewReader(string(body)))
	return &again
}
