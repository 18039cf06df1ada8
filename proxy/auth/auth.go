// Package auth turns a credential into something on a request: a header, a signature, a token fetched from the vendor.
//
// The proxy's auth stage builds one Scheme per managed connection by New and calls Apply just before the wire; the connection's
// Held carries its token over reloads. What is wrong with a credential (a key that is no key, a name that is not given) is found
// by New, which names the credential and never shows its value. Nothing here logs; no error, note or fault holds a credential, a
// token, a token URL or a word of the vendor's answer. A scheme never resends a request and never judges an answer: it tells
// the stage whether a token may have ended, the stage decides.
package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sluice/connectors"
)

// stage is the name under which this package's faults are told.
const stage = "auth"

// Scheme is one way to prove oneself to a vendor. It is safe for concurrent use.
type Scheme interface {
	// Apply puts the credential on r, whose header map and body are the callee's to change. It may wait for a sign-in, as
	// long as ctx allows. Its errors are *fault.Error, or wrap ctx's own error when the caller hung up.
	Apply(ctx context.Context, r *http.Request) error
	// Headers are the canonical names of the headers that Apply sets.
	Headers() []string
}

// Renewer is a Scheme whose credential ends by itself.
type Renewer interface {
	Scheme
	// Refused takes in that the vendor answered 401 to sent, a request that Apply was called on, at the given time of the
	// vendor's clock (zero: unknown). True means that the token on it may have ended: it is forgotten, and another Apply
	// brings a new one. False means that the vendor must have had another reason, such as a missing permission.
	Refused(sent *http.Request, date time.Time) bool
	// Accepted takes in that the vendor answered something else.
	Accepted()
}

// Ways are what a scheme needs of its house.
type Ways struct {
	Vendor  http.RoundTripper                              // to the connection's base URL: paths are relative to it
	Outside func(base *url.URL) (http.RoundTripper, error) // to another host, for token URLs that are not the vendor's own
	Held    *Held                                          // the connection's token; outlives a reload
	Told    func(outcome string, at time.Time)             // after each sign-in: vendor | refused | failed, and when the token ends
}

// New returns the scheme of a managed connection: what its connector's auth says, with the connection's own secrets. It dials
// nothing. Its error says which key of auth is wrong and which credential is at fault, by name.
func New(conn *connectors.Connection, ways Ways) (Scheme, error) {
	if ways.Told == nil {
		ways.Told = func(string, time.Time) {}
	}
	k := &kit{conn: conn, ways: ways}
	switch a := conn.Connector.Auth; {
	case a.Login != nil:
		return k.login(a.Login)
	case a.OAuth2 != nil:
		return k.oauth2(a.OAuth2)
	case a.JWTBearer != nil:
		return k.jwtBearer(a.JWTBearer)
	case a.Basic != nil:
		return k.basic(a.Basic)
	case a.Bearer != nil:
		return k.bearer(a.Bearer)
	case a.Header != nil:
		return k.header(a.Header)
	case a.HMAC != nil:
		return k.hmac(a.HMAC)
	}
	return nil, errors.New("auth: the connector does not say how to sign in; set one of login, oauth2, jwt_bearer, basic, bearer, header, hmac, or make the connection passthrough")
}

// kit is what the constructors share.
type kit struct {
	conn *connectors.Connection
	ways Ways
}
