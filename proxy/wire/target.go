package wire

import (
	"net/url"
	"strings"
)

// appendTarget appends the request target for u under prefix (Base's escaped path without its last slash; "" for none) to dst.
// RawPath and RawQuery go out byte for byte; without a RawPath the Path is escaped as net/url does. A target that could split
// the request, move the border between path and query, or climb above prefix is a fault 400 destination_refused.
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
	if prefix != "" && climbs(path) {
		return dst, refuse("its dot segments climb above the base path")
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
// for a dot segment (%2e, doubly encoded, "..;x" in servlet containers) and for a slash (\, %2f, %5c); each step counts as the
// reading that climbs most, so a path that passes stays inside for every one of them.
func climbs(path string) bool {
	if !strings.Contains(path, "..") && strings.IndexByte(path, '%') < 0 {
		return false
	}
	depth := 0
	for segment := range strings.SplitSeq(path, "/") {
		ups, names := 0, 0
		for piece := range strings.FieldsFuncSeq(unravel(segment), slash) {
			switch name, _, _ := strings.Cut(piece, ";"); name {
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

// unravel decodes the escapes of s that matter to climbs (. / \ ; %) until nothing changes.
func unravel(s string) string {
	for strings.IndexByte(s, '%') >= 0 {
		t := escapes.Replace(s)
		if t == s {
			break
		}
		s = t
	}
	return s
}

var escapes = strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%3b", ";", "%3B", ";", "%25", "%")
