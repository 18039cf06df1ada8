package transforms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// wrapping is what wrap_text was told.
type wrapping struct {
	field    string
	add      map[string]any
	expires  string // the field for the seconds that the token lives; "" = none
	fallback time.Duration
}

// buildWrapText: wrap_text makes a JSON object of a successful answer whose body is nothing but a token, for callers
// that can only read JSON. TeamDynamix answers a sign-in with a bare JWT as text/plain; a JSON-quoted text is read too.
//
//	field: access_token                            the default
//	add: {token_type: Bearer}                      the default
//	expires_in: {field: expires_in, fallback: 24h} seconds from the JWT's exp; fallback when it has none
//
// `wrap_text` alone writes access_token, token_type and, when the token tells it, expires_in. A body that does not look
// like a token is left alone: JSON, a page, a sentence.
func buildWrapText(a *fields) Func {
	a.short("field")
	w := wrapping{field: a.text("field", "access_token"), add: map[string]any{"token_type": "Bearer"}, expires: "expires_in"}
	if add := a.sub("add"); add != nil {
		w.add = map[string]any{}
		for _, key := range add.keys() {
			v, _ := add.get(key)
			w.add[key] = jsonValue(v)
		}
		add.finish()
	}
	if e := a.sub("expires_in"); e != nil {
		e.short("field")
		w.expires, w.fallback = e.text("field", "expires_in"), e.span("fallback", 0)
		e.finish()
	}
	return Func{Body: true, Wants: w.wants, Apply: w.apply}
}

// wants spares what cannot be a bare token from being read whole: failures, long bodies, and media types that are
// neither text nor what services put on a bare token for want of a better one.
func (w wrapping) wants(m *Message) bool {
	if m.Request || m.Status < 200 || m.Status > 299 {
		return false
	}
	if n, err := strconv.Atoi(firstValue(m.Header, "Content-Length")); err == nil && n > longestToken {
		return false
	}
	kind, _, _ := strings.Cut(strings.ToLower(firstValue(m.Header, "Content-Type")), ";")
	switch kind = trimBlanks(kind); kind {
	case "", "application/json", "application/jwt", "application/octet-stream":
		return true
	}
	return strings.HasPrefix(kind, "text/") && kind != "text/html"
}

func (w wrapping) apply(m *Message) error {
	if !w.wants(m) || encoded(m.Header) {
		return nil
	}
	token, ok := tokenText(m.Body)
	if !ok {
		return nil
	}
	doc := make(map[string]any, len(w.add)+2)
	for k, v := range w.add {
		doc[k] = v
	}
	doc[w.field] = token
	if seconds, ok := w.lifetime(token, m.Now); ok {
		doc[w.expires] = seconds
	}
	body, err := gojq.Marshal(doc)
	if err != nil {
		return fmt.Errorf("%w: the token is no text", ErrUnreadable)
	}
	replaceBody(m, body, "application/json")
	return nil
}

func (w wrapping) lifetime(token string, now time.Time) (int, bool) {
	if exp, ok := jwtExpiry(token); ok {
		return max(0, int(exp.Sub(now)/time.Second)), true
	}
	return int(w.fallback / time.Second), w.fallback > 0
}

const (
	shortestToken = 8
	longestToken  = 64 << 10
)

// tokenText returns the token that body consists of, bare or as a JSON text, without BOM and blanks around it. What has
// blanks, brackets, quotes or line breaks inside is a document and no token.
func tokenText(body []byte) (string, bool) {
	if len(body) > longestToken {
		return "", false
	}
	body = trimBody(body)
	if len(body) > 0 && body[0] == '"' {
		var quoted string
		if json.Unmarshal(body, &quoted) != nil {
			return "", false
		}
		body = bytes.TrimSpace([]byte(quoted))
	}
	if len(body) < shortestToken {
		return "", false
	}
	for _, c := range body {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`<>{}[]()"'\,;&`), c) >= 0 {
			return "", false
		}
	}
	return string(body), true
}
