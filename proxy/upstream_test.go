package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTraceStaysHere: a vendor that answers TRACE as RFC 9110 section 9.3.8 has it would show the caller the credential of a managed
// connection.
func TestTraceStaysHere(t *testing.T) {
	t.Parallel()
	const planted = "planted-4711"
	var asked atomic.Int32
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "message/http")
		_ = r.Write(w)
	}))
	const connector = "name: echoing\ntitle: Echoing\ncredentials: [key]\nauth: {header: {set: {X-Key: \"${credential:key}\"}}}\n"
	config := "connections:\n  e:\n    connector: echoing\n    base_url: " + vendor +
		"\n    allow_networks: [127.0.0.0/8]\n    auth: managed\n    credentials: {key: '${env:KEY}'}\n"
	h := open(t, load(t, config, map[string]string{"echoing": connector}, "KEY="+planted))
	if resp, body := ask(t, "GET", h.url+"/e/x", ""); resp.StatusCode != 200 || !strings.Contains(body, planted) {
		t.Fatalf("GET = %d %q, want the vendor's echo with the credential: the test would prove nothing", resp.StatusCode, body)
	}
	before := asked.Load()
	for _, method := range []string{"TRACE", "CONNECT"} {
		resp, body := ask(t, method, h.url+"/e/x", "")
		if resp.StatusCode != 501 || !strings.Contains(body, "method_refused") || strings.Contains(body, planted) {
			t.Errorf("%s = %d %q, want 501 method_refused without the credential", method, resp.StatusCode, body)
		}
	}
	if got := asked.Load(); got != before {
		t.Errorf("the vendor was asked %d times more, want none", got-before)
	}
}

// TestReloadReadsRenewedRoots: a vendor's new CA, written into the file of the old one, is in force after a reload of the same settings.
//
//nolint:tparallel // the steps are a sequence: each reload builds on the one before
func TestReloadReadsRenewedRoots(t *testing.T) {
	t.Parallel()
	old, renewed := authority(t), authority(t)
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(old)
	vendor := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	vendor.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{SessionTicketsDisabled: true, Certificates: []tls.Certificate{*shown.Load()}}, nil
	}}
	vendor.Config.SetKeepAlivesEnabled(false) // each call is a handshake
	vendor.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	vendor.StartTLS()
	t.Cleanup(vendor.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	trust := func(c *tls.Certificate) {
		t.Helper()
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, engine := range []string{"fasthttp", "nethttp"} {
		t.Run(engine, func(t *testing.T) {
			trust(old)
			shown.Store(old)
			config := atVendor(vendor.URL, "    retry: {attempts: 1}\n    wire: {engine: "+engine+", ca: "+file+"}\n")
			h := open(t, load(t, config, nil))
			want := func(when string, status int) {
				t.Helper()
				if resp, body := ask(t, "GET", h.url+"/tdx/api/people/1", ""); resp.StatusCode != status {
					t.Errorf("%s: %d %q, want %d", when, resp.StatusCode, body, status)
				}
			}
			want("the old certificate", 200)
			shown.Store(renewed)
			trust(renewed)
			want("another certificate before the reload", 502)
			if err := h.upstreams.Apply(load(t, config, nil)); err != nil {
				t.Fatalf("Apply: %v", err)
			}
			want("another certificate after the reload", 200)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := h.upstreams.Apply(h.upstreams.Set()); err == nil || !strings.Contains(err.Error(), "wire.ca: open "+file) {
				t.Errorf("Apply without the file = %v, want it refused with the file's name", err)
			}
			want("after the reload that was refused", 200)
		})
	}
}

// authority is a CA that is its own server's certificate, at 127.0.0.1.
func authority(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}
}
