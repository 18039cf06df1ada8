package auth_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/auth"
)

func signer(t *testing.T, change func(*connectors.HMAC)) auth.Scheme {
	t.Helper()
	h := &connectors.HMAC{
		Algorithm: "sha256", Key: "${credential:key}", Sign: []string{"method"}, Separator: "\n",
		Encoding: "hex", Header: "X-Signature", Value: "${signature}",
	}
	change(h)
	s, err := auth.New(connection(t, connectors.Auth{HMAC: h}, map[string]string{"key": "Jefe", "id": "app-7"}), auth.Ways{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Test vectors: RFC 4231, 4.3 (SHA-2) and RFC 2202, 3 case 2 (SHA-1).
func TestHMACAgreesWithTheRFCs(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[string]string{
		"sha1":   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		"sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"sha512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} {
		s := signer(t, func(h *connectors.HMAC) {
			h.Algorithm, h.Sign = algorithm, []string{"text:what do ya want for nothing?"}
		})
		r, err := apply(t, s)
		if err != nil {
			t.Fatalf("%s: Apply: %v", algorithm, err)
		}
		if got := r.Header.Get("X-Signature"); got != want {
			t.Errorf("%s: signature = %s, want %s", algorithm, got, want)
		}
	}
}

func TestHMACSignsWhatTheVendorSees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := signer(t, func(h *connectors.HMAC) {
			h.Sign = []string{"method", "path", "query", "date", "header:x-tenant", "body_sha256", "body", "text:v1"}
			h.Encoding, h.Header, h.Value, h.DateHeader = "base64", "Authorization", "HMAC ${credential:id}:${signature}", "X-Date"
		})
		r, err := http.NewRequest(http.MethodPost, "https://vendor.example/people/a%2Fb?q=1&q=2", strings.NewReader(`{"x":1}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Tenant", "t1")
		if err := s.Apply(t.Context(), r); err != nil {
			t.Fatalf("Apply: %v", err)
		}
		// The bubble's clock starts at midnight UTC 2000-01-01, a Saturday.
		const date = "Sat, 01 Jan 2000 00:00:00 GMT"
		if got := r.Header.Get("X-Date"); got != date {
			t.Errorf("X-Date = %q, want %q", got, date)
		}
		sum := sha256.Sum256([]byte(`{"x":1}`))
		message := "POST\n/api/people/a%2Fb\nq=1&q=2\n" + date + "\nt1\n" + hex.EncodeToString(sum[:]) + "\n{\"x\":1}\nv1"
		mac := hmac.New(sha256.New, []byte("Jefe"))
		mac.Write([]byte(message))
		if got, want := r.Header.Get("Authorization"), "HMAC app-7:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("Authorization = %q, want %q", got, want)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"x":1}` || r.ContentLength != 7 {
			t.Errorf("body afterwards = %q (%d bytes, %v), want it whole", body, r.ContentLength, err)
		}
	})
}

func TestHMACRefusesABodyThatFitsNotInMemory(t *testing.T) {
	t.Parallel()
	s := signer(t, func(h *connectors.HMAC) { h.Sign = []string{"body"} })
	body := &closing{Reader: bytes.NewReader(make([]byte, 1<<10+1))}
	r, err := http.NewRequest(http.MethodPost, "https://vendor.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Apply(t.Context(), r)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("Apply = %v, want a fault of status 413", err)
	}
	if !body.closed {
		t.Error("the body was left open, want it closed")
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
