package connectors_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/connectors"
)

// FuzzTemplate holds that a template is either refused with words, or matches the path that its own segments make and is
// then the route of it.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"GET /people/{id}", "* /{rest...}", "GET|PUT /a/b/", "GET /caf%C3%A9", "GET /", "POST /a//b", "GET /{a}/{a}", "GET /a/{b", "GET /%", "PUT /..",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, match string) {
		if !utf8.ValidString(match) || strings.ContainsFunc(match, func(r rune) bool { return r < ' ' || r > 0x7e }) {
			return // YAML's own affair
		}
		acme := fmt.Sprintf("name: acme\nroutes: [{match: '%s', breaker: own}]\n", strings.ReplaceAll(match, "'", "''"))
		set, faults := connectors.Load(files(map[string]string{"sluice.yaml": oneMain, "connectors/acme.yaml": acme}), connectors.Environment{})
		if set == nil {
			if len(faults) != 1 || faults[0].Key != "routes[0].match" || faults[0].Line != 2 || len(faults[0].Message) < 10 {
				t.Errorf("%q: got faults %v, want one at routes[0].match", match, faults)
			}
			return
		}
		verbs, template, _ := strings.Cut(match, " ")
		method, _, _ := strings.Cut(verbs, "|")
		if method == "*" {
			method = "GET"
		}
		route := set.Connections["a"].Route(method, pathOf(template))
		if route.Group != "own" || route.Template != template {
			t.Errorf("%q: %s %s got route %q of group %q, want its own", match, method, pathOf(template), route.Name, route.Group)
		}
	})
}

// pathOf fills the parameters of a template.
func pathOf(template string) string {
	parts := strings.Split(template, "/")
	for i, part := range parts {
		switch {
		case strings.HasSuffix(part, "...}"):
			parts[i] = "x/y%2Fz"
		case strings.HasPrefix(part, "{"):
			parts[i] = "a%7Bb"
		default:
			plain, _ := url.PathUnescape(part)
			parts[i] = url.PathEscape(plain)
		}
	}
	return strings.Join(parts, "/")
}
