package send

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"sluice/triggers"
)

// ours are the headers that a subscription may not set: those that frame a message, and those by which a receiver knows that it is from Sluice.
var ours = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Expect", "Content-Encoding",
	"Content-Type", "User-Agent",
}

// oursBelow are the beginnings of more of them.
var oursBelow = []string{"X-Sluice-", "Webhook-", "Proxy-"}

// headersOf are the headers of sub that are the same in each request.
func headersOf(sub *triggers.Subscription) (http.Header, error) {
	h := http.Header{}
	for i, one := range sub.Sluice.Headers {
		if err := checkHeader(one); err != nil {
			return nil, fmt.Errorf("sluice.headers[%d]: %w", i, err)
		}
		h.Add(one.Name, text(one.Value))
	}
	auth, err := authOf(sub.HTTP)
	if err != nil {
		return nil, err
	}
	if (auth != "" || sub.Sluice.OAuth2 != nil) && h.Get("Authorization") != "" {
		return nil, errors.New("sluice.headers: Authorization is what the subscription's authentication sets; use NO_AUTH, or leave the header out")
	}
	if auth != "" && sub.Sluice.OAuth2 != nil {
		return nil, errors.New("sluice.oauth2: the subscription has another authentication; use NO_AUTH with it")
	}
	if auth != "" {
		h.Set("Authorization", auth)
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Sluice")
	// The name without a value is not sent. It tells the transport that this request may be sent again on a fresh connection when a kept one
	// turns out to have been closed: the receiver knows it by its id.
	if _, set := h["Idempotency-Key"]; !set {
		h["Idempotency-Key"] = nil
	}
	return h, nil
}

func checkHeader(one triggers.Header) error {
	name := http.CanonicalHeaderKey(one.Name)
	below := func(start string) bool { return strings.HasPrefix(name, start) }
	switch {
	case !httpguts.ValidHeaderFieldName(one.Name):
		return errors.New("its name is no name of a header")
	case slices.Contains(ours, name) || slices.ContainsFunc(oursBelow, below):
		return fmt.Errorf("%s is set by Sluice and cannot be chosen", name)
	case !httpguts.ValidHeaderFieldValue(text(one.Value)):
		return fmt.Errorf("the value of %s has bytes that no header may hold", name)
	}
	return nil
}

// authOf is Authorization as SailPoint sends it.
func authOf(c *triggers.HTTPConfig) (string, error) {
	value := ""
	switch c.Authentication {
	case "", triggers.NoAuth:
		return "", nil
	case triggers.BasicAuth:
		if c.Basic == nil {
			return "", errors.New("httpConfig.basicAuthConfig is missing")
		}
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Basic.UserName+":"+text(c.Basic.Password)))
	case triggers.BearerAuth:
		if c.Bearer == nil {
			return "", errors.New("httpConfig.bearerTokenAuthConfig is missing")
		}
		value = "Bearer " + text(c.Bearer.Token)
	default:
		return "", errors.New("httpConfig.httpAuthenticationType is none of NO_AUTH, BASIC_AUTH and BEARER_TOKEN")
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return "", errors.New("httpConfig: the credential has bytes that no header may hold")
	}
	return value, nil
}

// tlsOf is the configuration of TLS with a receiver that is trusted by roots, and is shown own if it is there.
func tlsOf(roots *x509.CertPool, own *triggers.ClientCertificate) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if own == nil {
		return config, nil
	}
	pair, err := tls.X509KeyPair([]byte(own.Certificate), []byte(text(own.Key)))
	if err != nil {
		return nil, errors.New("sluice.clientCertificate: certificate and key are no pair in PEM")
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
