package send_test

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
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

// issuer is an authority of the test's own.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	made := issuer{}.issue(t, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return issuer{made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)}
}

func (i issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// issue makes a certificate for 127.0.0.1 which is valid now, but for what change does to it.
func (i issuer) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(c)
	parent, signing := i.cert, i.key
	if parent == nil {
		parent, signing = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signing)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func same(*x509.Certificate) {}

// secured is a receiver over TLS with the certificate that shown says.
func secured(t *testing.T, config *tls.Config, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.EnableHTTP2 = true
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func TestCertificatesThatFlip(t *testing.T) {
	t.Parallel()
	own, other := newIssuer(t), newIssuer(t)
	var shown atomic.Pointer[tls.Certificate]
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}}, nil
	}}
	server := secured(t, config, func(_ http.ResponseWriter, r *http.Request) { drain(r) })
	server.Config.SetKeepAlivesEnabled(false) // each event begins with a handshake
	s := senders(t, send.Options{Roots: own.pool()})
	for _, c := range []struct {
		cert tls.Certificate
		want string
	}{
		{own.issue(t, same), ""},
		{other.issue(t, same), "the certificate of 127.0.0.1 is signed by nobody whom Sluice trusts"},
		{own.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "the certificate of 127.0.0.1 has run out or is not valid yet"},
		{own.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }), "the certificate of 127.0.0.1 is for another name"},
		{own.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "the certificate of 127.0.0.1 is not trusted"},
		{own.issue(t, same), ""},
	} {
		shown.Store(&c.cert)
		_, err := s.Send(t.Context(), deliver(subscriber(server.URL), "i"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || triggers.IsPermanent(err) {
			t.Errorf("got %q, want %q, to be tried again", got, c.want)
		}
	}
}

func TestClientCertificateAndHTTP2(t *testing.T) {
	t.Parallel()
	own := newIssuer(t)
	var proto atomic.Int32
	server := secured(t, &tls.Config{Certificates: []tls.Certificate{own.issue(t, same)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: own.pool()},
		func(_ http.ResponseWriter, r *http.Request) { proto.Store(int32(r.ProtoMajor)) })
	s := senders(t, send.Options{Roots: own.pool()})
	sub := subscriber(server.URL)
	if _, err := s.Send(t.Context(), deliver(sub, "i")); err == nil || triggers.IsPermanent(err) {
		t.Errorf("without a certificate: got %v, want a refusal", err)
	}
	mine := own.issue(t, same)
	key, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	with := subscriber(server.URL)
	with.Sluice.Certificate = &triggers.ClientCertificate{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]})),
		Key:         ptr(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))),
	}
	if _, err := s.Send(t.Context(), deliver(with, "i")); err != nil || proto.Load() != 2 {
		t.Errorf("with one: got %v over HTTP/%d, want it taken over HTTP/2", err, proto.Load())
	}
}

func TestNoTLSThere(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, err := senders(t, send.Options{}).Send(t.Context(), deliver(subscriber("https"+url[len("http"):]), "i"))
	if err == nil || err.Error() != "127.0.0.1 does not speak TLS on this port" {
		t.Errorf("got %v, want it said", err)
	}
}
