package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// signer is the scheme that signs parts of a request with a shared key.
type signer struct {
	unprinted
	hash      func() hash.Hash
	key       []byte
	parts     []part
	separator string
	encode    func([]byte) string
	header    string
	value     text
	date      string // header that carries the time of signing; "" = none
	readsBody bool
	prefix    string // the base URL's path, which the vendor sees before ours
	limit     int64  // longest body in memory, bytes
}

// part appends its piece of what is signed.
type part func(to []byte, r *http.Request, body []byte) []byte

var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New, "sha512": sha512.New}

var encodings = map[string]func([]byte) string{"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString}

// hmac builds a signer. A date among the signed parts, or date_header, puts the time of signing on the request as an IMF-fixdate
// (RFC 9110, 5.6.7), in the header Date unless date_header names another.
func (k *kit) hmac(a *connectors.HMAC) (Scheme, error) {
	s := &signer{
		hash: hashes[a.Algorithm], encode: encodings[a.Encoding], separator: a.Separator,
		prefix: strings.TrimSuffix(k.conn.Base.EscapedPath(), "/"), limit: k.conn.Bounds.BufferBody,
	}
	if s.hash == nil {
		return nil, fmt.Errorf("auth.hmac.algorithm: %q is none of sha256, sha1, sha512", a.Algorithm)
	}
	if s.encode == nil {
		return nil, fmt.Errorf("auth.hmac.encoding: %q is none of hex, base64", a.Encoding)
	}
	if err := k.signed(s, a); err != nil {
		return nil, err
	}
	key, err := k.closed("hmac.key", a.Key)
	if err != nil {
		return nil, err
	}
	if s.key = []byte(key); key == "" {
		return nil, errors.New("auth.hmac.key: is empty")
	}
	if s.header, err = k.name("hmac.header", a.Header); err != nil {
		return nil, err
	}
	if s.value, err = k.value("hmac.value", a.Value, "signature"); err != nil {
		return nil, err
	}
	if !s.value.open() {
		return nil, errors.New("auth.hmac.value: has no ${signature}")
	}
	return s, nil
}

// signed compiles what is signed and where the date goes.
func (k *kit) signed(s *signer, a *connectors.HMAC) (err error) {
	if len(a.Sign) == 0 {
		return errors.New("auth.hmac.sign: names nothing to sign")
	}
	if a.DateHeader != "" {
		if s.date, err = k.name("hmac.date_header", a.DateHeader); err != nil {
			return err
		}
	} else if slices.Contains(a.Sign, "date") {
		s.date = "Date"
	}
	for i, what := range a.Sign {
		s.readsBody = s.readsBody || what == "body" || what == "body_sha256"
		p, err := k.part(fmt.Sprintf("hmac.sign[%d]", i), what, s)
		if err != nil {
			return err
		}
		s.parts = append(s.parts, p)
	}
	return nil
}

// part compiles one entry of sign.
func (k *kit) part(key, what string, s *signer) (part, error) {
	switch what {
	case "method":
		return func(to []byte, r *http.Request, _ []byte) []byte { return append(to, r.Method...) }, nil
	case "path":
		return func(to []byte, r *http.Request, _ []byte) []byte { return append(append(to, s.prefix...), path(r)...) }, nil
	case "query":
		return func(to []byte, r *http.Request, _ []byte) []byte { return append(to, r.URL.RawQuery...) }, nil
	case "date":
		return func(to []byte, r *http.Request, _ []byte) []byte { return append(to, r.Header[s.date][0]...) }, nil
	case "body":
		return func(to []byte, _ *http.Request, body []byte) []byte { return append(to, body...) }, nil
	case "body_sha256":
		return func(to []byte, _ *http.Request, body []byte) []byte {
			sum := sha256.Sum256(body)
			return hex.AppendEncode(to, sum[:])
		}, nil
	}
	if header, ok := strings.CutPrefix(what, "header:"); ok {
		name, err := k.name(key, header)
		return func(to []byte, r *http.Request, _ []byte) []byte {
			return append(to, strings.Join(r.Header[name], ",")...)
		}, err
	}
	words, ok := strings.CutPrefix(what, "text:")
	if !ok {
		return nil, fmt.Errorf("auth.%s: %q cannot be signed; there is method, path, query, date, body, body_sha256, header:NAME, text:WORDS", key, what)
	}
	literal, err := k.closed(key, words)
	return func(to []byte, _ *http.Request, _ []byte) []byte { return append(to, literal...) }, err
}

// Apply implements Scheme.
func (s *signer) Apply(_ context.Context, r *http.Request) error {
	if s.date != "" {
		r.Header[s.date] = []string{time.Now().UTC().Format(http.TimeFormat)}
	}
	body, err := s.body(r)
	if err != nil {
		return err
	}
	var message []byte
	for i, p := range s.parts {
		if i > 0 {
			message = append(message, s.separator...)
		}
		message = p(message, r, body)
	}
	mac := hmac.New(s.hash, s.key)
	mac.Write(message)
	r.Header[s.header] = []string{s.value.fill(s.encode(mac.Sum(nil)))}
	return nil
}

// Headers implements Scheme.
func (s *signer) Headers() []string {
	if s.date == "" {
		return []string{s.header}
	}
	return []string{s.header, s.date}
}

// body reads the body that is signed and gives r one that sends the same bytes, as often as needed.
func (s *signer) body(r *http.Request) ([]byte, error) {
	if !s.readsBody || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, s.limit+1))
	_ = r.Body.Close()
	if err != nil {
		return nil, fault.New(stage, http.StatusBadRequest, "bad_body", "the request's body could not be read to its end").Because(err)
	}
	if int64(len(data)) > s.limit {
		return nil, fault.New(stage, http.StatusRequestEntityTooLarge, "request_too_large",
			"this connection signs the body, so it must fit in memory: at most %d bytes (limits.buffer_body)", s.limit)
	}
	replay(r, data)
	return data, nil
}

// path is the request's path as it goes on the wire, below the base URL's.
func path(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.EscapedPath()
}
