package wire_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"sluice/proxy/wire"
)

// secure starts a TLS vendor that says which protocol and client certificate it saw, and writes its certificate and key, which
// serve as the client's too, into files.
func secure(t *testing.T, change func(*httptest.Server)) (base *url.URL, certFile, keyFile string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = "somebody"
		}
		io.WriteString(w, r.Proto+" "+r.RequestURI+" "+who)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: s.Certificate().Raw},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if base, err = url.Parse(s.URL); err != nil {
		t.Fatal(err)
	}
	return base, certFile, keyFile
}

func TestTLS(t *testing.T) {
	t.Parallel()
	askCert := func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} }
	old := func(s *httptest.Server) { s.TLS = &tls.Config{MaxVersion: tls.VersionTLS12} }
	tests := []struct {
		name    string
		server  func(*httptest.Server)
		options func(o *wire.Options, cert, key string)
		want    string // none: vendor_tls
	}{
		{"own roots", nil, func(o *wire.Options, cert, _ string) { o.CAFile = cert }, "HTTP/1.1 /api/a%2Fb nobody"},
		{"unknown roots", nil, func(o *wire.Options, _, _ string) {}, ""},
		{"name in the certificate", nil, func(o *wire.Options, cert, _ string) { o.CAFile, o.ServerName = cert, "example.com" }, // httptest's
			"HTTP/1.1 /api/a%2Fb nobody"},
		{"other name", nil, func(o *wire.Options, cert, _ string) { o.CAFile, o.ServerName = cert, "other.test" }, ""},
		{"client certificate", askCert, func(o *wire.Options, cert, key string) { o.CAFile, o.CertFile, o.KeyFile = cert, cert, key },
			"HTTP/1.1 /api/a%2Fb somebody"},
		{"no client certificate", askCert, func(o *wire.Options, cert, _ string) { o.CAFile = cert }, ""},
		{"old version refused", old, func(o *wire.Options, cert, _ string) { o.CAFile, o.MinTLS = cert, tls.VersionTLS13 }, ""},
		{"http/2", func(s *httptest.Server) { s.EnableHTTP2 = true }, func(o *wire.Options, cert, _ string) { o.CAFile = cert }, "HTTP/2.0 /api/a%2Fb nobody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, engine string) {
				base, cert, key := secure(t, tt.server)
				o := wire.Options{Engine: engine, Base: base.JoinPath("/api/"), AllowNetworks: loopback}
				tt.options(&o, cert, key)
				w, err := wire.New(o)
				if err != nil {
					t.Fatalf("New() = %v", err)
				}
				defer w.Close()
				resp, err := w.RoundTrip(ask(t, "GET", "/a%2Fb", nil))
				if tt.want == "" {
					wantFault(t, whole(resp, err), 502, "vendor_tls")
					return
				}
				if err != nil {
					t.Fatalf("RoundTrip() = %v", err)
				}
				want := tt.want
				if engine == wire.FastHTTP && want[:8] == "HTTP/2.0" {
					want = "HTTP/1.1" + want[8:]
				}
				if got := drain(t, resp); got != want {
					t.Errorf("the vendor saw %q, want %q", got, want)
				}
			})
		})
	}
}
