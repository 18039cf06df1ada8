package teamdynamix_test

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/mocks/teamdynamix"
)

// claims decodes a token without checking it, as a client does to learn when it ends.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token: got %q, want three parts", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTokenIsBareText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := teamdynamix.New(teamdynamix.Options{Skew: time.Hour})
		c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
		resp := c.do("POST", "/api/auth", `{"username":"iga","password":"iga-password"}`)
		if got := resp.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("Content-Type: got %q, want text/plain; charset=utf-8", got)
		}
		token := readAll(t, resp)
		now := float64(time.Now().Add(time.Hour).Unix())
		for name, want := range map[string]any{
			"iss": "TD", "aud": "https://www.teamdynamix.com/", "unique_name": "iga", "nbf": now, "exp": now + 86400,
		} {
			if got := claims(t, token)[name]; got != want {
				t.Errorf("claim %s: got %v, want %v", name, got, want)
			}
		}
		v.Set(func(o *teamdynamix.Options) { o.JSONToken = true })
		resp = c.do("POST", "/api/auth/login", `{"username":"IGA","password":"iga-password"}`)
		if got := readAll(t, resp); got != strconv.Quote(token) {
			t.Errorf("token as JSON: got %s, want %q", got, token)
		}
		if got := v.Stats().Tokens; got != 2 {
			t.Errorf("tokens issued: got %d, want 2", got)
		}
	})
}

func TestWrongSecrets(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{})
	c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
	key := v.Options().WebServicesKey
	for _, tt := range []struct{ path, body string }{
		{"/api/auth", `{"username":"iga","password":"x"}`},
		{"/api/auth/login", `{"username":"","password":""}`},
		{"/api/auth/loginadmin", `{"BEID":"x","WebServicesKey":"` + key + `"}`},
		{"/api/auth/loginadmin", `{"BEID":"` + v.Options().BEID + `","WebServicesKey":""}`},
	} {
		if got := c.must(401, "POST", tt.path, tt.body); strings.Contains(got, key) {
			t.Errorf("%s: got %s, want no secret in it", tt.path, got)
		}
	}
	c.must(401, "GET", "/api/auth/loginsso", nil)
	v.Set(func(o *teamdynamix.Options) { o.SSOUser = "iga" })
	if got := claims(t, c.must(200, "GET", "/api/auth/loginsso", nil))["unique_name"]; got != "iga" {
		t.Errorf("who loginsso speaks for: got %v, want iga", got)
	}
}

func TestTokenRunsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := teamdynamix.New(teamdynamix.Options{})
		c := admin(t, v)
		<-time.After(24*time.Hour - time.Second)
		c.must(200, "GET", "/api/applications", nil)
		<-time.After(2 * time.Second)
		expired := c.must(401, "GET", "/api/applications", nil)
		c = user(t, v, "iga", "iga-password")
		if got := c.must(401, "POST", "/api/groups", `{"Name":"x"}`); got != expired {
			t.Errorf("body for a missing permission: got %s, want the same as for an expired token, %s", got, expired)
		}
		c.must(200, "GET", "/api/applications", nil)
		v.ExpireTokens()
		c.must(401, "GET", "/api/applications", nil)
		user(t, v, "iga", "iga-password").must(200, "GET", "/api/applications", nil)
	})
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{Seed: 1})
	good := user(t, v, "iga", "iga-password").token
	head, rest, _ := strings.Cut(good, ".")
	body, _, _ := strings.Cut(rest, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for name, token := range map[string]string{
		"another tenant's": user(t, teamdynamix.New(teamdynamix.Options{Seed: 2}), "iga", "iga-password").token,
		"unsigned":         none + "." + body + ".",
		"cut":              head + "." + body,
		"none at all":      "",
	} {
		c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1", token: token}
		if got := c.do("GET", "/api/applications", nil).StatusCode; got != 401 {
			t.Errorf("token %s: got %d, want 401", name, got)
		}
	}
}

// TestAccess calls every method as nobody, as a user without People access, as one with it, and as the admin account.
func TestAccess(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 5, Logins: []teamdynamix.Login{
		{Username: "plain", Password: "p"}, {Username: "reader", Password: "r", People: true},
	}}))
	nobody := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
	callers := []*client{nobody, user(t, v, "plain", "p"), user(t, v, "reader", "r"), admin(t, v)}
	refused := map[teamdynamix.Access][]bool{
		teamdynamix.Open:       {false, false, false, false},
		teamdynamix.SignedIn:   {true, false, false, false},
		teamdynamix.ListsEmpty: {true, false, false, false},
		teamdynamix.People:     {true, true, false, false},
		teamdynamix.Admin:      {true, true, true, false},
	}
	for _, l := range teamdynamix.Limits() {
		if l.Access == teamdynamix.Open {
			continue // a sign-in says 401 for reasons of its own
		}
		for k, c := range callers {
			if got := c.do(l.Method, concrete(l.Path), nil).StatusCode == 401; got != refused[l.Access][k] {
				t.Errorf("%s %s as caller %d: got 401 %t, want %t", l.Method, l.Path, k, got, refused[l.Access][k])
			}
		}
	}
}

func TestCurrentUser(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{People: 5})
	name := everybody(admin(t, v))[2].UserName
	v.Set(func(o *teamdynamix.Options) {
		o.Logins = append(o.Logins, teamdynamix.Login{Username: name, Password: "p"})
	})
	for _, tt := range []struct{ login, password string }{{name, "p"}, {"iga", "iga-password"}} {
		c := user(t, v, tt.login, tt.password)
		if got := load[person](c, "GET", "/api/auth/getuser", nil).UserName; got != tt.login {
			t.Errorf("current user: got %q, want %q", got, tt.login)
		}
	}
}
