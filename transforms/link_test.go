package transforms_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/transforms"
)

var bareLink = cmpopts.IgnoreUnexported(transforms.Link{})

func TestParseLinks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		want        []transforms.Link
		ok          bool
	}{
		{"Okta", `<https://x.okta.com/api/v1/users?after=a,b;c>; rel="next"`, []transforms.Link{{Target: "https://x.okta.com/api/v1/users?after=a,b;c", Rel: []string{"next"}}}, true},
		{"two, several relations, odd blanks", `<a> ; rel = "Next Last" , <b>;rel=prev;title="x, \"y\"; z"`, []transforms.Link{{Target: "a", Rel: []string{"next", "last"}}, {Target: "b", Rel: []string{"prev"}}}, true},
		{"the first rel counts", `<a>; rel=next; rel=prev`, []transforms.Link{{Target: "a", Rel: []string{"next"}}}, true},
		{"an anchor is about another document", `<a>; rel=next; anchor="/x", <b>; rel=next`, []transforms.Link{{Target: "b", Rel: []string{"next"}}}, true},
		{"no relation, flag parameter", `<a>; crossorigin`, []transforms.Link{{Target: "a"}}, true},
		{"empty elements", `, <a>,,`, []transforms.Link{{Target: "a"}}, true},
		{"nothing", ``, nil, true},
		{"no brackets", `https://x; rel=next`, nil, false},
		{"open bracket", `<a`, nil, false},
		{"open quote, the first stays", `<a>; rel=next, <b>; rel="next`, []transforms.Link{{Target: "a", Rel: []string{"next"}}}, false},
		{"junk behind", `<a> x`, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := transforms.ParseLinks(tt.value)
			if diff := cmp.Diff(tt.want, got, bareLink); diff != "" || ok != tt.ok {
				t.Errorf("ParseLinks(%q): ok %v, want %v; got + want -\n%s", tt.value, ok, tt.ok, diff)
			}
		})
	}
}

// What was read, written plainly, reads the same.
func FuzzParseLinks(f *testing.F) {
	f.Add(`<https://x/y?a=b,c>; rel="next", <z>; rel=prev; title="a\"b"`)
	f.Add(`<a> ; rel = "Next Last" , <b>;anchor=x`)
	f.Fuzz(func(t *testing.T, value string) {
		links, _ := transforms.ParseLinks(value)
		var out []string
		for _, l := range links {
			if strings.Contains(l.Target, ">") {
				t.Fatalf("target %q holds a bracket", l.Target)
			}
			if strings.ContainsAny(strings.Join(l.Rel, ""), `"\`) {
				return // would need escaping; no relation type has them
			}
			one := "<" + l.Target + ">"
			if l.Rel != nil {
				one += `; rel="` + strings.Join(l.Rel, " ") + `"`
			}
			out = append(out, one)
		}
		again, ok := transforms.ParseLinks(strings.Join(out, ", "))
		if diff := cmp.Diff(links, again, bareLink, cmpopts.EquateEmpty()); diff != "" || !ok {
			t.Errorf("%q reads as %v and %v again (%v):\n%s", value, links, again, ok, diff)
		}
	})
}
