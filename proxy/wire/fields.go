package wire

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// message is what the header lines of one message say: the end-to-end headers, and apart from them how its body is framed.
type message struct {
	header  http.Header
	length  int64 // Content-Length; -1 when there is none
	chunked bool
	close   bool // the peer closes the connection after this message
	keep    bool // Connection: keep-alive, which HTTP/1.0 needs said
	hops    []string
}

// maxSpellings bounds the search for a spelling; a message with more odd names than this gets canonical ones for the rest.
const maxSpellings = 64

// parseFields reads header lines up to an empty line or the end of block. It is strict where leniency lets two readers see two
// messages (RFC 9112 sections 5 and 6): lines end in CRLF, names are tokens next to their colon, nothing is folded, a length is
// said once and not beside chunked. Names and values are substrings of block, which the header therefore keeps alive.
func parseFields(block string, request bool) (message, error) {
	n := strings.Count(block, "\n")
	m := message{header: make(http.Header, n), length: -1}
	room := make([]string, n+min(n, maxSpellings))
	b := builder{header: m.header, values: room[:0:n], odd: room[n:n]}
	for block != "" {
		line, rest, ok := strings.Cut(block, "\r\n")
		if !ok {
			return m, malformed("a header line without CRLF")
		}
		if line == "" {
			break
		}
		block = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok || !token(name) {
			return m, malformed("a header line that is folded or has no proper name")
		}
		value = strings.Trim(value, " \t")
		if !printable(value) {
			return m, malformed("a control character in the value of header %s", name)
		}
		canon := canonical(name)
		hop, err := m.framing(canon, value)
		if err != nil {
			return m, err
		}
		if hop || (request && (canon == "Host" || canon == "Expect")) {
			continue
		}
		b.add(canon, name, value)
	}
	if m.chunked && m.length >= 0 {
		return m, malformed("both Content-Length and Transfer-Encoding")
	}
	for _, name := range m.hops {
		delete(m.header, name)
	}
	b.spell()
	return m, nil
}

// framing takes in a header that concerns this connection only and reports whether it was one.
func (m *message) framing(name, value string) (hop bool, err error) {
	switch name {
	case "Content-Length":
		length, err := strconv.ParseUint(value, 10, 63)
		if err != nil || value[0] == '+' {
			return true, malformed("a Content-Length that is no number")
		}
		if m.length >= 0 && m.length != int64(length) {
			return true, malformed("conflicting Content-Lengths")
		}
		m.length = int64(length)
	case "Transfer-Encoding":
		if m.chunked || !strings.EqualFold(value, "chunked") {
			return true, malformed("a Transfer-Encoding other than one chunked")
		}
		m.chunked = true
	case "Connection":
		m.connection(value)
	default:
		return hopByHop(name), nil
	}
	return true, nil
}

func (m *message) connection(value string) {
	for option := range strings.SplitSeq(value, ",") {
		switch option = strings.Trim(option, " \t"); {
		case option == "":
		case strings.EqualFold(option, "close"):
			m.close = true
		case strings.EqualFold(option, "keep-alive"):
			m.keep = true
		default:
			m.hops = append(m.hops, textproto.CanonicalMIMEHeaderKey(option))
		}
	}
}

// hopByHop reports whether a header belongs to one connection and is not passed on (RFC 9110 section 7.6.1, and the Proxy-
// family, which speaks to a proxy other than us).
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
		return true
	}
	return strings.HasPrefix(name, "Proxy-")
}

// builder fills a header whose value slices share one array: a message costs a few allocations, not one per header.
type builder struct {
	header http.Header
	values []string
	odd    []string
}

func (b *builder) add(canon, name, value string) {
	if had, ok := b.header[canon]; ok {
		b.header[canon] = append(had, value) // had's capacity ends with it, so this copies and disturbs no neighbour
		return
	}
	b.values = append(b.values, value)
	n := len(b.values)
	b.header[canon] = b.values[n-1 : n : n]
	if name != canon && len(b.odd) < cap(b.odd) {
		b.odd = append(b.odd, name)
	}
}

func (b *builder) spell() {
	if len(b.odd) > 0 {
		b.header[Spelling] = b.odd
	}
}

// canonical is name as net/http spells keys. Names that vendors commonly write in lower case and that net/textproto does not
// know come from a table, so that they cost no memory.
func canonical(name string) string {
	if known, ok := known[name]; ok {
		return known
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// known maps usual spellings of well-known headers to their canonical key.
var known = map[string]string{
	"content-security-policy":   "Content-Security-Policy",
	"ETag":                      "Etag",
	"referrer-policy":           "Referrer-Policy",
	"retry-after":               "Retry-After",
	"strict-transport-security": "Strict-Transport-Security",
	"WWW-Authenticate":          "Www-Authenticate",
	"x-content-type-options":    "X-Content-Type-Options",
	"x-correlation-id":          "X-Correlation-Id",
	"X-Correlation-ID":          "X-Correlation-Id",
	"x-forwarded-for":           "X-Forwarded-For",
	"x-forwarded-host":          "X-Forwarded-Host",
	"x-forwarded-proto":         "X-Forwarded-Proto",
	"x-frame-options":           "X-Frame-Options",
	"x-ratelimit-limit":         "X-Ratelimit-Limit",
	"X-RateLimit-Limit":         "X-Ratelimit-Limit",
	"x-ratelimit-remaining":     "X-Ratelimit-Remaining",
	"X-RateLimit-Remaining":     "X-Ratelimit-Remaining",
	"x-ratelimit-reset":         "X-Ratelimit-Reset",
	"X-RateLimit-Reset":         "X-Ratelimit-Reset",
	"x-request-id":              "X-Request-Id",
	"X-Request-ID":              "X-Request-Id",
	"x-xss-protection":          "X-Xss-Protection",
	"X-XSS-Protection":          "X-Xss-Protection",
}

// token reports whether s is a token of RFC 9110 section 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!#$%&'*+^`|~", c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
