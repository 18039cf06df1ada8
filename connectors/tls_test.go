package connectors_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/configs"
	"sluice/connectors"
)

// certificate makes a self-signed certificate and its key as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sluice.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, otherKey := certificate(t)
	main := func(server, client string) string {
		return fmt.Sprintf(`
listeners: {main: {address: 127.0.0.1:0, tls: {certificate: tls/cert.pem, key: %s, client_ca: tls/cert.pem}}}
connections: {a: {connector: acme, base_url: https://a.example, wire: {ca: tls/cert.pem, certificate: tls/cert.pem, key: %s}}}
`, server, client)
	}
	named := map[string]string{
		"connectors/acme.yaml": plainAcme, "tls/cert.pem": cert, "tls/key.pem": key, "tls/other.pem": otherKey,
		"sluice.yaml": main("tls/key.pem", "tls/key.pem"), "wrong.yaml": main("tls/other.pem", "tls/other.pem"),
	}
	dir := folder(t, named)
	set, faults := connectors.LoadPath(dir, configs.FS, hermetic())
	if faults != nil {
		t.Fatalf("got faults, want none:\n%v", faults)
	}
	path := func(name string) string { return filepath.Join(dir, "tls", name) }
	if got, want := *set.Listeners["main"].TLS, (connectors.TLS{Certificate: path("cert.pem"), Key: path("key.pem"), ClientCA: path("cert.pem")}); got != want {
		t.Errorf("listener: got %+v, want %+v", got, want)
	}
	if got := set.Connections["a"].Wire; got.CA != path("cert.pem") || got.Certificate != path("cert.pem") || got.Key != path("key.pem") {
		t.Errorf("wire: got %+v, want the files of %s", got, dir)
	}
	for _, name := range []string{"cert.pem", "key.pem"} {
		if !slices.Contains(set.Files, path(name)) {
			t.Errorf("%s is not among the files to watch: %q", name, set.Files)
		}
	}
	_, faults = connectors.LoadPath(filepath.Join(dir, "wrong.yaml"), configs.FS, hermetic())
	if len(faults) != 2 || !strings.Contains(faults.Error(), "private key does not match public key") {
		t.Errorf("a certificate with another's key: got\n%v\nwant two faults that say so", faults)
	}
}

// TestSecretsStaySilent prints a whole Set in every way that somebody might by mistake.
func TestSecretsStaySilent(t *testing.T) {
	t.Parallel()
	set := load(t, secretMain, secretAcme)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{set, *set, set.Connections["a"], *set.Connections["a"], set.Connections["a"].Secrets, set.Connectors["acme"], set.Tracing} {
			if strings.Contains(fmt.Sprintf(verb, value), "planted") {
				t.Errorf("%s of %T shows a secret", verb, value)
			}
		}
	}
}
