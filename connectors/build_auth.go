package connectors

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sluice/transforms"
)

// auth checks and compiles how Sluice signs in.
func (b *connectorBuild) auth() {
	a := b.written.Auth
	if a == nil {
		if len(b.written.Credentials) > 0 {
			b.fault("credentials", "are declared, but nothing uses them: say in auth how Sluice signs in, or remove them")
		}
		return
	}
	b.made.Auth = *a
	switch {
	case a.Login != nil:
		b.login(a.Login)
	case a.OAuth2 != nil:
		b.tokenURL("auth.oauth2.token_url", a.OAuth2.TokenURL)
		b.grant(a.OAuth2)
	case a.JWTBearer != nil:
		b.tokenURL("auth.jwt_bearer.token_url", a.JWTBearer.TokenURL)
	case a.HMAC != nil:
		b.hmac(a.HMAC)
	}
	b.made.Auth = *a
	b.headers(a)
	b.credentials(a)
}

// ownHeaders belong to the connection and its framing: no scheme may set them.
var ownHeaders = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection"}

// headers checks the names of all headers that a scheme sets.
func (b *connectorBuild) headers(a *Auth) {
	names := map[string]string{}
	switch {
	case a.Login != nil:
		names["auth.login.apply.header"] = a.Login.Apply.Header
		for name := range a.Login.Headers {
			names["auth.login.headers."+name] = name
		}
	case a.OAuth2 != nil:
		names["auth.oauth2.apply.header"] = a.OAuth2.Apply.Header
	case a.JWTBearer != nil:
		names["auth.jwt_bearer.apply.header"] = a.JWTBearer.Apply.Header
	case a.Header != nil:
		for name := range a.Header.Set {
			names["auth.header.set."+name] = name
		}
	case a.HMAC != nil:
		names["auth.hmac.header"] = a.HMAC.Header
		if a.HMAC.DateHeader != "" {
			names["auth.hmac.date_header"] = a.HMAC.DateHeader
		}
	}
	for key, name := range names {
		switch {
		case !headerName.MatchString(name):
			b.fault(key, "%q is no header name: use letters, digits and hyphens, as in X-Api-Key", name)
		case slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)):
			b.fault(key, "%s belongs to the connection itself and cannot be set", http.CanonicalHeaderKey(name))
		}
	}
}

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (b *connectorBuild) login(l *Login) {
	if !strings.HasPrefix(l.Path, "/") {
		b.fault("auth.login.path", "is %q, must begin with / (it is relative to base_url)", l.Path)
	}
	if !slices.Contains(methods, l.Method) {
		b.fault("auth.login.method", "%q is no method: %s", l.Method, suggest(l.Method, methods))
	}
	if l.JSON != nil && l.Form != nil {
		b.fault("auth.login.form", "a login sends json or form, not both: remove one")
	}
	spec, err := transforms.CompileTokenSpec(l.TokenArgs)
	if err != nil {
		b.argFaults("auth.login.token", err)
	}
	l.Token = spec
}

func (b *connectorBuild) grant(o *OAuth2) {
	if o.Grant == "refresh_token" && o.RefreshToken == "" {
		b.fault("auth.oauth2.refresh_token", "is required for the grant refresh_token: ${credential:NAME}")
	}
	if o.Grant == "client_credentials" && o.RefreshToken != "" {
		b.fault("auth.oauth2.refresh_token", "is not used by the grant client_credentials: remove it, or say grant: refresh_token")
	}
	if o.ClientID == "" {
		b.fault("auth.oauth2.client_id", "is required: ${credential:NAME} or the id itself")
	}
}

// tokenURL is absolute, or a path below the connection's base URL.
func (b *connectorBuild) tokenURL(key, text string) {
	if strings.HasPrefix(text, "/") || text == "" {
		return
	}
	plain := placeholder.ReplaceAllString(text, "x") // a tenant's id may be a credential
	u, err := url.Parse(plain)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		b.fault(key, "is %q, must be an https:// URL, or a path below base_url such as /oauth/token", text)
	}
}

// signed are the parts of a request that a signature may cover, beside header:NAME and text:WORDS.
var signed = []string{"method", "path", "query", "date", "body", "body_sha256"}

func (b *connectorBuild) hmac(h *HMAC) {
	for i, part := range h.Sign {
		kind, name, named := strings.Cut(part, ":")
		if !slices.Contains(signed, part) && (!named || name == "" || kind != "header" && kind != "text") {
			b.fault(index("auth.hmac.sign", i), "%q cannot be signed; there is %s, header:NAME, text:WORDS", part, strings.Join(signed, ", "))
		}
	}
	if slices.Contains(h.Sign, "date") && h.DateHeader == "" {
		b.fault("auth.hmac.date_header", "is required, because the date is signed: name the header that carries it, such as Date")
	}
}
