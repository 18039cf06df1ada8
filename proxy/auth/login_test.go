package auth_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/proxy/auth"
)

func TestLoginSendsTheVendorsOwnRequest(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"beid": `quote " and \`, "key": "k&=1", "tenant": "t 1"}
	tests := map[string]struct {
		login  connectors.Login
		method string
		path   string
		header http.Header
		body   string
	}{
		"json, as TeamDynamix wants it": {
			login: connectors.Login{Method: "POST", Path: "/api/auth/loginadmin", JSON: map[string]any{
				"BEID": "${credential:beid}", "Nested": map[string]any{"Key": []any{"a-${credential:key}", 7, true}},
			}},
			method: "POST", path: "/api/auth/loginadmin", header: http.Header{"Content-Type": {"application/json"}},
			body: `{"BEID":"quote \" and \\","Nested":{"Key":["a-k\u0026=1",7,true]}}`,
		},
		"form": {
			login:  connectors.Login{Method: "POST", Path: "/login", Form: map[string]string{"u": "${credential:tenant}", "p": "${credential:key}"}},
			method: "POST", path: "/login", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			body: "p=k%26%3D1&u=t+1",
		},
		"headers and no body": {
			login:  connectors.Login{Method: "GET", Path: "/token", Headers: map[string]string{"x-api-key": "${credential:key}", "Accept": "text/plain"}},
			method: "GET", path: "/token", header: http.Header{"X-Api-Key": {"k&=1"}, "Accept": {"text/plain"}},
		},
		"a content type of its own": {
			login:  connectors.Login{Method: "POST", Path: "/login", JSON: map[string]any{"a": "b"}, Headers: map[string]string{"Content-Type": "text/json"}},
			method: "POST", path: "/login", header: http.Header{"Content-Type": {"text/json"}}, body: `{"a":"b"}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			var body []byte
			v := &vendor{answer: func(_ int, r *http.Request) (*http.Response, error) {
				got, body = r, nil
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				return answer(http.StatusOK, "opaque-token"), nil
			}}
			test.login.Token, test.login.Apply = spec(t, "text"), asBearer
			held := auth.NewHeld(time.Minute, nil)
			t.Cleanup(held.Close)
			s, err := auth.New(connection(t, connectors.Auth{Login: &test.login}, secrets), auth.Ways{Vendor: v, Held: held})
			if err != nil {
				t.Fatal(err)
			}
			if token := mustApply(t, s).Header.Get("Authorization"); token != "Bearer opaque-token" {
				t.Errorf("Authorization = %q, want Bearer opaque-token", token)
			}
			if got.Method != test.method || got.URL.Path != test.path || got.URL.Host != "vendor.example" {
				t.Errorf("sent %s %s, want %s %s at vendor.example", got.Method, got.URL, test.method, test.path)
			}
			if len(got.Header) != len(test.header) {
				t.Errorf("headers = %v, want %v", got.Header, test.header)
			}
			for name := range test.header {
				if got.Header.Get(name) != test.header.Get(name) {
					t.Errorf("%s = %q, want %q", name, got.Header.Get(name), test.header.Get(name))
				}
			}
			if string(body) != test.body || got.ContentLength != int64(len(test.body)) {
				t.Errorf("body = %s (%d bytes), want %s", body, got.ContentLength, test.body)
			}
		})
	}
}

func TestLoginReadsTheTokenWhereItStands(t *testing.T) {
	t.Parallel()
	bare := jwtUntil(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), "admin")
	tests := map[string]struct {
		spec   any
		answer *http.Response
		apply  connectors.Apply
		header string
		want   string
	}{
		"bare text":   {spec: "text", answer: answer(200, "\ufeff"+bare+"\n"), want: "Bearer " + bare},
		"quoted text": {spec: "text", answer: answer(200, `"`+bare+`"`), want: "Bearer " + bare},
		"json field":  {spec: map[string]any{"json": ".data.token"}, answer: answer(200, `{"data":{"token":"t-0123456"}}`), want: "Bearer t-0123456"},
		"header":      {spec: map[string]any{"header": "X-Auth-Token"}, answer: answer(201, "", "X-Auth-Token", "t-0123456"), want: "Bearer t-0123456"},
		"cookie": {spec: map[string]any{"cookie": "sid"}, answer: answer(200, "", "Set-Cookie", "sid=t-0123456; Path=/; HttpOnly"),
			apply: connectors.Apply{Header: "cookie", Value: "sid=${token}"}, header: "Cookie", want: "sid=t-0123456"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.apply.Header == "" {
				test.apply, test.header = asBearer, "Authorization"
			}
			held := auth.NewHeld(time.Minute, nil)
			t.Cleanup(held.Close)
			v := &vendor{answer: func(int, *http.Request) (*http.Response, error) { return test.answer, nil }}
			s, err := auth.New(connection(t, connectors.Auth{Login: &connectors.Login{
				Method: "POST", Path: "/login", Token: spec(t, test.spec), Apply: test.apply,
			}}, nil), auth.Ways{Vendor: v, Held: held})
			if err != nil {
				t.Fatal(err)
			}
			if got := mustApply(t, s).Header.Get(test.header); got != test.want {
				t.Errorf("%s = %q, want %q", test.header, got, test.want)
			}
		})
	}
}

func TestLoginUsesTheFallbackOfItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(int, *http.Request) (*http.Response, error) { return answer(200, "opaque-token"), nil }}
		held := auth.NewHeld(time.Minute, nil)
		s, err := auth.New(connection(t, connectors.Auth{Login: &connectors.Login{
			Method: "POST", Path: "/login", Token: spec(t, map[string]any{"text": true, "fallback": "10m"}), Apply: asBearer,
		}}, nil), auth.Ways{Vendor: v, Held: held})
		if err != nil {
			t.Fatal(err)
		}
		mustApply(t, s)
		held.Close()
		<-time.After(9 * time.Minute)
		mustApply(t, s)
		v.wasAsked(t, "in the tenth minute", 1)
		<-time.After(time.Minute)
		mustApply(t, s)
		v.wasAsked(t, "after it", 2)
	})
}
