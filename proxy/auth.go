package proxy

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"sluice/connectors"
	"sluice/proxy/auth"
)

// auth puts a managed connection's credential on the request, just before the wire, and takes the caller's own off it. After a 401 that
// the token's age explains it signs in again and sends once more. What the vendor's answer grants in its headers, a session cookie above
// all, was granted to that credential and ends here. login is the way of sign-ins to the vendor: paced like every call.
// A passthrough connection has no such stage: the caller's request goes on untouched.
func (u *Upstreams) auth(conn *connectors.Connection, login http.RoundTripper) (Stage, error) {
	if !conn.Managed {
		return nil, nil
	}
	held, err := u.held(conn)
	if err != nil {
		return nil, err
	}
	scheme, err := auth.New(conn, auth.Ways{
		Vendor:  signingIn(conn, login),
		Outside: func(base *url.URL) (http.RoundTripper, error) { return u.wireTo(conn, base) },
		Held:    held,
		Told:    u.toldSignIn(conn),
	})
	if err != nil {
		return nil, err
	}
	renewer, _ := scheme.(auth.Renewer)
	drop := append([]string{"Authorization", "Cookie"}, scheme.Headers()...)
	grants := grantsOf(conn, scheme, renewer)
	return func(next http.RoundTripper) http.RoundTripper {
		return &authenticator{next: next, conn: conn, scheme: scheme, renewer: renewer, drop: drop, grants: grants, metrics: u.opts.Metrics}
	}, nil
}

// grantsOf lists the headers by which an answer to a managed connection's credential may grant what the credential does: cookies, and
// where the connector's tokens travel, because vendors that hand a token out in a header send the next one there in any answer.
func grantsOf(conn *connectors.Connection, scheme auth.Scheme, renewer auth.Renewer) []string {
	grants := []string{"Set-Cookie", "Set-Cookie2", "Authorization"}
	if renewer != nil { // the headers of other schemes are no tokens; one of hmac's is Date
		grants = append(grants, scheme.Headers()...)
	}
	if login := conn.Connector.Auth.Login; login != nil {
		if name := login.Token.Header(); name != "" {
			grants = append(grants, name)
		}
	}
	return grants
}

// held returns the place of the connection's token, kept while nothing changes that the token depends on.
func (u *Upstreams) held(conn *connectors.Connection) (*auth.Held, error) {
	salt, err := keep(&u.kept, keptKey("salt", "", nil), func() ([]byte, error) {
		salt := make([]byte, 32)
		_, err := rand.Read(salt)
		return salt, err
	})
	if err != nil {
		return nil, err
	}
	mark, err := auth.Fingerprint(conn, salt)
	if err != nil {
		return nil, err
	}
	patience := patienceOf(conn, nil)
	return keep(&u.kept, keptKey("token", conn.Name, mark+patience.String()), func() (*auth.Held, error) {
		return auth.NewHeld(patience, detached), nil
	})
}

// toldSignIn counts the sign-ins of a managed connection.
func (u *Upstreams) toldSignIn(conn *connectors.Connection) func(string, time.Time) {
	return func(outcome string, ends time.Time) {
		u.opts.Metrics.SignIn(conn.Name, outcome)
		if !ends.IsZero() {
			u.opts.Metrics.TokenExpires(conn.Name, ends)
		}
	}
}

// wireTo returns a connection's way to a host that is not its vendor's, such as a token endpoint's.
func (u *Upstreams) wireTo(conn *connectors.Connection, base *url.URL) (http.RoundTripper, error) {
	elsewhere := *conn
	elsewhere.Base = base
	elsewhere.Wire.ServerName = "" // it was the vendor's
	return u.wire(&elsewhere)
}

// patienceOf is how long a call that nobody's deadline bounds may take.
func patienceOf(conn *connectors.Connection, route *connectors.Route) time.Duration {
	switch {
	case route != nil && route.Total > 0:
		return route.Total
	case conn.Timeouts.Total > 0:
		return conn.Timeouts.Total
	}
	return time.Minute
}

type traceKey struct{}

// detached is the context of a sign-in: it outlives the caller who caused it and keeps nothing of him but his trace. It goes in the
// most urgent lane, because critical calls may wait for it too.
func detached(ctx context.Context) context.Context {
	own := InLane(context.Background(), connectors.Critical)
	if call := CallOf(ctx); call != nil && call.trace != nil {
		return context.WithValue(own, traceKey{}, call.trace)
	}
	return own
}

