package transforms_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/transforms"
)

func spec(t testing.TB, args any) transforms.TokenSpec {
	t.Helper()
	s, err := transforms.CompileTokenSpec(args)
	if err != nil {
		t.Fatalf("CompileTokenSpec(%v): %v", args, err)
	}
	return s
}

func TestReadToken(t *testing.T) {
	t.Parallel()
	token := jwt("1786104090")
	tests := []struct {
		name   string
		args   any
		h      http.Header
		body   string
		want   string
		kind   string
		after  time.Duration // of Expires from noon; 0 = unknown
		source string
	}{
		{"TeamDynamix", "text", headers("Content-Type", "text/plain"), token + "\n", token, "Bearer", 90 * time.Second, "jwt"},
		{"CyberArk: a JSON text without Bearer", object{"text": true, "type": "none", "fallback": "20m"}, headers(), `"0d5f3a5e1c7b"`, "0d5f3a5e1c7b", "none", 20 * time.Minute, "fallback"},
		{"OAuth 2.0", object{"json": ".access_token", "type": object{"json": ".token_type"}, "expires": ".expires_in"}, headers(), `{"access_token":"abc","token_type":"MAC","expires_in":3600}`, "abc", "MAC", time.Hour, "field"},
		{"no type in the answer", object{"json": ".access_token", "type": object{"json": ".token_type"}}, headers(), `{"access_token":"abc"}`, "abc", "Bearer", 0, ""},
		{"Tableau, expiry as text", object{"json": ".credentials.token", "expires": object{"json": ".credentials.expires", "format": "iso8601"}}, headers(), `{"credentials":{"token":"abc","expires":"2026-08-07T12:10:00Z"}}`, "abc", "Bearer", 10 * time.Minute, "field"},
		{"absolute milliseconds", object{"json": ".token", "expires": object{"json": ".exp", "format": "unix_ms"}}, headers(), `{"token":"abc","exp":1786104090000}`, "abc", "Bearer", 90 * time.Second, "field"},
		{"an expiry nobody can read gives way to the token's", object{"json": ".token", "expires": ".ttl"}, headers(), `{"token":"` + token + `","ttl":"soon"}`, token, "Bearer", 90 * time.Second, "jwt"},
		{"XML", object{"xml": ".response.operation.result.data.api.sessionid"}, headers(), `<response><operation><result><data><api><sessionid>abc</sessionid></api></data></result></operation></response>`, "abc", "Bearer", 0, ""},
		{"header", object{"header": "x-auth-token", "expires": object{"header": "X-TTL", "format": "delta"}}, headers("X-Auth-Token", "abc", "X-TTL", "30"), "", "abc", "Bearer", 30 * time.Second, "field"},
		{"cookie", object{"cookie": "sid"}, headers("Set-Cookie", "a=1", "Set-Cookie", "sid=abc; HttpOnly"), "", "abc", "Bearer", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := transforms.ReadToken(spec(t, tt.args), 200, tt.h, []byte(tt.body), noon)
			if err != nil {
				t.Fatalf("ReadToken: %v", err)
			}
			want := transforms.Token{Value: tt.want, Type: tt.kind, Source: tt.source}
			if tt.after > 0 {
				want.Expires = noon.Add(tt.after)
			}
			if !got.Expires.Equal(want.Expires) || got.Value != want.Value || got.Type != want.Type || got.Source != want.Source {
				t.Errorf("got %q %s %v %s, want %q %s %v %s", got.Value, got.Type, got.Expires, got.Source, want.Value, want.Type, want.Expires, want.Source)
			}
		})
	}
}

func TestReadTokenErrorsHideTheAnswer(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-v4lue"
	tests := []struct {
		name   string
		args   any
		status int
		body   string
		want   string
	}{
		{"refused", "text", 401, secret, "the sign-in was answered with status 401"},
		{"a page", "text", 200, "<html>" + secret, "the sign-in's answer holds no token as its body: unreadable"},
		{"another place", object{"json": ".token"}, 200, `{"access_token":"` + secret + `"}`, "the sign-in's answer holds no token at .token: unreadable"},
		{"path through a text", object{"json": ".a.b"}, 200, `{"a":"` + secret + `"}`, "the sign-in's answer holds no token at .a.b: unreadable"},
		{"no JSON", object{"json": ".a"}, 200, secret, "the sign-in's answer: unreadable: the body is no JSON"},
		{"no XML", object{"xml": ".a"}, 200, secret, "the sign-in's answer: unreadable: the body is no XML"},
		{"line break", object{"json": ".a"}, 200, `{"a":"` + secret + `\n"}`, "the sign-in's token has a line break in it and fits no header"},
		{"no header", object{"header": "X-T"}, 200, secret, "the sign-in's answer holds no token in header X-T: unreadable"},
		{"no cookie", object{"cookie": "sid"}, 200, secret, "the sign-in's answer holds no token in cookie sid: unreadable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := transforms.ReadToken(spec(t, tt.args), tt.status, headers(), []byte(tt.body), noon)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestTokenNeverPrintsItsValue(t *testing.T) {
	t.Parallel()
	token := transforms.Token{Value: "s3cr3t", Type: "Bearer", Expires: noon}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("signed in", "token", token)
	encoded, err := json.Marshal(map[string]any{"token": token})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s", token, token, token, token) + logged.String() + string(encoded)
	if strings.Contains(shown, "s3cr3t") {
		t.Errorf("the value shows in %s", shown)
	}
	if !strings.Contains(shown, "[redacted]") {
		t.Errorf("got %s, want [redacted] in it", shown)
	}
}

func TestTokenJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		expires time.Time
		want    string
	}{
		{"rounds down", noon.Add(90*time.Second + time.Millisecond*999), `{"access_token":"a\"b","expires_in":90,"token_type":"Bearer"}`},
		{"expired", noon.Add(-time.Second), `{"access_token":"a\"b","expires_in":0,"token_type":"Bearer"}`},
		{"unknown", time.Time{}, `{"access_token":"a\"b","token_type":"Bearer"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := transforms.TokenJSON(transforms.Token{Value: `a"b`, Type: "Bearer", Expires: tt.expires}, noon); string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCompileTokenSpecFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args any
		want string
	}{
		{object{}, "want exactly one of text, json, xml, header, cookie"},
		{object{"json": ".a", "header": "X"}, "want exactly one of text, json, xml, header, cookie"},
		{object{"json": ".a", "expires": object{"format": "delta"}}, "expires: one of json, header is missing"},
		{"texts", "want exactly one of text, json, xml, header, cookie\nwant a mapping, not a text"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.args), func(t *testing.T) {
			t.Parallel()
			if _, err := transforms.CompileTokenSpec(tt.args); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
