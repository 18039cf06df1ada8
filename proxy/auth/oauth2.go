package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"sluice/connectors"
)

// grant trades something for a token at a token endpoint of OAuth 2 (RFC 6749). The client credentials grant of x/oauth2 does it
// for all grants, because it lets grant_type and further parameters be set.
type grant struct {
	unprinted
	client   *http.Client
	config   *clientcredentials.Config
	params   func() (url.Values, error) // of one request; grant_type among them
	fallback time.Duration              // life of a token without expires_in and exp
	settled  func(err error)            // hears how it ended; nil: nobody
}

var styles = map[string]oauth2.AuthStyle{
	"auto": oauth2.AuthStyleAutoDetect, "header": oauth2.AuthStyleInHeader, "body": oauth2.AuthStyleInParams,
}

// oauth2 builds the scheme of the client credentials (RFC 6749, 4.4) and the refresh token grant (section 6). A refresh token that
// the vendor gives anew is held in memory: after a restart the configured one must still be good.
func (k *kit) oauth2(a *connectors.OAuth2) (Scheme, error) {
	style, ok := styles[a.Style]
	if !ok {
		return nil, fmt.Errorf("auth.oauth2.style: %q is none of auto, header, body", a.Style)
	}
	g, err := k.grant("oauth2", a.TokenURL, a.Scopes, a.Fallback)
	if err != nil {
		return nil, err
	}
	g.config.AuthStyle = style
	if g.config.ClientID, err = k.closed("oauth2.client_id", a.ClientID); err != nil {
		return nil, err
	}
	if g.config.ClientSecret, err = k.closed("oauth2.client_secret", a.ClientSecret); err != nil {
		return nil, err
	}
	fixed := url.Values{}
	for name, template := range a.Params {
		value, err := k.closed("oauth2.params."+name, template)
		if err != nil {
			return nil, err
		}
		fixed.Set(name, value)
	}
	g.params = func() (url.Values, error) { return fixed, nil }
	if a.Grant == "refresh_token" {
		if err := k.refreshing(g, a, fixed); err != nil {
			return nil, err
		}
	}
	return k.applied("oauth2", a.Apply, g.fetch)
}

// refreshing makes g the refresh token grant.
func (k *kit) refreshing(g *grant, a *connectors.OAuth2, fixed url.Values) error {
	configured, err := k.closed("oauth2.refresh_token", a.RefreshToken)
	if err != nil {
		return err
	}
	if configured == "" {
		return errors.New("auth.oauth2.refresh_token: is empty, and the grant is refresh_token")
	}
	held := k.ways.Held
	g.params = func() (url.Values, error) {
		params := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held.refreshToken(configured)}}
		for name, values := range fixed {
			params[name] = values
		}
		return params, nil
	}
	g.settled = func(err error) {
		if a, ok := errors.AsType[*answered](err); ok && a.refusal() {
			held.forgetRefresh()
		}
	}
	return nil
}

// grant builds what all grants share.
func (k *kit) grant(kind, tokenURL string, scopes []string, fallback time.Duration) (*grant, error) {
	e, err := k.endpoint(kind+".token_url", tokenURL)
	if err != nil {
		return nil, err
	}
	if fallback <= 0 {
		fallback = assumedLife
	}
	g := &grant{fallback: fallback, config: &clientcredentials.Config{TokenURL: e.url.String()}}
	g.client = &http.Client{
		Transport:     e.way,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for i, template := range scopes {
		scope, err := k.closed(fmt.Sprintf("%s.scopes[%d]", kind, i), template)
		if err != nil {
			return nil, err
		}
		g.config.Scopes = append(g.config.Scopes, scope)
	}
	return g, nil
}

// fetch asks for a token. One call at a time: Held sees to it.
func (g *grant) fetch(ctx context.Context) (*token, error) {
	params, err := g.params()
	if err != nil {
		return nil, err
	}
	g.config.EndpointParams = params // the config itself must stay: it remembers which style the vendor takes
	last := &dated{next: g.client.Transport}
	client := *g.client
	client.Transport = last
	got, err := g.config.Token(context.WithValue(ctx, oauth2.HTTPClient, &client))
	if g.settled != nil {
		defer func() { g.settled(err) }()
	}
	if err != nil {
		err = plain(err, last)
		return nil, err
	}
	now := time.Now()
	date := vendorTime(last.header, now)
	exp := jwtEnd(got.AccessToken)
	if !got.Expiry.IsZero() {
		exp = date.Add(got.Expiry.Sub(now)) // x/oauth2 counted expires_in by our last
	}
	t := &token{value: got.AccessToken, refresh: got.RefreshToken}
	err = t.lifetime(exp, date, now, g.fallback)
	return t, err
}

// dated remembers what x/oauth2 does not hand on: header and status of the answer, or why there is none.
type dated struct {
	next   http.RoundTripper
	header http.Header
	status int
	err    error
}

// RoundTrip implements http.RoundTripper.
func (d *dated) RoundTrip(r *http.Request) (*http.Response, error) {
	d.header, d.status = nil, 0
	resp, err := d.next.RoundTrip(r)
	if d.err = err; err != nil {
		return nil, err
	}
	d.header, d.status = resp.Header, resp.StatusCode
	return resp, nil
}

// errorCodes are those of RFC 6749, 5.2: the only words of an answer that may be repeated.
var errorCodes = map[string]bool{
	"invalid_request": true, "invalid_client": true, "invalid_grant": true,
	"unauthorized_client": true, "unsupported_grant_type": true, "invalid_scope": true,
}

// plain takes from x/oauth2's errors what may be told. Theirs, and http.Client's, hold the URL and parts of the answer.
func plain(err error, last *dated) error {
	if last.err != nil {
		return last.err
	}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		a := &answered{status: refused.Response.StatusCode, retryAfter: retryAfter(refused.Response.Header)}
		if errorCodes[refused.ErrorCode] {
			a.code = refused.ErrorCode
		}
		return a
	}
	return &answered{status: last.status, cause: "its body is no token answer (RFC 6749, 5.1)"}
}
