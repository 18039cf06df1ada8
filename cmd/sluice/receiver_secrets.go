package main

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// mostSecretFile bounds a file of secrets.
const mostSecretFile = 64 << 10

// hookSecrets reads the secrets of Standard Webhooks from where they are. No error holds one.
func hookSecrets(env environment, from []string) (all []*standardwebhooks.Webhook, err error) {
	for i, place := range from {
		kind, name, _ := strings.Cut(place, ":")
		var text string
		switch {
		case kind == "env" && name != "":
			text = env.lookup(name)
		case kind == "file" && name != "" && name != "-":
			read, err := readBounded(env, name, mostSecretFile)
			if err != nil {
				return nil, usagef("--secret cannot be read: %w", err)
			}
			text = string(read)
		default:
			return nil, usagef("--secret number %d must be env:NAME or file:PATH: what stands on a command line can be read by everybody on the machine", i+1)
		}
		secrets := strings.Fields(text)
		if len(secrets) == 0 {
			return nil, usagef("--secret %s: there is nothing in it", place)
		}
		for _, secret := range secrets {
			bare, prefixed := strings.CutPrefix(secret, "whsec_")
			key, err := base64.StdEncoding.DecodeString(bare)
			if !prefixed || err != nil || len(key) < 24 || len(key) > 64 {
				return nil, usagef("--secret %s: a secret of Standard Webhooks is whsec_ and 24 to 64 bytes in base64", place)
			}
			hook, err := standardwebhooks.NewWebhookRaw(key)
			if err != nil {
				return nil, usagef("--secret %s: it cannot verify", place)
			}
			all = append(all, hook)
		}
	}
	return all, nil
}

// unverified says why none of some secrets has signed a request; "" when one has.
func unverified(secrets []*standardwebhooks.Webhook, h http.Header, body []byte) string {
	if firstOf(h, "Webhook-Signature") == "" {
		return "it is not signed: the subscription has no sluice.signing"
	}
	why := ""
	for _, secret := range secrets {
		err := secret.Verify(body, h)
		switch {
		case err == nil:
			return ""
		case errors.Is(err, standardwebhooks.ErrNoMatchingSignature):
			if why == "" {
				why = "none of the secrets has signed it, or it was changed on the way"
			}
		case errors.Is(err, standardwebhooks.ErrMessageTooOld), errors.Is(err, standardwebhooks.ErrMessageTooNew):
			why = "its webhook-timestamp is more than five minutes off: compare the clocks"
		default:
			why = "its webhook-id, webhook-timestamp or webhook-signature is missing or cannot be read"
		}
	}
	return why
}

// masked stands for a secret.
const masked = "[masked]"

// plainHeaders are shown as they are. Any other may be one of a subscription's own, which are secrets.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Date", "Traceparent", "Transfer-Encoding", "User-Agent", "Via",
	"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "X-Sluice-Invocation-Id",
}

// maskedHeader is a header's value as it may be shown: of a credential, its scheme.
func maskedHeader(name, value string) string {
	if slices.Contains(plainHeaders, name) {
		return value
	}
	if scheme, rest, two := strings.Cut(value, " "); name == "Authorization" && two && rest != "" {
		return scheme + " " + masked
	}
	return masked
}

// maskedPath is a URL's path and the names of what its query has, because clients put keys into it.
func maskedPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	var names []string
	for name := range u.Query() {
		names = append(names, url.QueryEscape(name)+"="+masked)
	}
	if len(names) == 0 {
		return path
	}
	slices.Sort(names)
	return path + "?" + strings.Join(names, "&")
}
