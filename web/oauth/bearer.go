package oauth

import (
	"errors"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"sluice/aggregation"
	"sluice/internal/fault"
)

// Grant is who calls, and what for.
type Grant struct {
	Client string // its id
	Name   string
	Scopes []string
}

// Bearer verifies the token of a request to a version of the API, and counts the request. Errors are faults of the statuses 401 and 429, whose
// texts a client of SailPoint knows.
func (s *Server) Bearer(r *http.Request, version string) (Grant, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(text) == "" {
		return Grant{}, unauthorized("JWT is missing")
	}
	var said claims
	_, err := jwt.ParseWithClaims(strings.TrimSpace(text), &said, s.keyOf,
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}), jwt.WithTimeFunc(s.Now), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Grant{}, unauthorized("JWT is expired")
	case err != nil:
		return Grant{}, unauthorized("JWT is not valid")
	}
	c, err := s.Clients.Client(r.Context(), said.ClientID)
	switch {
	case err != nil && !errors.Is(err, aggregation.ErrNone):
		return Grant{}, err
	case err != nil || !c.Revoked.IsZero():
		return Grant{}, unauthorized("client is revoked")
	}
	if wait := s.windows.take(windowKey{c.ID, version}, s.Now()); wait > 0 {
		return Grant{}, fault.New("triggers", http.StatusTooManyRequests, "rate_limited", " Rate Limit Exceeded ").After(wait)
	}
	return Grant{Client: c.ID, Name: c.Name, Scopes: said.Scope}, nil
}

func (s *Server) keyOf(token *jwt.Token) (any, error) {
	for _, key := range s.Keys {
		if key.ID == token.Header["kid"] {
			return &key.private.PublicKey, nil
		}
	}
	return nil, errors.New("its key is unknown")
}

func unauthorized(why string) error {
	return fault.New("triggers", http.StatusUnauthorized, "unauthorized", "JWT validation failed: %s", why)
}
