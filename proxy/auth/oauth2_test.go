package auth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/auth"
)

// granted is an OAuth 2 scheme over vendor, and over elsewhere for other hosts.
func granted(t *testing.T, vendor, elsewhere http.RoundTripper, change func(*connectors.OAuth2)) auth.Scheme {
	t.Helper()
	o := &connectors.OAuth2{
		TokenURL: "/oauth/token", Grant: "client_credentials", ClientID: "app", ClientSecret: "${credential:secret}",
		Style: "header", Fallback: time.Hour, Apply: asBearer,
	}
	change(o)
	held := auth.NewHeld(time.Minute, nil)
	t.Cleanup(held.Close)
	s, err := auth.New(connection(t, connectors.Auth{OAuth2: o}, map[string]string{"secret": "s3cret", "refresh": "r-0", "tenant": "acme"}), auth.Ways{
		Vendor: vendor, Held: held,
		Outside: func(base *url.URL) (http.RoundTripper, error) {
			if base.Path != "" || elsewhere == nil {
				return nil, fmt.Errorf("no way to %s", base)
			}
			return elsewhere, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// posted are the requests that a token endpoint got.
type posted struct {
	mu   sync.Mutex
	list []*http.Request
}

func (p *posted) add(r *http.Request) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, r)
	return len(p.list)
}

func (p *posted) all() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// form answers every POST to where and remembers what was sent.
func form(where string, sent *posted, answers ...httpmock.Responder) *httpmock.MockTransport {
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodPost, where, func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		return answers[min(sent.add(r), len(answers))-1](r)
	})
	return mock
}

func tokenJSON(fields string) httpmock.Responder {
	return httpmock.NewStringResponder(200, `{"access_token":"t-1","token_type":"bearer"`+fields+`}`).HeaderSet(http.Header{"Content-Type": {"application/json"}})
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*connectors.OAuth2)
		where  string
		form   url.Values
		basic  bool
	}{
		"header": {
			change: func(o *connectors.OAuth2) { o.Scopes = []string{"read", "write"} },
			where:  "https://vendor.example/oauth/token", basic: true,
			form: url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}},
		},
		"body": {
			change: func(o *connectors.OAuth2) {
				o.Style, o.Params = "body", map[string]string{"resource": "x-${credential:tenant}"}
			},
			where: "https://vendor.example/oauth/token",
			form:  url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"s3cret"}, "resource": {"x-acme"}},
		},
		"whole URL below the base": {
			change: func(o *connectors.OAuth2) { o.TokenURL = "https://VENDOR.example:443/api/oauth/token" },
			where:  "https://VENDOR.example:443/oauth/token", basic: true,
			form: url.Values{"grant_type": {"client_credentials"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := &posted{}
			s := granted(t, form(test.where, sent, tokenJSON("")), nil, test.change)
			if got := mustApply(t, s).Header.Get("Authorization"); got != "Bearer t-1" {
				t.Errorf("Authorization = %q, want Bearer t-1", got)
			}
			if len(sent.all()) != 1 {
				t.Fatalf("sent %d requests, want 1", len(sent.all()))
			}
			if got := sent.all()[0].PostForm.Encode(); got != test.form.Encode() {
				t.Errorf("sent %s, want %s", got, test.form.Encode())
			}
			user, password, basic := sent.all()[0].BasicAuth()
			if basic != test.basic || basic && (user != "app" || password != "s3cret") {
				t.Errorf("basic = %t %q, want %t app", basic, user, test.basic)
			}
		})
	}
}

func TestATokenURLElsewhereHasAWayOfItsOwn(t *testing.T) {
	t.Parallel()
	for where, expanded := range map[string]string{
		"https://login.example/${credential:tenant}/token": "https://login.example/acme/token",
		"https://vendor.example/outside/the/base":          "https://vendor.example/outside/the/base",
		"https://vendor.example:8443/api/token":            "https://vendor.example:8443/api/token",
		"https://vendor.example/apis/token":                "https://vendor.example/apis/token",
	} {
		sent := &posted{}
		s := granted(t, httpmock.NewMockTransport(), form(expanded, sent, tokenJSON("")), func(o *connectors.OAuth2) { o.TokenURL = where })
		mustApply(t, s)
		if len(sent.all()) != 1 {
			t.Errorf("%s: %d requests on the way elsewhere, want 1", where, len(sent.all()))
		}
	}
}

func TestTheStyleIsFoundOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := &posted{}
		wantsBody := func(r *http.Request) (*http.Response, error) {
			if r.PostForm.Get("client_secret") != "s3cret" {
				return httpmock.NewStringResponse(401, `{"error":"invalid_client"}`), nil
			}
			return tokenJSON(`,"expires_in":100`)(r)
		}
		s := granted(t, form("https://vendor.example/oauth/token", sent, wantsBody), nil, func(o *connectors.OAuth2) { o.Style = "auto" })
		mustApply(t, s)
		if len(sent.all()) != 2 {
			t.Errorf("%d requests for the first token, want 2: header, then body", len(sent.all()))
		}
		<-time.After(time.Hour)
		mustApply(t, s)
		synctest.Wait()
		for i, r := range sent.all()[2:] {
			if r.PostForm.Get("client_secret") == "" {
				t.Errorf("request %d went without the secret in its body: the style was known by then", i+3)
			}
		}
		if len(sent.all()) != 4 {
			t.Errorf("%d requests after a renewal and a new token, want 4", len(sent.all()))
		}
	})
}

func TestLifeOfAnOAuthToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fields string
		life   time.Duration
	}{
		"expires_in":            {`,"expires_in":600`, 10 * time.Minute},
		"expires_in as text":    {`,"expires_in":"600"`, 10 * time.Minute},
		"nothing: the fallback": {``, time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sent := &posted{}
				s := granted(t, form("https://vendor.example/oauth/token", sent, tokenJSON(test.fields)), nil, func(*connectors.OAuth2) {})
				mustApply(t, s)
				<-time.After(test.life - test.life/10 - time.Second)
				mustApply(t, s)
				synctest.Wait()
				if len(sent.all()) != 1 {
					t.Errorf("%d sign-ins before the renewal, want 1", len(sent.all()))
				}
				<-time.After(test.life / 10)
				synctest.Wait()
				if len(sent.all()) != 2 {
					t.Errorf("%d sign-ins at the token's end, want 2", len(sent.all()))
				}
			})
		})
	}
}

func TestARotatedRefreshTokenIsUsedNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := &posted{}
		refused := httpmock.NewStringResponder(400, `{"error":"invalid_grant"}`).HeaderSet(http.Header{"Content-Type": {"application/json"}})
		mock := form("https://vendor.example/oauth/token", sent,
			tokenJSON(`,"expires_in":600,"refresh_token":"r-1"`), tokenJSON(`,"expires_in":600`), refused, tokenJSON(`,"expires_in":700`))
		s := granted(t, mock, nil, func(o *connectors.OAuth2) { o.Grant, o.RefreshToken = "refresh_token", "${credential:refresh}" })
		mustApply(t, s)
		<-time.After(30 * time.Minute) // the unused second token ends
		for {
			if _, err := apply(t, s); err == nil {
				break
			} else if f := fault.Of(err); f.Code != "sign_in_refused" {
				t.Fatalf("Apply = %v, want a token or sign_in_refused", err)
			}
			<-time.After(10 * time.Second)
		}
		synctest.Wait()
		var got []string
		for _, r := range sent.all() {
			if r.PostForm.Get("grant_type") != "refresh_token" {
				t.Errorf("grant_type = %q, want refresh_token", r.PostForm.Get("grant_type"))
			}
			got = append(got, r.PostForm.Get("refresh_token"))
		}
		// The vendor refused r-1 in the end: back to what the operator configured.
		if want := "[r-0 r-1 r-1 r-0]"; fmt.Sprint(got) != want {
			t.Errorf("refresh tokens sent = %v, want %s", got, want)
		}
	})
}

func TestHowGrantsFail(t *testing.T) {
	t.Parallel()
	asJSON := http.Header{"Content-Type": {"application/json"}}
	tests := map[string]struct {
		answer httpmock.Responder
		code   string
		cause  string
	}{
		"wrong secret":   {httpmock.NewStringResponder(400, `{"error":"invalid_client","error_description":"planted"}`).HeaderSet(asJSON), "sign_in_refused", "the vendor answered 400 invalid_client"},
		"unknown error":  {httpmock.NewStringResponder(400, `{"error":"planted"}`).HeaderSet(asJSON), "sign_in_failed", "the vendor answered 400"},
		"error in a 200": {httpmock.NewStringResponder(200, `{"error":"invalid_grant"}`).HeaderSet(asJSON), "sign_in_refused", "the vendor answered 200 invalid_grant"},
		"no token":       {httpmock.NewStringResponder(200, `{"planted":1}`).HeaderSet(asJSON), "sign_in_failed", "the vendor answered 200: its body is no token answer (RFC 6749, 5.1)"},
		"no JSON":        {httpmock.NewStringResponder(200, `<planted>`).HeaderSet(asJSON), "sign_in_failed", "the vendor answered 200: its body is no token answer (RFC 6749, 5.1)"},
		"redirect":       {httpmock.NewStringResponder(302, ``).HeaderSet(http.Header{"Location": {"https://evil.example/"}}), "sign_in_failed", "the vendor answered 302"},
		"vendor is away": {httpmock.NewErrorResponder(errors.New("down")), "sign_in_failed", "down"},
		"body breaks off": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: asJSON, Body: io.NopCloser(&torn{})}, nil
		}, "sign_in_failed", "the vendor answered 200: its body is no token answer (RFC 6749, 5.1)"},
		"vendor wants less": {httpmock.NewStringResponder(429, ``).HeaderSet(http.Header{"Retry-After": {"30"}}), "sign_in_limited", "the vendor answered 429"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := &posted{}
			_, err := apply(t, granted(t, form("https://vendor.example/oauth/token", sent, test.answer), nil, func(*connectors.OAuth2) {}))
			f := fault.Of(err)
			if f.Code != test.code || fmt.Sprint(f.Err) != test.cause {
				t.Errorf("Apply = %s because %v, want %s because %s", f.Code, f.Err, test.code, test.cause)
			}
		})
	}
}

type torn struct{}

func (*torn) Read([]byte) (int, error) { return 0, errors.New("planted") }
