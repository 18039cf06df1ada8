package proxy

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// secretName matches header, query and field names whose values are never shown.
var secretName = regexp.MustCompile(`(?i)authori[sz]ation|(^|[^a-z])auth([^a-z]|$)|cookie|token|secret|pass|pwd|api[-_]?key|[-_]key$|^key$|serviceskey|signature|^sig$|beid|credential|session|assertion|^code$`)

// plainName are names that look secret and are not.
var plainName = regexp.MustCompile(`(?i)^(token_(type|url|endpoint)|authori[sz]ation_(uri|url|endpoint)|expires_in|www-authenticate|idempotency[-_]key)$`)

func isSecretName(name string) bool {
	return secretName.MatchString(name) && !plainName.MatchString(name)
}

// addressed are the headers whose whole value is a URL; a sign-in that redirects puts its token there.
var addressed = map[string]bool{"Referer": true, "Location": true, "Content-Location": true}

func redactHeader(h http.Header) http.Header {
	shown := make(http.Header, len(h))
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "\x00"): // the wire's note of spellings
		case isSecretName(name):
			shown[name] = []string{redacted}
		default:
			shown[name] = redactValues(values, addressed[http.CanonicalHeaderKey(name)])
		}
	}
	return shown
}

func redactValues(values []string, urls bool) []string {
	shown := make([]string, len(values))
	for i, v := range values {
		if urls {
			v = redactTarget(v)
		}
		shown[i] = redactText(v)
	}
	return shown
}

var (
	// jwt matches a token of that form, whole or cut off, wherever it stands.
	jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)+`)
	// userinfo matches the user and password of a URL.
	userinfo = regexp.MustCompile(`://[^/?#@\s"']+@`)
	// fieldName matches the name of a JSON field up to its value, also where JSON stands as a text within JSON.
	fieldName = regexp.MustCompile(`"([^"\\{}\[\],:]{1,100})(\\*")\s*:\s*`)
	// pairName matches the name in name=value, also where a URL stands within a URL.
	pairName = regexp.MustCompile(`([A-Za-z0-9_.~+*@$!%\[\]-]+?)(?:=|%3[dD])`)
	// element matches the start of an XML element that holds text, and that text.
	element = regexp.MustCompile(`<([A-Za-z0-9_.:-]+)((?:\s[^<>]*)?)>([^<]+)`)
)

// redactText blanks tokens, and what a secret's name stands before: JSON fields, pairs of a form or a URL, XML elements.
func redactText(s string) string {
	s = jwt.ReplaceAllString(s, redacted)
	s = userinfo.ReplaceAllString(s, "://"+redacted+"@")
	s = redactFields(s)
	s = redactPairs(s, textValue)
	return element.ReplaceAllStringFunc(s, func(match string) string {
		part := element.FindStringSubmatch(match)
		if !isSecretName(part[1]) || strings.TrimSpace(part[3]) == "" {
			return match
		}
		return "<" + part[1] + part[2] + ">" + redacted
	})
}

// redactBody is redactText, but for a form, which ends a value at & alone. What a body is called says little: it is told by its look.
func redactBody(s string) string {
	if start := strings.TrimSpace(s); start != "" && !strings.ContainsRune(`{["<-`, rune(start[0])) && strings.Contains(s, "=") {
		s = redactPairs(s, until("&"))
	}
	return redactText(s)
}

// redactTarget blanks the secret parameters of a URL or a part of one, in path, query and fragment, and keeps the rest byte for byte.
func redactTarget(target string) string {
	target = userinfo.ReplaceAllString(jwt.ReplaceAllString(target, redacted), "://"+redacted+"@")
	end := strings.IndexAny(target, "?#")
	if end < 0 {
		end = len(target)
	}
	return redactPairs(target[:end], until("/;")) + redactPairs(target[end:], until("&#"))
}

// redactFields blanks the values of JSON fields with a secret's name, nested ones whole. A text that is cut off within such a value is
// blanked to its end.
func redactFields(s string) string {
	var shown strings.Builder
	for {
		at := fieldName.FindStringSubmatchIndex(s)
		if at == nil {
			shown.WriteString(s)
			return shown.String()
		}
		name, quote, rest := s[at[2]:at[3]], s[at[4]:at[5]], s[at[1]:]
		length := jsonValue(rest, quote)
		switch rest[:length] {
		case "null", "true", "false":
			length = 0
		}
		if length == 0 || !isSecretName(name) {
			shown.WriteString(s[:at[1]])
			s = rest
			continue
		}
		shown.WriteString(s[:at[5]] + ": " + quote + redacted + quote)
		s = rest[length:]
	}
}

// jsonValue is the length of the JSON value that s begins with; quote is how its texts are quoted.
func jsonValue(s, quote string) int {
	switch {
	case quote != `"` && strings.HasPrefix(s, quote):
		if end := strings.Index(s[len(quote):], quote); end >= 0 {
			return end + 2*len(quote)
		}
		return len(s)
	case s != "" && strings.IndexByte(`"{[`, s[0]) >= 0:
		return jsonNested(s)
	}
	return until(",}] \t\r\n")(s)
}

// jsonNested is the length of the text, object or array that s begins with.
func jsonNested(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted {
			return i + 1
		}
	}
	return len(s)
}

// redactPairs blanks the values of name=value with a secret's name; length tells how long the value is that a text begins with.
func redactPairs(s string, length func(string) int) string {
	var shown strings.Builder
	for {
		at := pairName.FindStringSubmatchIndex(s)
		if at == nil {
			shown.WriteString(s)
			return shown.String()
		}
		shown.WriteString(s[:at[1]])
		name, rest := s[at[2]:at[3]], s[at[1]:]
		if n := length(rest); n > 0 && isSecretPair(name) {
			shown.WriteString(redacted)
			rest = rest[n:]
		}
		s = rest
	}
}

// isSecretPair judges the name of a pair, of which the escapes are undone and what stands before it in a URL within a URL is left out.
// One that cannot be read may be any name.
func isSecretPair(name string) bool {
	plain, err := url.QueryUnescape(name)
	return err != nil || isSecretName(plain[strings.LastIndexAny(plain, "?&;#/ ")+1:])
}

// until measures a value that ends before any of these.
func until(ends string) func(string) int {
	return func(s string) int {
		if i := strings.IndexAny(s, ends); i >= 0 {
			return i
		}
		return len(s)
	}
}

// textValue measures a value in running text: quoted, or a word.
func textValue(s string) int {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if i := strings.IndexByte(s[1:], s[0]); i >= 0 {
			return i + 2
		}
		return len(s)
	}
	return until("& \t\r\n\"'<>")(s)
}
