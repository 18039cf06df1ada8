package wire

import (
	"net/url"
	"strings"
)

// appendTarget appends the request target for u under prefix (Base's escaped path without its last slash; "" for none) to dst.
// RawPath and RawQuery go out byte for byte; without a RawPath the Path is escaped as net/url does. A target that could split
// the request, move the border between path and query, or be read by anybody as climbing above prefix is a fault 400 destination_refused.
func appendTarget(dst []byte, prefix string, u *url.URL) ([]byte, error) {
	path := u.RawPath
	if path == "" {
		path = u.EscapedPath()
	}
	if why := unfit(path); why != "" {
		return dst, refuse(why)
	}
	if why := unprintable(u.RawQuery); why != "" {
		return dst, refuse("its query holds " + why)
	}
	if prefix != "" {
		if why := obscure(path); why != "" {
			return dst, refuse("it holds " + why)
		}
		if climbs(path) {
			return dst, refuse("its dot segments climb above the base path")
		}
	}
	dst = append(dst, prefix...)
	if path == "" && prefix == "" {
		path = "/"
	}
	dst = append(dst, path...)
	if u.ForceQuery || u.RawQuery != "" {
		dst = append(append(dst, '?'), u.RawQuery...)
	}
	return dst, nil
}

// unfit says why path cannot stand in a request line as it is, or "".
func unfit(path string) string {
	if path != "" && path[0] != '/' {
		return "it does not begin with a slash"
	}
	if why := unprintable(path); why != "" {
		return "it holds " + why
	}
	if strings.IndexByte(path, '?') >= 0 {
		return "it holds a bare question mark; the query goes apart"
	}
	return ""
}

// unprintable names the first byte of s that may not stand in a request target, or "". Bytes from 0x80 on pass: some callers
// send UTF-8 unescaped and some vendors read it.
func unprintable(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			return "a bare space"
		case c < ' ' || c == 0x7f:
			return "a control character"
		case c == '#':
			return "a fragment mark"
		}
	}
	return ""
}

// climbs reports whether path, read in the way worst for us, leaves the folder it starts in. Vendors differ in what they take
// for a dot segment (%2e, doubly encoded, "..;x" in servlet containers, ".. " on Windows) and for a slash (\, %2f, %5c); each step
// counts as the reading that climbs most, so a path that passes stays inside for every one of them.
func climbs(path string) bool {
	if !strings.Contains(path, "..") && strings.IndexByte(path, '%') < 0 {
		return false
	}
	depth := 0
	for segment := range strings.SplitSeq(path, "/") {
		ups, names := 0, 0
		for piece := range strings.FieldsFuncSeq(unravel(segment), slash) {
			name, _, _ := strings.Cut(piece, ";")
			switch strings.Map(unseen, name) {
			case "..":
				ups++
			case "", ".":
			default:
				names++
			}
		}
		// With dots in it, the names beside them may or may not count as folders: only the climbing is believed.
		switch {
		case ups > 0:
			depth -= ups
		case names > 0:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

func slash(r rune) bool { return r == '/' || r == '\\' }

// unseen drops the escaped spaces and control characters that some vendors drop from a name; Windows does at its end.
func unseen(r rune) rune {
	if r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

// obscure names what hides a dot or a slash in path from all but the vendors who read it, or "": an escaped NUL, where a name may
// end or be joined; %uXXXX, as IIS reads it; UTF-8 in more bytes than it needs, which RFC 3629 forbids and old decoders take.
func obscure(path string) string {
	plain := unravel(path)
	for i := range len(plain) {
		switch c := plain[i]; {
		case c == 0:
			return "an escaped NUL"
		case c == '%' && isUnicodeEscape(plain[i+1:]):
			return "an escape of the form %uXXXX"
		case isOverlong(c, plain[i+1:]):
			return "overlong UTF-8"
		}
	}
	return ""
}

func isUnicodeEscape(s string) bool {
	if len(s) < 5 || s[0]|0x20 != 'u' {
		return false
	}
	for i := 1; i < 5; i++ {
		if _, ok := nibble(s[i]); !ok {
			return false
		}
	}
	return true
}

// isOverlong reports whether c, with rest after it, begins a character in more bytes than it needs. 0xC0 and 0xC1 begin nothing
// else, and decoders that read them do not always ask what follows.
func isOverlong(c byte, rest string) bool {
	if c == 0xc0 || c == 0xc1 {
		return true
	}
	if rest == "" || rest[0] < 0x80 {
		return false
	}
	switch c {
	case 0xe0:
		return rest[0] < 0xa0
	case 0xf0:
		return rest[0] < 0x90
	case 0xf8:
		return rest[0] < 0x88
	case 0xfc:
		return rest[0] < 0x84
	}
	return false
}

// unravel decodes the escapes of s, those that decoding brings forth included, in one pass. What is no escape stays.
func unravel(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	plain := make([]byte, 0, len(s))
	for i := range len(s) {
		plain = append(plain, s[i])
		for n := len(plain) - 3; n >= 0 && plain[n] == '%'; n = len(plain) - 3 {
			high, ok := nibble(plain[n+1])
			low, also := nibble(plain[n+2])
			if !ok || !also {
				break
			}
			plain = append(plain[:n], high<<4|low)
		}
	}
	return string(plain)
}

// nibble is the value of a hexadecimal digit.
func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
