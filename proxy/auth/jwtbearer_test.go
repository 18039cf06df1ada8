package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"sluice/connectors"
	"sluice/proxy/auth"
)

// keys makes a private key in PEM and its public half.
func keys(t *testing.T, algorithm string) (private string, public any) {
	t.Helper()
	var key any
	switch algorithm {
	case "RS256":
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	default:
		k, err := ecdsa.GenerateKey(map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()}[algorithm], rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), public
}

func TestJWTBearerSignsWhatRFC7523Wants(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			private, public := keys(t, algorithm)
			synctest.Test(t, func(t *testing.T) {
				sent := &posted{}
				mock := form("https://vendor.example/oauth/token", sent, tokenJSON(`,"expires_in":3600`))
				held := auth.NewHeld(time.Minute, nil)
				defer held.Close()
				s, err := auth.New(connection(t, connectors.Auth{JWTBearer: &connectors.JWTBearer{
					TokenURL: "/oauth/token", Algorithm: algorithm, Key: "${credential:key}", KeyID: "k1", Issuer: "${credential:app}", Subject: "svc@acme",
					Claims: map[string]string{"scope_hint": "all"}, Scopes: []string{"api"}, Lifetime: 5 * time.Minute, Apply: asBearer,
				}}, map[string]string{"key": strings.ReplaceAll(private, "\n", `\n`), "app": "client-7"}), auth.Ways{Vendor: mock, Held: held})
				if err != nil {
					t.Fatal(err)
				}
				if got := mustApply(t, s).Header.Get("Authorization"); got != "Bearer t-1" {
					t.Errorf("Authorization = %q, want Bearer t-1", got)
				}
				f := sent.all()[0].PostForm
				if f.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || f.Get("scope") != "api" || len(f) != 3 {
					t.Errorf("form has grant_type %q, scope %q and %d fields; want jwt-bearer, api, 3", f.Get("grant_type"), f.Get("scope"), len(f))
				}
				claims := jwt.MapClaims{}
				parsed, err := jwt.ParseWithClaims(f.Get("assertion"), claims, func(*jwt.Token) (any, error) { return public, nil },
					jwt.WithValidMethods([]string{algorithm}), jwt.WithAudience("https://vendor.example/api/oauth/token"), jwt.WithIssuer("client-7"),
					jwt.WithSubject("svc@acme"), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
				if err != nil {
					t.Fatalf("the assertion does not verify: %v", err)
				}
				if parsed.Header["kid"] != "k1" || claims["scope_hint"] != "all" || len(fmt.Sprint(claims["jti"])) < 20 {
					t.Errorf("kid, claim, jti = %v, %v, %v; want k1, all and something random", parsed.Header["kid"], claims["scope_hint"], claims["jti"])
				}
				if life := claims["exp"].(float64) - claims["iat"].(float64); life != 300 {
					t.Errorf("the assertion lives for %v s, want 300", life)
				}
				<-time.After(3 * time.Hour)
				mustApply(t, s)
				synctest.Wait()
				if first, last := sent.all()[0].PostForm.Get("assertion"), sent.all()[len(sent.all())-1].PostForm.Get("assertion"); first == last {
					t.Error("the next sign-in sends the same assertion, want a new one")
				}
			})
		})
	}
}

func TestAKeyOfTheWrongKindIsRefused(t *testing.T) {
	t.Parallel()
	for made, asked := range map[string]string{"RS256": "ES256", "ES256": "RS256", "ES384": "ES256"} {
		private, _ := keys(t, made)
		_, err := auth.New(connection(t, connectors.Auth{JWTBearer: &connectors.JWTBearer{
			TokenURL: "/t", Algorithm: asked, Key: "${credential:key}", Issuer: "me", Lifetime: time.Minute, Apply: asBearer,
		}}, map[string]string{"key": private}), auth.Ways{Held: auth.NewHeld(time.Minute, nil)})
		if want := "auth.jwt_bearer.key: credential key is no private key for " + asked + " in PEM"; fmt.Sprint(err) != want {
			t.Errorf("a key for %s as %s: %v, want %s", made, asked, err, want)
		}
	}
}
