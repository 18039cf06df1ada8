package auth

import (
	"fmt"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// text is a template compiled: the credentials are in it, what is left are the places of one value that comes later.
type text []string

// fill returns the text with value in its places.
func (t text) fill(value string) string { return strings.Join(t, value) }

// open reports whether a value must still come.
func (t text) open() bool { return len(t) > 1 }

const credentialPrefix = "credential:"

// text compiles what stands at key of auth. ${credential:NAME} is filled in, ${hole} stays open; anything else in ${…} is refused,
// also ${hole} when hole is "".
func (k *kit) text(key, template, hole string) (text, error) {
	parts := text{""}
	for {
		before, after, found := strings.Cut(template, "${")
		parts[len(parts)-1] += before
		if !found {
			return parts, nil
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return nil, fmt.Errorf("auth.%s: ${ has no closing brace", key)
		}
		template = rest
		if credential, ok := strings.CutPrefix(name, credentialPrefix); ok {
			value, err := k.secret(key, credential)
			if err != nil {
				return nil, err
			}
			parts[len(parts)-1] += value
			continue
		}
		if hole == "" || name != hole {
			return nil, fmt.Errorf("auth.%s: ${%s} means nothing here; write ${credential:NAME}%s", key, name, orHole(hole))
		}
		parts = append(parts, "")
	}
}

func orHole(hole string) string {
	if hole == "" {
		return ""
	}
	return " or ${" + hole + "}"
}

func (k *kit) secret(key, name string) (string, error) {
	secret, ok := k.conn.Secrets[name]
	if !ok || secret.Reveal() == "" {
		return "", fmt.Errorf("auth.%s: credential %q is not given; set connections.%s.credentials.%s", key, name, k.conn.Name, name)
	}
	return secret.Reveal(), nil
}

// closed compiles a template without a place for a later value.
func (k *kit) closed(key, template string) (string, error) {
	t, err := k.text(key, template, "")
	if err != nil {
		return "", err
	}
	return t[0], nil
}

// value compiles the template of a header's value and refuses credentials that no header can carry.
func (k *kit) value(key, template, hole string) (text, error) {
	t, err := k.text(key, template, hole)
	if err != nil {
		return nil, err
	}
	for _, part := range t {
		if !httpguts.ValidHeaderFieldValue(part) {
			return nil, fmt.Errorf("auth.%s: %s holds a line break or control character, which a header cannot carry", key, blame(template))
		}
	}
	return t, nil
}

// name checks the name of a header that a scheme sets and returns it in canonical form.
func (k *kit) name(key, header string) (string, error) {
	canonical := textproto.CanonicalMIMEHeaderKey(header)
	switch canonical {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection":
		return "", fmt.Errorf("auth.%s: %s belongs to the connection and cannot be set", key, canonical)
	}
	if !httpguts.ValidHeaderFieldName(header) {
		return "", fmt.Errorf("auth.%s: %q is no header name", key, header)
	}
	return canonical, nil
}

// blame names the credentials in a template for an error: "credential A, B", or "the value" when there is none.
func blame(template string) string {
	var names []string
	for _, piece := range strings.Split(template, "${"+credentialPrefix)[1:] {
		name, _, _ := strings.Cut(piece, "}")
		names = append(names, name)
	}
	if names == nil {
		return "the value"
	}
	return "credential " + strings.Join(names, ", ")
}
