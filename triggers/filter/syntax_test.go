package filter_test

import (
	"errors"
	"strings"
	"testing"

	"sluice/triggers/filter"
)

// TestCompileSaysWhereAndWhat: every refusal names the character, counted from 1 in what was written, and what to write instead.
func TestCompileSaysWhereAndWhat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		position int
		want     string
	}{
		{"", 1, "write a path such as"},
		{"  ", 1, "write a path such as"},
		{"$.", 2, "must not end with a dot"},
		{"$.a..", 4, "must not end with a dot"},
		{"$...a", 4, "at most two dots"},
		{"$$", 2, "expected '.' or '['"},
		{"$a", 2, "expected '.' or '['"},
		{"$.a b", 4, "['my name']"},
		{"identity.na me", 12, "['my name']"},
		{"  $.a b", 6, "['my name']"},
		{"$.a[", 5, "found the end"},
		{"$.a[0", 6, "close the bracket"},
		{"$.a['b", 5, "does not end"},
		{"$.a['b','c'x]", 12, "close the bracket"},
		{"$.a['b',]", 9, "expected a name in quotes"},
		{`$.a['\u12']`, 5, "four hexadecimal digits"},
		{"$.a[b]", 5, "expected a name in quotes"},
		{"$.a[?]", 6, "expected ( behind the ?"},
		{"$.a[?@.b]", 6, "expected ( behind the ?"},
		{"$.a[(@.length-1)]", 5, "[-1]"},
		{"$.a[:]", 5, "a start or an end"},
		{"$.a[::2]", 5, "a start or an end"},
		{"$.a[1:2:3:4]", 5, "no slice"},
		{"$.a[1-2]", 5, "no list of positions"},
		{"$.a[1,]", 5, "no list of positions"},
		{"$[?()]", 5, "the predicate is empty"},
		{"$[?(true)]", 5, "compare it with a path"},
		{"$[?($.warnings size 1]", 22, "close it with )"},
		{"$.a[?(@.b == 1) && (@.c)]", 17, "close the bracket"},
		{"$.a[?(@.b = 1)]", 11, "write == instead of ="},
		{`$.ä[?(@.b == "é" and @.c)]`, 18, "write && instead of and"},
		{"$.a[?(@.b and @.c)]", 11, "write && instead of and"},
		{"$.a[?(@.b OR @.c)]", 11, "write || instead of or"},
		{"$.a[?(@.b & @.c)]", 11, "expected ), && or ||"},
		{"$.a[?(@.b&&@.c)]", 10, "put a blank before &&"},
		{"$.a[?(@.b ~~ 1)]", 11, "there are != !== <"},
		{"$.a[?(@.b in['x'])]", 11, "a word needs blanks around it"},
		{"$.a[?(@.b == x)]", 14, "put text in quotes"},
		{"$.a[?(@.b == )]", 14, "expected a path or a value, found ')'"},
		{"$.a[?(@.b == 1.2.3)]", 14, "is no number"},
		{"$.a[?(@.b == 'x)]", 14, "does not end"},
		{"$.a[?(@.b in ['x' 'y'])]", 19, "expected ',' or ] in the list"},
		{"$.a[?(@.b in ['x', y])]", 20, "put text in quotes"},
		{"$.a[?(@.b == {x:1})]", 15, "expected a name in quotes"},
		{"$.a[?(@.b == {'x' 1})]", 19, "expected ':'"},
		{"$.a[?(@.b == {'x':1 'y'})]", 21, "or } in the object"},
		{"$.a[?(!@.b == 1)]", 8, "write !( … ) around it"},
		{"$.a[?(@.b == /x/)]", 14, "a pattern goes with =~ only"},
		{"$.a[?(@.b =~ /x)]", 14, "does not end"},
		{"$.a[?(@.b =~ /x/q)]", 17, "no flag"},
		{"$.a[?(@.b =~ /x/ix)]", 18, "not understood"},
		{"$.a[?(@.b =~ /(?=x)/)]", 14, "look-around"},
		{`$.a[?(@.b =~ /(x)\1/)]`, 14, "back references"},
		{"$.a[?(@.b =~ /x++/)]", 14, "possessive"},
		{"$.a[?(@.b =~ /a)(b/)]", 14, "cannot be used"},
		{"$.a.foo()", 5, "there is no function foo()"},
		{"$.a.length().b", 13, "nothing can stand behind length()"},
		{"$.a.length()..b", 13, "nothing can stand behind length()"},
		{"$.a.length(", 12, "takes a path, found the end"},
		{"$.length('a')", 10, "takes a path"},
		{"$.concat('a')", 10, "double quotes"},
		{"$.concat($.a $.b)", 14, "a comma behind an argument"},
		{"$.a.index()", 5, "index(0)"},
		{"$..length()", 4, "right behind .."},
		{"$..a.sum(1)", 6, "takes no arguments here"},
	} {
		_, err := filter.Compile(c.text)
		syntax, is := errors.AsType[*filter.SyntaxError](err)
		if !is || syntax.Position != c.position || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want position %d and %q", c.text, err, c.position, c.want)
		}
	}
}
