package transforms

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// Token is what a sign-in gave. It never prints its value.
type Token struct {
	Value   string
	Type    string    // Bearer, unless the answer or the configuration says otherwise
	Expires time.Time // zero = nobody said
	Source  string    // what told Expires: field, jwt, fallback, or ""
}

// String hides the value.
func (t Token) String() string {
	return fmt.Sprintf("%s [redacted], expires %s", t.Type, t.Expires.Format(time.RFC3339))
}

// GoString hides the value from %#v.
func (t Token) GoString() string { return t.String() }

// LogValue hides the value from slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the value from encoders; TokenJSON is the one that shows it.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// TokenSpec says where a sign-in's answer holds the token. It is compiled once (CompileTokenSpec).
type TokenSpec struct {
	Body bool // ReadToken needs the answer's body

	text           bool
	json, xml      *filter
	header, cookie string

	kind      string
	kindField *filter

	expiresJSON   *filter
	expiresHeader string
	expiresFormat Format
	fallback      time.Duration
}

// Header is the canonical name of the answer's header that holds the token; "" when it stands elsewhere or in a cookie.
func (s *TokenSpec) Header() string { return http.CanonicalHeaderKey(s.header) }

// CompileTokenSpec compiles a spec from YAML data: the word `text`, or a mapping with exactly one of
//
//	text: true                  the body is the token, bare or as a JSON text (TeamDynamix, CyberArk, Ellucian Ethos)
//	json: .data.accessToken     a jq path into the JSON body
//	xml: .response.sessionid    a jq path into the XML body, read as xml_to_json would
//	header: X-Auth-Token
//	cookie: session
//
// and besides
//
//	type: Bearer                the default; or {json: .token_type}
//	expires: {json: .expires_in, format: delta}     or {header: ...}; format defaults to auto
//	fallback: 24h               when neither expires nor the token itself, a JWT, says
//
// Its error is an ArgErrors.
func CompileTokenSpec(args any) (TokenSpec, error) {
	a := newFields(args)
	if a.scalar == "text" {
		a.values, a.scalar = map[string]any{"text": true}, nil
	}
	s := TokenSpec{
		text: a.flag("text", false), json: a.filter("json"), xml: a.filter("xml"), header: a.header("header"), cookie: a.text("cookie", ""),
		fallback: a.span("fallback", 0), kind: "Bearer",
	}
	places := 0
	for _, key := range []string{"text", "json", "xml", "header", "cookie"} {
		if a.has(key) && a.values[key] != false {
			places++
		}
	}
	if places != 1 {
		a.fault("", "want exactly one of text, json, xml, header, cookie")
	}
	if _, ok := a.values["type"].(map[string]any); ok {
		t := a.sub("type")
		t.need("json")
		s.kindField = t.filter("json")
		t.finish()
	} else {
		s.kind = a.text("type", s.kind)
	}
	if e := a.sub("expires"); e != nil {
		e.short("json")
		e.need("json", "header")
		s.expiresJSON, s.expiresHeader, s.expiresFormat = e.filter("json"), e.header("header"), e.format("format", Auto)
		e.finish()
	}
	s.Body = s.text || s.json != nil || s.xml != nil || s.kindField != nil || s.expiresJSON != nil
	return s, a.done()
}

// ReadToken reads the token out of a sign-in's answer that came at now. Any status but 2xx, and an answer without a token
// where the spec looks, is an error, which never quotes the answer. Expires comes from the configured field, else from the
// token's own exp if it is a JWT, else from the fallback; an instant counts by our clock, a distance from now.
func ReadToken(s TokenSpec, status int, h http.Header, body []byte, now time.Time) (Token, error) {
	if status < 200 || status > 299 {
		return Token{}, fmt.Errorf("the sign-in was answered with status %d", status)
	}
	m := &Message{Status: status, Header: h, Body: body, Now: now}
	doc, err := s.document(m)
	if err != nil {
		return Token{}, fmt.Errorf("the sign-in's answer: %w", err)
	}
	value, where := s.value(m, doc)
	if value == "" {
		return Token{}, fmt.Errorf("the sign-in's answer holds no token %s: %w", where, ErrUnreadable)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return Token{}, errors.New("the sign-in's token has a line break in it and fits no header")
	}
	t := Token{Value: value, Type: s.kind}
	if s.kindField != nil {
		if kind, ok := s.kindField.text(doc); ok {
			t.Type = kind
		} else {
			t.Type = "Bearer"
		}
	}
	t.Expires, t.Source = s.expiry(m, doc, value)
	return t, nil
}

func (s *TokenSpec) document(m *Message) (any, error) {
	if s.xml != nil {
		return decodeXML(m.Body, xmlDefault)
	}
	if s.json == nil && s.kindField == nil && s.expiresJSON == nil {
		return nil, nil
	}
	return document(m)
}

func (s *TokenSpec) value(m *Message, doc any) (value, where string) {
	switch {
	case s.text:
		value, _ = tokenText(m.Body)
		return value, "as its body"
	case s.json != nil:
		value, _ = s.json.text(doc)
		return value, "at " + s.json.source
	case s.xml != nil:
		value, _ = s.xml.text(doc)
		return value, "at " + s.xml.source
	case s.header != "":
		return trimBlanks(firstValue(m.Header, s.header)), "in header " + s.header
	}
	answer := http.Response{Header: m.Header}
	for _, c := range answer.Cookies() {
		if c.Name == s.cookie {
			value = c.Value
		}
	}
	return value, "in cookie " + s.cookie
}

func (s *TokenSpec) expiry(m *Message, doc any, value string) (time.Time, string) {
	said := ""
	if s.expiresJSON != nil {
		said, _ = s.expiresJSON.text(doc)
	} else if s.expiresHeader != "" {
		said = firstValue(m.Header, s.expiresHeader)
	}
	if said != "" {
		if at, err := ParseTime(said, s.expiresFormat, m.Now); err == nil {
			return at, "field"
		}
	}
	if at, ok := jwtExpiry(value); ok {
		return at, "jwt"
	}
	if s.fallback > 0 {
		return m.Now.Add(s.fallback), "fallback"
	}
	return time.Time{}, ""
}

// TokenJSON returns t as an OAuth 2.0 token answer (RFC 6749 5.1): access_token, token_type and, when Expires is known,
// expires_in, in whole seconds from now, rounded down.
func TokenJSON(t Token, now time.Time) []byte {
	doc := map[string]any{"access_token": t.Value, "token_type": t.Type}
	if !t.Expires.IsZero() {
		doc["expires_in"] = max(0, int(t.Expires.Sub(now)/time.Second))
	}
	body, err := gojq.Marshal(doc)
	if err != nil {
		panic(err) // texts and an int always marshal
	}
	return body
}
