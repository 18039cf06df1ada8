package filter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"sluice/triggers/filter"
)

// mostPayload is how large a payload may be that somebody emits.
const mostPayload = 1 << 20

// cases are filters with the documents that they cost most on.
type cases map[string]struct{ text, document string }

// worst are the most costly filters that we know, on documents that fit into a payload: those whose cost a count of values alone does not
// see, because it grows with the length of a text, a name, a number or a pattern, or with what is passed over; and those that visit much.
func worst() (byLength, byNumber cases) {
	many := strings.TrimSuffix(strings.Repeat("1,", 100_000), ",")
	texts := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"",`, n), ",") }
	long := func(n int) string { return strings.Repeat("7", n) }
	with := func(members string) string { return `{"a":[` + many + `],` + members + `}` }
	names := func(n, length int) string { // an object of n names that differ in the end
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"%s%06d":1`, strings.Repeat("n", length), i))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	lists := func(n, length int) string {
		return strings.TrimSuffix(strings.Repeat(`"`+long(length)+`",`, n), ",")
	}
	wide := func() string { // a number of names in quotes for [ , ]
		var all []string
		for i := range 1300 {
			all = append(all, fmt.Sprintf("'%x'", i))
		}
		return strings.Join(all, ",")
	}
	same := with(`"x":["` + long(390_000) + `"],"y":["` + long(390_000) + `"]`)
	byLength = cases{
		"a number and a long text":     {`$.a[?(@ == $.x)]`, with(`"x":"` + long(800_000) + `"`)},
		"a long number":                {`$.a[?($.x < $.y)]`, with(`"x":` + long(400_000) + `,"y":` + long(400_001))},
		"a long number and its text":   {`$.a[?($.x == $.y)]`, with(`"x":"` + long(400_000) + `","y":` + long(400_000))},
		"the size of a long text":      {`$.a[?($.x size 5)]`, with(`"x":"` + strings.Repeat("é", 400_000) + `"`)},
		"a size that is a long number": {`$.a[?($.a size $.x)]`, with(`"x":` + long(800_000))},
		"equal long texts":             {`$.a[?($.x[0] != $.y[0])]`, same},
		"long texts in order":          {`$.a[?($.x[0] > $.y[0])]`, same},
		"lists of long texts":          {`$.a[?($.x != $.y)]`, same},
		"many lists of long texts":     {`$.a[?($.x anyof $.y)]`, with(`"x":[` + lists(40, 10_000) + `],"y":[` + lists(39, 10_000) + `,"` + long(9_999) + `8"]`)},
		"subset of long texts":         {`$.a[?($.x subsetof $.y)]`, with(`"x":[` + lists(4000, 100) + `],"y":[` + lists(39, 10_000) + `]`)},
		"long names":                   {`$.a[?($.x != $.y)]`, with(`"x":{"` + long(390_000) + `":1},"y":{"` + long(390_000) + `":1}`)},
		"a long name in the filter":    {`$.a[?($['` + strings.Repeat("n", 7900) + `'] == 2)]`, with(`"` + strings.Repeat("n", 7900) + `":1`)},
		"a long name to look for":      {`$.a[?($..['` + strings.Repeat("n", 7900) + `','x'] == 1)]`, with(`"x":[` + strings.TrimSuffix(strings.Repeat(`{"`+strings.Repeat("n", 7900)+`":1},`, 80), ",") + `]`)},
		"a part of a long text":        {`$.a[?($.x contains '` + strings.Repeat("a", 61) + `ba')]`, with(`"x":"` + strings.Repeat("a", 800_000) + `"`)},
		"a long part of a long text":   {`$.a[?($.x contains $.y)]`, with(`"x":"` + strings.Repeat("a", 500_000) + `","y":"` + strings.Repeat("a", 250_000) + `b"`)},
		"names to sort":                {`$.a[?($.x.* == 1)]`, with(`"x":` + names(60_000, 0))},
		"long names to sort":           {`$.a[?($.x.* == 1)]`, with(`"x":` + names(10, 80_000))},
		"keys":                         {`$.a[?($.x.keys() == 1)]`, with(`"x":` + names(10, 80_000))},
		"a pattern on nothing":         {`$.a[?($.none =~ /(x?){450}y/)]`, with(`"none":null`)},
		"small numbers to round":       {`$.x.sum()`, `{"x":[` + strings.TrimSuffix(strings.Repeat("5e-324,", 140_000), ",") + `]}`},
		"numbers to round":             {`$.x.sum()`, `{"x":[` + strings.TrimSuffix(strings.Repeat("22250738585072011360574097967091319759348195463516456480234261097248222220210769455165295239081350879141491589130396211068700864386945946455276572074078206217433799881410632673253292535522868813721490129811224514518898490572223072852551331557550159143974763979834118019993239623482610719063081e-600,", 3300), ",") + `]}`},
		"halves to round":              {`$.a[?($.x.sum() == 0)]`, with(`"x":[` + strings.TrimSuffix(strings.Repeat("9007199254740993,", 40_000), ",") + `]`)},
		"concat of no texts":           {`$.a[?($.a.concat() == 'x')]`, with(`"none":null`)},
	}
	byNumber = cases{
		"a pattern on many numbers":   {`$.a[?(@ =~ /(x?){450}y/)]`, with(`"none":null`)},
		"a pattern on a long text":    {`$.a[?($.x =~ /(a|b|ab|ba|aa)*c/)]`, with(`"x":"` + strings.Repeat("ab", 50_000) + `"`)},
		"a pattern on a short text":   {`$.a[?($.x =~ /(a|b|ab|ba|aa)*c/)]`, with(`"x":"` + strings.Repeat("ab", 100) + `"`)},
		"a pattern of anything":       {`$.a[?($.x =~ /.*/)]`, with(`"x":"` + strings.Repeat("ab", 20_000) + `\n"`)},
		"a pattern of letters":        {`$.a[?($.x =~ /(\p{L}|\p{N}|ä)*x/i)]`, with(`"x":"` + strings.Repeat("ab", 50_000) + `"`)},
		"a pattern of some letters":   {`$.a[?($.x =~ /[\p{L}\p{N}]*[\p{L}\p{P}]*x/i)]`, with(`"x":"` + strings.Repeat("ab", 100) + `"`)},
		"a pattern of two anythings":  {`$.a[?($.x =~ /.*x.*y.*/)]`, with(`"x":"` + strings.Repeat("xx", 50_000) + `"`)},
		"many repetitions":            {`$.a[?($.x =~ /(.*.*.*.*){100}x/)]`, with(`"x":"` + strings.Repeat("xy", 500) + `"`)},
		"concat of long texts":        {`$.a[?($.concat($.x) == 'x')]`, with(`"x":"` + long(1000) + `"`)},
		"concat of the document":      {`$.concat(` + strings.TrimSuffix(strings.Repeat(`$,`, 4000), ",") + `)`, with(`"none":null`)},
		"many names":                  {`$.a[?($[` + wide() + `] == 1)]`, with(`"x":1`)},
		"scans":                       {`$..*..*..*`, `{"x":[` + strings.TrimSuffix(strings.Repeat(`{"a":{"b":[1,2,3]}},`, 45_000), ",") + `]}`},
		"scans of predicates":         {`$..[?(@..a)]..[?(@..b)]`, `{"x":[` + strings.TrimSuffix(strings.Repeat(`{"a":{"b":[1,2,3]}},`, 45_000), ",") + `]}`},
		"deep scans":                  {`$..*..*`, strings.Repeat(`{"a":[`, 4900) + `1` + strings.Repeat(`]}`, 4900)},
		"names to tell":               {`$.a[?(` + strings.TrimSuffix(strings.Repeat(`$ == 2||`, 300), "||") + `)]`, strings.TrimSuffix(names(70_000, 0), "}") + `,"a":[1]}`},
		"names of few to tell":        {`$.a[?(` + strings.TrimSuffix(strings.Repeat(`$.x == 2||`, 300), "||") + `)]`, `{"a":[1],"x":` + strings.Repeat(`[`, 60) + names(256, 4000) + strings.Repeat(`]`, 60) + `}`},
		"many with many":              {`$.a[?(@ in $.b)]`, `{"a":[` + many + `],"b":[` + texts(200_000) + `]}`},
		"copies of lists":             {`$.a[?($.a.append(2) == 1)]`, with(`"none":null`)},
		"lists of paths":              {`$.a[?($.a[*] == 1)]`, with(`"none":null`)},
		"many comparisons":            {`$.a[?(` + strings.TrimSuffix(strings.Repeat(`@ == 2||`, 1000), "||") + `)]`, with(`"none":null`)},
		"numbers of seventeen digits": {`$.a[?($.x anyof $.y)]`, with(`"x":[` + strings.TrimSuffix(strings.Repeat("12345678901234567,", 20_000), ",") + `],"y":[` + strings.TrimSuffix(strings.Repeat("12345678901234568,", 20_000), ",") + `]`)},
		"numbers and no numbers":      {`$.a[?(@ in $.b)]`, `{"a":[` + many + `],"b":[` + strings.TrimSuffix(strings.Repeat(`".",`, 200_000), ",") + `]}`},
		"numbers with exponents":      {`$.a[?(@ in $.b)]`, `{"a":[` + many + `],"b":[` + strings.TrimSuffix(strings.Repeat(`2e1,`, 200_000), ",") + `]}`},
	}
	return byLength, byNumber
}

// TestLengthsAreCounted: what is long ends by the bound on steps.
func TestLengthsAreCounted(t *testing.T) {
	t.Parallel()
	byLength, _ := worst()
	for name, c := range byLength {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := filter.Compile(c.text)
			if err != nil || len(c.document) > mostPayload || !json.Valid([]byte(c.document)) {
				t.Fatalf("%v, and %d bytes of a document", err, len(c.document))
			}
			if matches, err := f.Match(decoded(t, c.document, true)); matches || !errors.Is(err, filter.ErrSteps) {
				t.Errorf("got %v and %v, want %v", matches, err, filter.ErrSteps)
			}
		})
	}
}

// BenchmarkWorst is what a filter can cost at most.
func BenchmarkWorst(b *testing.B) {
	byLength, byNumber := worst()
	maps.Copy(byLength, byNumber)
	for name, c := range byLength {
		doc := decoded(b, c.document, true)
		f, err := filter.Compile(c.text)
		if err != nil {
			b.Fatalf("compile %s: %v", name, err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = f.Match(doc)
			}
		})
		b.Run("explain "+name, func(b *testing.B) {
			for b.Loop() {
				_ = f.Explain(doc)
			}
		})
	}
}
