package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"sluice/connectors"
	"sluice/transforms"
)

// assertion makes the JWTs of RFC 7523: who signs, for whom, for how long.
type assertion struct {
	unprinted
	method   jwt.SigningMethod
	key      any
	keyID    string
	claims   map[string]any
	lifetime time.Duration
}

// jwtBearer builds the scheme that trades a signed assertion for a token (RFC 7523, 2.1). Without an audience the token URL is it.
func (k *kit) jwtBearer(a *connectors.JWTBearer) (Scheme, error) {
	g, err := k.grant("jwt_bearer", a.TokenURL, a.Scopes, a.Fallback)
	if err != nil {
		return nil, err
	}
	s, err := k.assertion(a)
	if err != nil {
		return nil, err
	}
	g.config.AuthStyle = oauth2.AuthStyleInParams // and no client id: the assertion says who asks
	g.params = func() (url.Values, error) {
		signed, err := s.sign(time.Now())
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}}, err
	}
	return k.applied("jwt_bearer", a.Apply, g.fetch)
}

func (k *kit) assertion(a *connectors.JWTBearer) (*assertion, error) {
	s := &assertion{claims: map[string]any{}, lifetime: a.Lifetime}
	if s.lifetime <= 0 {
		return nil, errors.New("auth.jwt_bearer.lifetime: must be longer than 0")
	}
	audience := a.Audience
	if audience == "" {
		audience = a.TokenURL
		if strings.HasPrefix(audience, "/") {
			audience = strings.TrimSuffix(k.conn.Base.String(), "/") + audience
		}
	}
	claims := map[string]string{"iss": a.Issuer, "sub": a.Subject, "aud": audience}
	for name, template := range a.Claims {
		claims[name] = template
	}
	for name, template := range claims {
		value, err := k.closed("jwt_bearer."+name, template)
		if err != nil {
			return nil, err
		}
		if value != "" {
			s.claims[name] = value
		}
	}
	var err error
	if s.keyID, err = k.closed("jwt_bearer.key_id", a.KeyID); err != nil {
		return nil, err
	}
	return s, k.signingKey(s, a)
}

// signingKey reads the key and proves it by a signature, so that one of the wrong kind is found before anything is live.
func (k *kit) signingKey(s *assertion, a *connectors.JWTBearer) error {
	pem, err := k.closed("jwt_bearer.key", a.Key)
	if err != nil {
		return err
	}
	if !strings.Contains(pem, "\n") {
		pem = strings.ReplaceAll(pem, `\n`, "\n") // how a key is put on one line of an environment file
	}
	switch a.Algorithm {
	case "RS256":
		s.method = jwt.SigningMethodRS256
		s.key, err = jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
	case "ES256":
		s.method = jwt.SigningMethodES256
		s.key, err = jwt.ParseECPrivateKeyFromPEM([]byte(pem))
	default:
		return fmt.Errorf("auth.jwt_bearer.algorithm: %q is none of RS256, ES256", a.Algorithm)
	}
	if err == nil {
		_, err = s.sign(time.Unix(0, 0))
	}
	if err != nil { // not wrapped: nobody promises that it holds nothing of the key
		return fmt.Errorf("auth.jwt_bearer.key: %s is no private key for %s in PEM", blame(a.Key), a.Algorithm)
	}
	return nil
}

// sign makes an assertion that is good from now on for its lifetime.
func (s *assertion) sign(now time.Time) (string, error) {
	claims := jwt.MapClaims{"iat": now.Unix(), "exp": now.Add(s.lifetime).Unix(), "jti": rand.Text()}
	for name, value := range s.claims {
		claims[name] = value
	}
	t := jwt.NewWithClaims(s.method, claims)
	if s.keyID != "" {
		t.Header["kid"] = s.keyID
	}
	signed, err := t.SignedString(s.key)
	if err != nil {
		return "", errors.New("sign the assertion: the key does not fit")
	}
	return signed, nil
}

// jwtEnd is a token's exp when it is a JWT, else zero. The signature is the vendor's to judge.
func jwtEnd(value string) time.Time {
	spec, err := transforms.CompileTokenSpec("text")
	if err != nil {
		return time.Time{}
	}
	read, err := transforms.ReadToken(spec, http.StatusOK, nil, []byte(value), time.Time{})
	if err != nil {
		return time.Time{}
	}
	return read.Expires
}
