package proxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"

	"sluice/connectors"
	"sluice/proxy/wire"
)

// cacheKey names the answer to a request: two requests have the same key only if the same answer is right for both, as far as can be
// told before asking. It is a hash, so that no credential is kept; each part is written with its length, so that none can
// pass for another.
//
// Beside what the caller asked for and how it is shown to him (view, and the base URL that links in it lead to), every header goes in
// that chooses between contents or could tell one caller from another. The one exception is the Authorization on a shared rule of a
// managed connection: the auth stage replaces it, so the vendor never sees it.
func (c *cacher) cacheKey(call *Call, rule *connectors.Cache, r *http.Request) string {
	var room [1536]byte // most requests fit, and then the key is all that is allocated
	b := append(room[:0], c.prefix...)
	b = appendPart(b, call.View.Name)
	consumer := call.Consumer.Name
	if rule.Shared {
		consumer = ""
	}
	b = appendPart(b, consumer)
	b = appendPart(b, call.Caller.String())
	b = appendPart(b, r.Method)
	b = appendPart(b, rawPath(r))
	if r.URL.ForceQuery || r.URL.RawQuery != "" {
		b = append(b, '?')
	}
	b = appendPart(b, r.URL.RawQuery)
	for _, name := range negotiated {
		b = appendValues(b, r.Header[name])
	}
	for _, name := range rule.Vary {
		b = appendValues(b, r.Header[name])
	}
	var names [16]string
	who := names[:0]
	for name := range r.Header {
		if distinguishes(name) && (name != "Authorization" || !rule.Shared || !c.conn.Managed) {
			who = append(who, name)
		}
	}
	slices.Sort(who)
	for _, name := range who {
		b = appendPart(b, name)
		b = appendValues(b, r.Header[name])
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// variantKey is the key of one of several answers that a vendor tells apart by request headers (Vary).
func variantKey(key string, vary []string, h http.Header) string {
	b := []byte(key)
	for _, name := range vary {
		b = appendPart(b, name)
		b = appendValues(b, h[name])
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// keyed says whether a request header is in every key of a rule, so that a Vary by it needs no more.
func keyed(rule *connectors.Cache, name string) bool {
	return slices.Contains(negotiated, name) || slices.Contains(rule.Vary, name) || distinguishes(name)
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func appendValues(b []byte, values []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(values)))
	for _, v := range values {
		b = appendPart(b, v)
	}
	return b
}

// negotiated are the headers that choose between contents (RFC 9110 section 12.5), with or without a Vary in the answer.
var negotiated = []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language"}

// distinguishes says whether a request header may tell one caller from another: a credential, or whom the caller acts for. Vendors spell
// these in many ways (As-User at Box, Sudo at GitLab, Assume-User at Smartsheet, X-Api-Key …) and few answer with a Vary, so
// it goes by parts of names; one taken wrongly only costs a call.
func distinguishes(name string) bool {
	switch name {
	case "Authorization", "Cookie", "X-Api-Key":
		return true
	case "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "User-Agent", "Content-Type", "Content-Length", "Cache-Control",
		"Pragma", "Connection", "Date", "Origin", "Referer", "Traceparent", "Tracestate", "X-Request-Id", "X-Correlation-Id",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", wire.Spelling:
		return false
	}
	var room [64]byte
	if len(name) > len(room) {
		return true
	}
	low := append(room[:0], name...)
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] = c | 0x20
		}
	}
	return slices.ContainsFunc(telling, func(part []byte) bool { return bytes.Contains(low, part) })
}

// telling are parts of the names of headers that say who somebody is.
var telling = [][]byte{
	[]byte("auth"), []byte("cookie"), []byte("key"), []byte("token"), []byte("secret"), []byte("session"), []byte("sign"), []byte("credential"),
	[]byte("pass"), []byte("user"), []byte("behalf"), []byte("impersonat"), []byte("assum"), []byte("sudo"), []byte("actor"), []byte("delegat"),
	[]byte("tenant"), []byte("account"), []byte("login"), []byte("ident"), []byte("principal"), []byte("subject"), []byte("organi"),
	[]byte("org-"), []byte("-org"), []byte("workspace"), []byte("company"), []byte("customer"), []byte("client"), []byte("role"), []byte("scope"),
	[]byte("app"), []byte("cert"), []byte("jwt"), []byte("saml"), []byte("bearer"),
}