// signingIn gives a sign-in at the vendor its Call. The trace of whoever caused it gets our word for how it went, never the exchange
// itself: a form or a bare token has secrets in it that no pattern finds.
func signingIn(conn *connectors.Connection, login http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		trace, _ := r.Context().Value(traceKey{}).(*Trace)
		deadline, _ := r.Context().Deadline()
		call := newCall(r.Context(), deadline)
		call.Arrived = time.Now()
		call.Connection, call.Consumer, call.View = conn, inside, inside.View
		call.Route = conn.Route(r.Method, rawPath(r))
		call.Lane = call.Consumer.Lane(call.Route, r.Method, laneIn(r.Context()))
		resp, err := login.RoundTrip(r.WithContext(call))
		if err != nil {
			call.end(context.Canceled)
			traceSignIn(trace, "signing in by %s brought no answer", call.Route.Name)
			return nil, err
		}
		traceSignIn(trace, "signing in by %s was answered %d", call.Route.Name, resp.StatusCode)
		resp.Body = &endBody{ReadCloser: resp.Body, end: func() { call.end(context.Canceled) }}
		return resp, nil
	})
}

func traceSignIn(t *Trace, format string, args ...any) {
	if t != nil {
		t.add("auth", format, args...)
	}
}

type authenticator struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	scheme  auth.Scheme
	renewer auth.Renewer // nil: the credential does not end
	drop    []string     // headers of the caller's that do not go on
	grants  []string     // headers of the vendor's that do not go back
	metrics *Metrics
}

// RoundTrip implements http.RoundTripper.
func (a *authenticator) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := a.dressed(r, r.Body)
	if err != nil {
		return nil, err
	}
	resp, err := a.next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	if a.renewer != nil {
		if resp.StatusCode != http.StatusUnauthorized {
			a.renewer.Accepted()
		} else if resp, err = a.refused(r, sent, resp); err != nil {
			return nil, err
		}
	}
	resp.Request = r // the one that was sent holds the credential
	for _, name := range a.grants {
		delete(resp.Header, name)
	}
	return resp, nil
}

// dressed is r with the connection's host and credential and without the caller's. On an error body is closed.
func (a *authenticator) dressed(r *http.Request, body io.ReadCloser) (*http.Request, error) {
	both := &struct { // one allocation
		request http.Request
		url     url.URL
	}{*r, *r.URL}
	sent, pinned := &both.request, &both.url
	pinned.Scheme, pinned.Host, pinned.User = a.conn.Base.Scheme, a.conn.Base.Host, nil
	sent.URL, sent.Host, sent.Body = pinned, pinned.Host, body
	sent.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if !slices.Contains(a.drop, name) {
			sent.Header[name] = values
		}
	}
	if err := a.scheme.Apply(r.Context(), sent); err != nil {
		if body != nil {
			_ = body.Close()
		}
		return nil, err
	}
	CallOf(r.Context()).Note("auth", "the connection's credential is on the request")
	return sent, nil
}

// refused weighs a 401: when the token may have ended, it sends the request once more with a new one. At TeamDynamix a 401 may also
// mean that a permission is missing; then it is the caller's to read. The second sending is not paced: it takes the place of the
// first, and the vendor's headers tell if that was counted too.
func (a *authenticator) refused(r, sent *http.Request, resp *http.Response) (*http.Response, error) {
	call := CallOf(r.Context())
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	if !a.renewer.Refused(sent, date) {
		call.Note("auth", "401, but the token has not ended: the vendor had another reason")
		return resp, nil
	}
	body, ok := secondBody(r)
	if !ok {
		call.Note("auth", "401, the token may have ended; this body cannot be sent twice")
		return resp, nil
	}
	_ = resp.Body.Close()
	second, err := a.dressed(r, body)
	if err != nil {
		return nil, err
	}
	call.Note("auth", "401, the token had ended: signed in again, sending once more")
	a.metrics.Retried(a.conn.Name, "token_ended")
	return a.next.RoundTrip(second)
}

// secondBody returns a body that can be sent once more, if r has one or needs none.
func secondBody(r *http.Request) (io.ReadCloser, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	return body, err == nil
}
