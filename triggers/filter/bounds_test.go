package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/triggers/filter"
)

// TestCompileIsBounded: what nobody needs and would cost much is refused, quickly and with a reason.
func TestCompileIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"10 kB":                {"$." + strings.Repeat("a", 10_000), "too long"},
		"10 kB of predicates":  {strings.Repeat("[?(@.a)]", 1250), "too long"},
		"nested predicates":    {strings.Repeat("$[?(", 500) + "@.a" + strings.Repeat(")]", 500), "nested too deep"},
		"nested parentheses":   {"$[?(" + strings.Repeat("(", 3000) + "@.a" + strings.Repeat(")", 3000) + ")]", "nested too deep"},
		"nested negations":     {"$[?(" + strings.Repeat("!", 3000) + "(@.a))]", "nested too deep"},
		"nested lists":         {"$[?(@.a in " + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + ")]", "nested too deep"},
		"nested functions":     {"$" + strings.Repeat(".length($", 800) + strings.Repeat(")", 800), "nested too deep"},
		"a large pattern":      {"$[?(@.a =~ /" + strings.Repeat("(a{100}){9}", 50) + "/)]", "too large"},
		"a long pattern":       {"$[?(@.a =~ /" + strings.Repeat("a", 2000) + "/)]", "too long"},
		"many large patterns":  {"$[?(@.a =~ /a{900}/" + strings.Repeat(" && @.a =~ /a{900}/", 300) + ")]", "too large"},
		"a number of 2^40":     {"$.a[1099511627776]", "no list of positions"},
		"an open quoted text":  {"$['" + strings.Repeat(`\`, 8000), "does not end"},
		"unbalanced functions": {"$.concat(" + strings.Repeat("$.a,", 1900), "expected an argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := filter.Compile(c.text)
			syntax, is := errors.AsType[*filter.SyntaxError](err)
			if !is || !strings.Contains(syntax.Message, c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("got the error after %s, want it at once", took)
			}
		})
	}
}

// large is a document of about 100,000 values.
func large(t *testing.T) any {
	t.Helper()
	var people []string
	for i := range 5000 {
		people = append(people, fmt.Sprintf(`{"id":%d,"name":"n%d","roles":[{"a":[1,2,3]},{"a":[4,5,6]}],"text":%q}`, i, i, strings.Repeat("x", 50)))
	}
	return decoded(t, `{"people":[`+strings.Join(people, ",")+`]}`, true)
}

// TestMatchIsBounded: a filter that would visit a large document over and over ends by the bound on steps, which says so.
func TestMatchIsBounded(t *testing.T) {
	t.Parallel()
	doc := large(t)
	var values []string
	for i := range 900 {
		values = append(values, fmt.Sprintf(`"v%d"`, i))
	}
	for name, text := range map[string]string{
		"scans":               `$..*..*..*`,
		"scans with names":    `$..[?(@..name)]..[?(@..name)]`,
		"every with every":    `$.people[?(@.id in $.people[*].id)]`,
		"lists of lists":      `$.people[?($.people == $.people)]`,
		"a long list":         `$.people[?(@.name in [` + strings.Join(values, ",") + `])]`,
		"a pattern":           `$.people[?(@.text =~ /(x?){450}y/)]`,
		"the document itself": `$.concat(` + strings.Repeat(`$.people,`, 100) + `$.people)`,
		"many functions":      `$.people[?($..id.sum() < 0)]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := filter.Compile(text)
			if err != nil {
				t.Fatalf("compile %s: %v", text, err)
			}
			start := time.Now()
			matches, err := f.Match(doc)
			took := time.Since(start)
			if matches || !errors.Is(err, filter.ErrSteps) {
				t.Errorf("%.100s: got %v and %v, want %v", text, matches, err, filter.ErrSteps)
			}
			t.Logf("%.100s after %s: %v", text, took, err)
			if name != "scans" && name != "every with every" {
				return // it would cost as much again
			}
			if explained := f.Explain(doc); !strings.Contains(explained, "failed: ") || strings.Count(explained, "\n") > 210 {
				t.Errorf("%s: got the explanation\n%.2000s\nwant that it failed, in at most 210 lines", text, explained)
			}
		})
	}
}

// TestMatchOnDeepDocuments: a document as deep as the decoder permits is no danger.
func TestMatchOnDeepDocuments(t *testing.T) {
	t.Parallel()
	doc := decoded(t, strings.Repeat(`{"a":[`, 4900)+`{"b":1}`+strings.Repeat(`]}`, 4900), false)
	for text, want := range map[string]bool{`$..b`: true, `$..c`: false, `$[?(@ == $)]`: true, `$..[?(@.b == 1)]`: true} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		if got, err := f.Match(doc); got != want || err != nil {
			t.Errorf("%s: got %v and %v, want %v", text, got, err, want)
		}
	}
}

// TestNumbersAreNotMultipliedOut: a number whose digits would fill the memory is compared as it is written.
func TestNumbersAreNotMultipliedOut(t *testing.T) {
	t.Parallel()
	doc := map[string]any{"a": json.Number("1e999999999"), "b": "1e-999999999", "c": json.Number("1e99999999999999")}
	for text, want := range map[string]bool{
		`$[?(@.a > 1e999999998)]`:  true,
		`$[?(@.a == 1E999999999)]`: true,
		`$[?(0 == @.b)]`:           false,
		`$[?(@.c > 1)]`:            false,
		`$[?(@.a size 1e300)]`:     false,
		`$[?(@.b size 1e300)]`:     false,
	} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		if got, err := f.Match(doc); got != want || err != nil {
			t.Errorf("%s: got %v and %v, want %v", text, got, err, want)
		}
	}
}
