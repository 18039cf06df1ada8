package proxy

import (
	"bytes"
	"net/http"

	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
)

// wellFormed refuses what two HTTP parsers could read differently (request smuggling): both Content-Length and Transfer-Encoding, a
// repeated or odd Content-Length, a Transfer-Encoding other than chunked, lines that end in a bare LF, folded lines, white space before a colon, control
// characters, and more than one Host. It looks at the bytes as they came, not at what the engine made of them.
func wellFormed(h *fasthttp.RequestHeader) error {
	var seen framing
	raw := h.RawHeaders()
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		line, crlf := bytes.CutSuffix(line, []byte{'\r'})
		if !crlf {
			return ambiguous("a header line does not end in CRLF")
		}
		if len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !isToken(name) {
			return ambiguous("a header line has no name, white space in its name, or is folded")
		}
		if hasControl(value) {
			return ambiguous("a header value holds a control character")
		}
		if err := seen.take(name, bytes.Trim(value, " \t")); err != nil {
			return err
		}
	}
	switch {
	case seen.lengths > 1 || seen.encodings > 1 || seen.lengths+seen.encodings > 1:
		return ambiguous("it gives its length more than once")
	case seen.hosts > 1:
		return ambiguous("it has more than one Host")
	case seen.encodings > 0 && !h.IsHTTP11():
		return ambiguous("Transfer-Encoding needs HTTP/1.1")
	}
	return nil
}

// framing counts the headers by which parsers find a request's end and its host.
type framing struct{ lengths, encodings, hosts int }

// take counts a header and refuses a value that parsers read differently.
func (s *framing) take(name, value []byte) error {
	switch {
	case equalFold(name, "content-length"):
		s.lengths++
		if !isDigits(value) {
			return ambiguous("Content-Length is not a number")
		}
	case equalFold(name, "transfer-encoding"):
		s.encodings++
		if !equalFold(value, "chunked") {
			return ambiguous("Transfer-Encoding is not chunked")
		}
	case equalFold(name, "host"):
		s.hosts++
	}
	return nil
}

// spoken refuses a version or a method that Sluice does not speak.
func spoken(h *fasthttp.RequestHeader) error {
	if version := string(h.Protocol()); version != "HTTP/1.1" && version != "HTTP/1.0" {
		return fault.New("front", http.StatusHTTPVersionNotSupported, "unknown_version", "this version of HTTP is not spoken here; use HTTP/1.1")
	}
	if !known(h.Method()) {
		return fault.New("front", http.StatusNotImplemented, "unknown_method", "this method is not spoken here")
	}
	return nil
}

func ambiguous(why string) *fault.Error {
	return fault.New("front", http.StatusBadRequest, "ambiguous_request", "two HTTP parsers could read this request differently: %s", why)
}

// isToken tells whether name is a header name (RFC 9110 section 5.6.2).
func isToken(name []byte) bool {
	for _, b := range name {
		if !tokenByte[b] {
			return false
		}
	}
	return len(name) > 0
}

var tokenByte = func() (table [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		table[b] = true
	}
	return table
}()

func hasControl(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return true
		}
	}
	return false
}

func isDigits(value []byte) bool {
	for _, b := range value {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(value) > 0
}

// equalFold compares ASCII without case; lower is in lower case.
func equalFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
