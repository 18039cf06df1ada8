package oauth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"sluice/aggregation"
	"sluice/internal/client"
)

// mostForm bounds a request for a token.
const mostForm = 64 << 10

// org and pod stand where SailPoint names a customer and a data centre.
const (
	org = "sluice"
	pod = "sluice"
)

// answer is what a client gets. Which members there are is SailPoint's choice.
type answer struct {
	AccessToken         string `json:"access_token"`
	TokenType           string `json:"token_type"`
	ExpiresIn           int64  `json:"expires_in"`
	Scope               string `json:"scope"`
	AccessType          string `json:"accessType"`
	TenantID            string `json:"tenant_id"`
	Internal            bool   `json:"internal"`
	Pod                 string `json:"pod"`
	StrongAuthSupported bool   `json:"strong_auth_supported"`
	Org                 string `json:"org"`
	StrongAuth          bool   `json:"strong_auth"`
	Enabled             bool   `json:"enabled"`
	JTI                 string `json:"jti"`
}

// claims are what a token says.
type claims struct {
	TenantID    string   `json:"tenant_id"`
	Pod         string   `json:"pod"`
	Org         string   `json:"org"`
	StrongAuth  bool     `json:"strong_auth"`
	Authorities []string `json:"authorities"`
	ClientID    string   `json:"client_id"`
	Scope       []string `json:"scope"`
	jwt.RegisteredClaims
}

// refusal is an error in the words of RFC 6749, section 5.2.
type refusal struct {
	status int
	Code   string `json:"error"`
	Text   string `json:"error_description"`
}

// ServeHTTP is POST /oauth/token.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	made, refused := s.token(r)
	if refused == nil {
		writeJSON(w, http.StatusOK, made)
		return
	}
	switch {
	case refused.status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case refused.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case refused.status == http.StatusUnauthorized && r.Header.Get("Authorization") != "":
		w.Header().Set("WWW-Authenticate", `Basic realm="sluice"`)
	}
	writeJSON(w, refused.status, refused)
}

func (s *Server) token(r *http.Request) (*answer, *refusal) {
	if r.Method != http.MethodPost {
		return nil, &refusal{http.StatusMethodNotAllowed, "invalid_request", "tokens are fetched by POST"}
	}
	form, refused := formOf(r)
	if refused != nil {
		return nil, refused
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, &refusal{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials"}
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, basic := basicOf(r); basic {
		id, secret = user, password
	}
	c, err := s.Clients.Client(r.Context(), id)
	switch {
	case err != nil && !errors.Is(err, aggregation.ErrNone):
		return nil, s.fail("a client could not be looked up", err)
	case err != nil || !c.Is(secret):
		return nil, &refusal{http.StatusUnauthorized, "invalid_client", "the client is unknown or revoked, or its secret is wrong"}
	}
	scopes := c.Scopes
	if wanted := strings.Fields(form.Get("scope")); len(wanted) > 0 {
		if slices.ContainsFunc(wanted, func(scope string) bool { return !slices.Contains(scopes, scope) && !client.May(scopes) }) {
			return nil, &refusal{http.StatusBadRequest, "invalid_scope", "the client does not have all of these scopes"}
		}
		scopes = wanted
	}
	made, err := s.issue(&c, scopes)
	if err != nil {
		return nil, s.fail("a token could not be made", err)
	}
	return made, nil
}

func (s *Server) fail(what string, err error) *refusal {
	s.Log.Error(what, "error", err)
	if errors.Is(err, aggregation.ErrAway) {
		return &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", "the service cannot reach its database at the moment; try again later"}
	}
	return &refusal{http.StatusInternalServerError, "server_error", "an internal fault occurred"}
}

// issue makes a token of a client.
func (s *Server) issue(c *client.Client, scopes []string) (*answer, error) {
	if len(s.Keys) == 0 {
		return nil, errNoKey
	}
	jti := rand.Text()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims{
		TenantID: s.Tenant, Pod: pod, Org: org, Authorities: []string{"API"}, ClientID: c.ID, Scope: scopes,
		RegisteredClaims: jwt.RegisteredClaims{ExpiresAt: jwt.NewNumericDate(s.Now().Add(s.TTL)), ID: jti},
	})
	token.Header["kid"] = s.Keys[0].ID
	signed, err := token.SignedString(s.Keys[0].private)
	return &answer{
		AccessToken: signed, TokenType: "bearer", ExpiresIn: int64(s.TTL.Seconds()), Scope: strings.Join(scopes, " "), AccessType: "OFFLINE",
		TenantID: s.Tenant, Pod: pod, Org: org, Enabled: true, JTI: jti,
	}, err
}

// formOf reads the parameters where clients put them: in a form, in parts, or in the query. Those of the body go before the query's.
func formOf(r *http.Request) (url.Values, *refusal) {
	bad := &refusal{http.StatusBadRequest, "invalid_request", "the parameters cannot be read: send them as application/x-www-form-urlencoded, multipart/form-data or in the query"}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, bad
	}
	r.Body = http.MaxBytesReader(nil, r.Body, mostForm)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil && r.Header.Get("Content-Type") != "":
		return nil, bad
	case kind == "multipart/form-data":
		err = r.ParseMultipartForm(mostForm)
	case kind == "application/x-www-form-urlencoded":
		err = r.ParseForm()
	default:
		return values, nil
	}
	if err != nil {
		return nil, bad
	}
	for name, value := range r.PostForm {
		values[name] = value
	}
	return values, nil
}

// basicOf reads HTTP Basic, whose parts are encoded as those of a form (RFC 6749, section 2.3.1); few clients do, and no id or secret of ours
// looks different then.
func basicOf(r *http.Request) (id, secret string, found bool) {
	id, secret, found = r.BasicAuth()
	return id, secret, found
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	text, err := json.Marshal(document)
	if err != nil { // texts, numbers and truths always marshal
		status, text = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
