package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/triggers/filter"
)

// FuzzMatch: whatever the text and the document are, nothing panics or hangs, a refusal names a character of the text, the ways to ask
// agree with each other, and the document stays as it is.
func FuzzMatch(f *testing.F) {
	for _, row := range jayway {
		f.Add(row.text, event)
	}
	for _, text := range []string{`$..*..*`, `$['a','b'].c[0,1]`, `$.sum($..n, 2)`, `$..n.sum()`, `$[?(!(@.a == 1e3) || @.b =~ /x\/(?i)y/im)]`, `$.none.append(1)`, `é`, `$[?(@ in [1,{'a':null}])]`} {
		f.Add(text, things)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		var doc, before any
		if json.Unmarshal([]byte(document), &doc) != nil || json.Unmarshal([]byte(document), &before) != nil {
			t.Skip("no document")
		}
		start := time.Now()
		compiled, err := filter.Compile(text)
		valid, path, exists := filter.Check(text, doc)
		if err != nil {
			syntax, is := errors.AsType[*filter.SyntaxError](err)
			if !is || syntax.Position < 1 || syntax.Position > utf8.RuneCountInString(text)+1 || syntax.Message == "" || valid || path || exists {
				t.Fatalf("Compile(%q): got %v and %v, %v, %v, want an error at a character of the text", text, err, valid, path, exists)
			}
			return
		}
		matches, failed := compiled.Match(doc)
		value, definite, err := compiled.Read(doc)
		explained := compiled.Explain(doc)
		list, _ := value.([]any)
		want := err == nil && (definite && value != nil && value != false || !definite && len(list) > 0)
		if matches != want || valid != want || !path || want && !exists || failed != nil && err == nil || definite != compiled.Definite() {
			t.Fatalf("%q: Match says %v, %v, Check %v, %v, %v, and Read %v, %v, %v", text, matches, failed, valid, path, exists, value, definite, err)
		}
		if strings.HasPrefix(explained, "It matches: ") != want {
			t.Fatalf("%q: got the explanation %q, want it to say %v", text, explained, want)
		}
		again, err := filter.Compile(compiled.String())
		if err != nil {
			t.Fatalf("%q compiles and its own text %q does not: %v", text, compiled, err)
		}
		if same, _ := again.Match(doc); same != matches {
			t.Fatalf("%q: got %v from its own text %q, want %v", text, same, compiled, matches)
		}
		if !reflect.DeepEqual(doc, before) {
			t.Fatalf("%q changed the document", text)
		}
		if took := time.Since(start); took > time.Minute {
			t.Fatalf("%q took %s", text, took)
		}
	})
}

// FuzzNumbers: numbers are ordered as exact arithmetic orders them, whichever way they are written.
func FuzzNumbers(f *testing.F) {
	for _, pair := range [][2]string{{"1", "1.0"}, {"-0", "0e5"}, {"12345678901234567891", "12345678901234567890"}, {"1e3", "999.9"}, {"0.1", "0.10000000000000000001"}, {"-2", "1"}, {"5e-324", "0"}} {
		f.Add(pair[0], pair[1])
	}
	operators := map[string]func(int) bool{
		"<": func(o int) bool { return o < 0 }, "<=": func(o int) bool { return o <= 0 }, "==": func(o int) bool { return o == 0 },
		"!=": func(o int) bool { return o != 0 }, ">=": func(o int) bool { return o >= 0 }, ">": func(o int) bool { return o > 0 },
	}
	compiled := map[string]*filter.Filter{}
	for operator := range operators {
		one, err := filter.Compile("$[?(@.a " + operator + " @.b)]")
		if err != nil {
			f.Fatalf("compile: %v", err)
		}
		compiled[operator] = one
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, okX := rational(a)
		y, okY := rational(b)
		if !okX || !okY {
			t.Skip("no numbers of JSON")
		}
		for operator, want := range operators {
			doc := map[string]any{"a": json.Number(a), "b": json.Number(b)}
			if got, err := compiled[operator].Match(doc); got != want(x.Cmp(y)) || err != nil {
				t.Fatalf("%s %s %s: got %v and %v, want %v", a, operator, b, got, err, want(x.Cmp(y)))
			}
			literal, err := filter.Compile(fmt.Sprintf("$[?(%s %s @.b)]", a, operator))
			if err != nil {
				t.Fatalf("compile %s: %v", a, err)
			}
			if got, err := literal.Match(doc); got != want(x.Cmp(y)) || err != nil {
				t.Fatalf("%s in the filter %s %s: got %v and %v, want %v", a, operator, b, got, err, want(x.Cmp(y)))
			}
		}
	})
}

// rational is a number of JSON as a fraction; those whose digits would fill the memory are left out.
func rational(text string) (*big.Rat, bool) {
	var n json.Number
	if len(text) > 60 || json.Unmarshal([]byte(text), &n) != nil || n == "" || n.String() != text {
		return nil, false
	}
	if at := strings.IndexAny(text, "eE"); at >= 0 && len(text)-at > 5 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
