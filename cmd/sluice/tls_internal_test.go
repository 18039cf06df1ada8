package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
)

const tlsConfig = `
listeners: {main: {address: "127.0.0.1:0", tls: {certificate: cert.pem, key: key.pem}}}
admin: {address: "127.0.0.1:0"}
connections:
  tdx: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}
`

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKeyPair(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pemText("CERTIFICATE", der)
	return a
}

func newKeyPair(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue returns a certificate for 127.0.0.1 and its key, both PEM.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	own := newKeyPair(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, own.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return pemText("CERTIFICATE", der), pemText("PRIVATE KEY", private)
}

// client trusts an authority and shows a certificate, if there is one.
func (a *authority) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// served is the name of the certificate that the main listener shows.
func (r *rig) served(config *tls.Config) (string, error) {
	conn, err := tls.Dial("tcp", r.app.Address("main"), config)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func (r *rig) install(cert, key string) {
	r.t.Helper()
	r.write("cert.pem", cert)
	r.write("key.pem", key)
}

func TestTLSCertificateFollowsItsFile(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	r := newRig(t, tlsConfig, teamdynamix.Options{})
	r.install(ca.issue("first"))
	r.start()
	if got, err := r.served(ca.client()); got != "first" || err != nil {
		t.Fatalf("got certificate %q, %v; want first", got, err)
	}
	cert, key := ca.issue("second")
	r.eventually("the second certificate", func() bool {
		r.install(cert, key)
		got, err := r.served(ca.client())
		return got == "second" && err == nil
	})

	r.write("cert.pem", "not a certificate")
	r.eventually("the broken certificate is noticed", func() bool { return strings.Contains(r.log.String(), "configuration refused") })
	if got, err := r.served(ca.client()); got != "second" || err != nil {
		t.Errorf("after a broken one: got certificate %q, %v; want second", got, err)
	}
	if !strings.Contains(r.log.String(), "the certificate in force stays") {
		t.Errorf("got no word in the log that the old certificate stays:\n%s", r.log)
	}
}

// TestTLSCertificateDespiteFaults: a fault elsewhere does not let a certificate run out.
func TestTLSCertificateDespiteFaults(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	r := newRig(t, tlsConfig, teamdynamix.Options{})
	r.install(ca.issue("first"))
	r.start()
	r.write("sluice.yaml", tlsConfig+"lisseners: {}\n")
	r.install(ca.issue("second"))
	if got := r.reload(); got.status != http.StatusUnprocessableEntity {
		t.Errorf("reload: got %d, want 422", got.status)
	}
	if got, err := r.served(ca.client()); got != "second" || err != nil {
		t.Errorf("got certificate %q, %v; want second", got, err)
	}
}

func TestTLSSpeaks(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	r := newRig(t, tlsConfig, teamdynamix.Options{})
	r.install(ca.issue("first"))
	r.start()
	old := ca.client()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := r.served(old); err == nil {
		t.Error("TLS 1.1: got a handshake, want a refusal")
	}
	both := ca.client()
	both.NextProtos = []string{"h2", "http/1.1"}
	conn, err := tls.Dial("tcp", r.app.Address("main"), both)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("protocol: got %q, want http/1.1", got)
	}
	r.client.Transport = &http.Transport{TLSClientConfig: ca.client()}
	got := r.ask("POST", "https://"+r.app.Address("main")+"/tdx/api/auth/loginadmin", r.credential(), "Content-Type", "application/json")
	if got.status != 200 || !strings.Contains(got.body, "access_token") {
		t.Errorf("sign-in over TLS: got %d %q, want a token", got.status, got.body)
	}
}

func TestTLSClientCA(t *testing.T) {
	t.Parallel()
	ca, theirs, other := newAuthority(t, "ca"), newAuthority(t, "clients"), newAuthority(t, "others")
	r := newRig(t, strings.Replace(tlsConfig, "key: key.pem", "key: key.pem, client_ca: clients.pem", 1), teamdynamix.Options{})
	r.install(ca.issue("first"))
	r.write("clients.pem", theirs.pem)
	r.start()
	with := func(a *authority) error {
		config := ca.client()
		if a != nil {
			cert, key := a.issue("client")
			pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 10 * time.Second}
		_, err := ask(client, "GET", "https://"+r.app.Address("main")+"/nobody", "")
		return err
	}
	for name, c := range map[string]struct {
		a  *authority
		ok bool
	}{"no certificate": {nil, false}, "another authority's": {other, false}, "theirs": {theirs, true}} {
		if err := with(c.a); (err == nil) != c.ok {
			t.Errorf("%s: got %v, want an answer: %v", name, err, c.ok)
		}
	}
	r.write("clients.pem", other.pem)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("reload: got %d %q, want 204", got.status, got.body)
	}
	if err := with(theirs); err == nil {
		t.Error("after their authority was taken out: got an answer, want a refusal")
	}
	if err := with(other); err != nil {
		t.Errorf("the new authority's: got %v, want an answer", err)
	}
}

// TestTLSOnTheSameAddress: plain HTTP becomes TLS and no socket is closed for it.
func TestTLSOnTheSameAddress(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.install(ca.issue("first"))
	r.start()
	before := r.app.Address("main")
	r.write("sluice.yaml", tlsConfig)
	if got := r.reload(); got.status != http.StatusNoContent {
		t.Fatalf("reload: got %d %q, want 204", got.status, got.body)
	}
	if got := r.app.Address("main"); got != before {
		t.Errorf("address: got %s, want %s as before", got, before)
	}
	if got, err := r.served(ca.client()); got != "first" || err != nil {
		t.Errorf("got certificate %q, %v; want first", got, err)
	}
}
