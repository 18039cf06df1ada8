package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// badSinks are receivers that do what receivers should not.
type badSinks struct {
	urls    map[string]string // by sort
	roots   []byte            // PEM, by which one of the certificates of the one that flips is trusted
	servers []*http.Server
}

// badSink is how one sort answers.
var badSink = map[string]http.HandlerFunc{
	"hangs": func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	},
	"drips": func(w http.ResponseWriter, r *http.Request) {
		for pause(r.Context(), 10*time.Millisecond) == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
		}
	},
	"resets": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	},
	"gibibyte": func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 64<<10)
		for range 1 << 14 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	},
	"redirects": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
	},
	"statuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200 + int(badStatus.Add(1)%400)) },
	"flips":    goodSink, // but for its certificates
}

func goodSink(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// badStatus counts the answers of the receiver that answers every status.
var badStatus atomic.Int64

func badSorts() iter.Seq[string] { return maps.Keys(badSink) }

// openBadSinks starts the receivers of a sort: all of them, as many good ones, or none for "".
func openBadSinks(ctx context.Context, sort string) (*badSinks, error) {
	s := &badSinks{urls: map[string]string{}}
	trusted, err := ownCertificate()
	if err != nil {
		return nil, err
	}
	other, err := ownCertificate()
	if err != nil {
		return nil, err
	}
	s.roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Certificate[0]})
	for name, handler := range badSink {
		switch {
		case sort == name, sort == badSinkAll:
		case sort == goodSinks, sort == goodOne && name == "hangs", sort == goodTLS && name == "flips":
			handler = goodSink
		default:
			continue
		}
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			s.close()
			return nil, err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		s.servers = append(s.servers, server)
		s.urls[name] = "http://" + ln.Addr().String() + "/events"
		if name == "flips" && sort != goodSinks {
			s.urls[name] = "https://" + ln.Addr().String() + "/events"
			server.SetKeepAlivesEnabled(false) // so that each event begins with a handshake
			if sort == goodTLS {
				other = trusted
			}
			ln = tls.NewListener(ln, flipping(trusted, other))
		}
		go func() { _ = server.Serve(ln) }() // ends with close
	}
	return s, nil
}

func (s *badSinks) close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
}

// flipping shows one certificate and the other by turns.
func flipping(certificates ...tls.Certificate) *tls.Config {
	var shown atomic.Int64
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &certificates[shown.Add(1)%int64(len(certificates))], nil
	}}
}

// ownCertificate is for 127.0.0.1, and signed by itself.
func ownCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
