package connectors

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// anyMethod in a pattern stands for every method that no other pattern of the same path names.
const anyMethod = "*"

// methods are the ones that a pattern may name; a vendor that invents its own is served by "*".
var methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

// template is one "METHOD /path/{name}/{rest...}" of a connector, relative to the base URL.
type template struct {
	methods  []string // upper case, at least one; or only "*"
	text     string   // the path as the connector spells it
	segments []segment
	rest     bool // ends in {name...}: matches whatever follows, nothing included
}

type segment struct {
	literal string // percent-decoded; lower case when the connector ignores case
	param   bool
}

// parseTemplate reads what stands after a `match:` key. The error says what would be right.
func parseTemplate(text string, ignoreCase bool) (template, error) {
	verbs, path, found := strings.Cut(text, " ")
	if !found || strings.HasPrefix(verbs, "/") {
		return template{}, fmt.Errorf("%q has no method: write \"GET /path\", \"GET|PUT /path\" or \"* /path\"", text)
	}
	t := template{text: path}
	var err error
	if t.methods, err = parseMethods(verbs); err != nil {
		return template{}, err
	}
	if !strings.HasPrefix(path, "/") {
		return template{}, fmt.Errorf("path %q must begin with / (it is relative to base_url)", path)
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return template{}, fmt.Errorf("path %q must end before %q: a query is not part of a template and passes through as it is", path, path[i:])
	}
	if path == "/" {
		return t, nil
	}
	err = t.parseSegments(strings.Split(strings.TrimSuffix(path[1:], "/"), "/"), ignoreCase)
	return t, err
}

func parseMethods(text string) ([]string, error) {
	names := strings.Split(text, "|")
	for i, name := range names {
		switch {
		case name == anyMethod && len(names) > 1:
			return nil, fmt.Errorf("method %q: * already means every method; write it alone", text)
		case name != anyMethod && !slices.Contains(methods, name):
			return nil, fmt.Errorf("%q is no method: %s", name, suggest(name, methods))
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("method %s is named twice in %q", name, text)
		}
	}
	return names, nil
}

func (t *template) parseSegments(parts []string, ignoreCase bool) error {
	var names []string
	for i, part := range parts {
		if !strings.ContainsAny(part, "{}") {
			literal, err := literalSegment(part, ignoreCase)
			if err != nil {
				return err
			}
			t.segments = append(t.segments, segment{literal: literal})
			continue
		}
		name, rest, err := parameter(part)
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return fmt.Errorf("parameter {%s} stands twice in %q: give each a name of its own", name, t.text)
		}
		if rest && i != len(parts)-1 {
			return fmt.Errorf("%s matches all that follows, so it must be the last segment of %q", part, t.text)
		}
		names = append(names, name)
		if t.rest = rest; !rest {
			t.segments = append(t.segments, segment{param: true})
		}
	}
	return nil
}

func literalSegment(part string, ignoreCase bool) (string, error) {
	literal, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return "", fmt.Errorf("segment %q holds a broken %%-escape: write %%25 for a percent sign", part)
	case literal == "":
		return "", errors.New("an empty segment (//) matches no request: remove one /")
	case literal == "." || literal == "..":
		return "", fmt.Errorf("segment %q matches no request: . and .. are resolved before a route is chosen", part)
	case ignoreCase:
		return strings.ToLower(literal), nil
	}
	return literal, nil
}

// parameter reads "{name}" or "{name...}".
func parameter(part string) (name string, rest bool, err error) {
	if strings.Count(part, "{") != strings.Count(part, "}") {
		return "", false, fmt.Errorf("segment %q has an unclosed brace: a parameter is written {name}", part)
	}
	name, closed := strings.CutSuffix(strings.TrimPrefix(part, "{"), "}")
	if part[0] != '{' || !closed || strings.ContainsAny(name, "{}") {
		return "", false, fmt.Errorf("segment %q: a parameter fills a whole segment, as in /{name}/", part)
	}
	name, rest = strings.CutSuffix(name, "...")
	if name == "" || strings.IndexFunc(name, notNameByte) >= 0 {
		return "", false, fmt.Errorf("segment %q: a parameter's name is made of letters, digits and _, as in {user_id}", part)
	}
	return name, rest, nil
}

func notNameByte(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// shape is equal for two templates that match the same paths.
func (t *template) shape() string {
	var b strings.Builder
	for _, s := range t.segments {
		b.WriteByte('/')
		if s.param {
			b.WriteString("{}")
		} else {
			b.WriteString(url.PathEscape(s.literal))
		}
	}
	if t.rest {
		b.WriteString("/{...}")
	}
	return b.String()
}

// covers tells whether t matches every path that u matches.
func (t *template) covers(u *template) bool {
	if t.rest != u.rest && !t.rest || !t.rest && len(t.segments) != len(u.segments) || len(t.segments) > len(u.segments) {
		return false
	}
	for i, s := range t.segments {
		if !s.param && s != u.segments[i] {
			return false
		}
	}
	return true
}

// narrower orders templates that cover one path: literal before parameter before rest, the leftmost difference decides.
func (t *template) narrower(u *template) bool {
	for i := range t.segments {
		if i == len(u.segments) {
			return true
		}
		if a, b := t.segments[i].param, u.segments[i].param; a != b {
			return b
		}
	}
	return len(t.segments) == len(u.segments) && !t.rest && u.rest
}
