package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"sluice/connectors"
)

// serverTLS reads a listener's certificate, key and client roots. Every call makes a configuration of its own, with session tickets
// of its own: a client that resumes a session never escapes roots that have changed since.
func serverTLS(files *connectors.TLS) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", files.Certificate, files.Key, err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"}, // the engine of the front speaks no other
	}
	if files.ClientCA == "" {
		return config, nil
	}
	roots, err := os.ReadFile(files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client roots: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("client roots %s: %w", files.ClientCA, errors.New("no certificate in it"))
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
