package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// loopbackNetworks are where the receivers of tests are.
var loopbackNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// hostile is receivers of each bad sort, and a good one.
type hostile struct {
	t           *testing.T
	urls        map[string]string // by sort
	certificate *x509.Certificate // that the one which flips shows every other time
	ends        []func()

	mu   sync.Mutex
	next map[string]int // of the good one, by subject
	got  int
	odd  []string
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t, next: map[string]int{}, urls: map[string]string{
		"metadata": "http://169.254.169.254/latest/meta-data/", "mapped": "http://[::ffff:169.254.169.254]/latest/meta-data/",
	}}
	for sort, handler := range map[string]http.HandlerFunc{
		"good": h.take, "hangs": hang, "drips": drip, "resets": resetConnection, "gibibyte": gibibyte, "statuses": everyStatus,
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
		},
	} {
		server := httptest.NewServer(handler)
		h.urls[sort] = server.URL
		h.ends = append(h.ends, server.CloseClientConnections, server.Close)
	}
	h.flip()
	return h
}

func (h *hostile) close() {
	for _, end := range h.ends {
		end()
	}
}

// take is the good receiver.
func (h *hostile) take(_ http.ResponseWriter, r *http.Request) {
	subject, n, _ := hostileBody(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.got++; n != h.next[subject] {
		h.odd = append(h.odd, subject)
	}
	h.next[subject] = n + 1
}

func (h *hostile) taken() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got
}

// order holds what the good one got.
func (h *hostile) order() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.got != hostileEvents || len(h.odd) > 0 {
		h.t.Errorf("the good one got %d events, want %d; out of order came some of %v", h.got, hostileEvents, h.odd)
	}
}

// until waits for something, as long as a run of an aggregation may take.
func (h *hostile) until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	for !yes() {
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("waited %s for %s; the good one has %d", longest, what, h.taken())
		}
	}
}

// hostileBody reads a hostileEvent's data.
func hostileBody(r *http.Request) (subject string, n, status int) {
	var body struct {
		Identity   struct{ ID string }
		Attributes struct{ N, Status int }
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	return body.Identity.ID, body.Attributes.N, body.Attributes.Status
}

func everyStatus(w http.ResponseWriter, r *http.Request) {
	_, _, status := hostileBody(r)
	w.Header().Set("Retry-After", "3600")
	w.WriteHeader(status)
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// drip says 200, and then a byte from time to time, without an end.
func drip(w http.ResponseWriter, r *http.Request) {
	for {
		_, _ = w.Write([]byte(" "))
		_ = http.NewResponseController(w).Flush()
		if sleep(r.Context(), 10*time.Millisecond) != nil {
			return
		}
	}
}

func resetConnection(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // a reset, and no end
	_ = conn.Close()
}

// gibibyte answers as much as it gets rid of, up to a GiB.
func gibibyte(w http.ResponseWriter, _ *http.Request) {
	block := make([]byte, 64<<10)
	for range 1 << 14 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// flip starts a receiver that shows a certificate which is trusted, and one which is not, by turns.
func (h *hostile) flip() {
	h.t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	server.Config.SetKeepAlivesEnabled(false) // so that each event begins with a handshake
	other := strangersCertificate(h.t)
	var shown atomic.Int64
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if shown.Add(1)%2 == 0 {
			return &tls.Config{Certificates: []tls.Certificate{other}}, nil
		}
		return nil, nil //nolint:nilnil // the server's own, in the words of crypto/tls
	}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	h.certificate, h.urls["flips"] = server.Certificate(), server.URL
	h.ends = append(h.ends, server.CloseClientConnections, server.Close)
}

// strangersCertificate is for 127.0.0.1, and signed by nobody whom anyone trusts.
func strangersCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
