package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// newTLS is the configuration of every session with the vendor, or nil for a plain one. protocols is what ALPN offers.
func newTLS(o Options, protocols ...string) (*tls.Config, error) {
	if o.Base.Scheme != "https" {
		return nil, nil
	}
	c := &tls.Config{
		ServerName:         o.ServerName,
		MinVersion:         o.MinTLS,
		NextProtos:         protocols,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if c.ServerName == "" {
		c.ServerName = o.Base.Hostname()
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s: it holds no PEM certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		k := &keyPair{certFile: o.CertFile, keyFile: o.KeyFile}
		if _, err := k.current(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return k.current() }
	}
	return c, nil
}

// keyPair is a client certificate on disk. Rotation replaces the files under a running process, so each handshake looks at
// their times, and a pair that does not fit together (one file replaced, the other not yet) leaves the old one in use.
type keyPair struct {
	certFile, keyFile string

	mu   sync.Mutex
	cert *tls.Certificate
	seen [2]time.Time
}

func (k *keyPair) current() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen, err := modified(k.certFile, k.keyFile)
	if err == nil && k.cert != nil && seen == k.seen {
		return k.cert, nil
	}
	cert, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		if k.cert != nil {
			return k.cert, nil
		}
		return nil, fmt.Errorf("cert_file and key_file: %w", err)
	}
	k.cert, k.seen = &cert, seen
	return k.cert, nil
}

func modified(files ...string) (seen [2]time.Time, err error) {
	for i, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return seen, err
		}
		seen[i] = info.ModTime()
	}
	return seen, nil
}

// handshake makes a TLS session over conn within ctx, and closes conn if it cannot.
func handshake(ctx context.Context, conn net.Conn, c *tls.Config) (net.Conn, error) {
	t := tls.Client(conn, c)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		if timedOut(err) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return t, nil
}
