package filter_test

import (
	"strings"
	"testing"

	"sluice/triggers/filter"
)

// things is a document with a value of each kind.
const things = `{"text":"Doe","number":7,"half":0.5,"big":12345678901234567891,"digits":"7","zeros":"7.0","yes":true,"no":false,"null":null,
"list":["a","b","b"],"numbers":[1,2,3,4],"none":[],"object":{"k":1,"l":[1]},"same":{"l":[1],"k":1},"blank":"","smile":"😀",
"odd name":{"it's":1},"deep":{"items":[{"n":1},{"n":2},{"m":3}]},"mixed":[1,"2",null,true]}`

// TestPredicates has what the measured table leaves open, in the words of Jayway's code.
func TestPredicates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		// Equal: what stands at the left decides whether numbers or texts are compared.
		`@.number == '7.0'`: true, `@.digits == 7.0`: false, `@.digits == 7`: true, `7.0 == @.digits`: true, `@.number == @.zeros`: true,
		`@.number != '8'`: true, `@.number == 'x'`: false, `@.yes == true`: true, `@.yes == 'true'`: false, `@.null == null`: true,
		`@.nope == null`: false, `@.nope != null`: true, `@.nope == @.nope`: false, `@.nope != @.nope`: true, `@.null == false`: false,
		`@.number == '+7'`: true, `@.number == '.7e1'`: true, `@.number == ''`: false, `@.number == '0x7p0'`: false, `@.number == '-'`: false,
		`@.big == 12345678901234567891`: true, `@.big == 12345678901234567890`: false, `@.big > 12345678901234567890`: true,
		`@.half == 5e-1`: true, `@.half < 0.51`: true, `@.number === 7`: true, `@.number === '7'`: false, `@.number !== '7'`: true,
		`@.object == @.same`: true, `@.object == {'k': 1, "l": [1]}`: true, `@.object == {'k': 2}`: false, `@.list == ['a','b','b']`: true,
		`@.list == ['a','b']`: false, `@.none == []`: true, `@.object == 'x'`: false, `@.object != 'x'`: true,
		// Order needs two numbers or two texts.
		`@.number >= 7`: true, `@.number <= 6.99`: false, `@.number > '6'`: false, `@.text > 'Doa'`: true, `@.text < 5`: false,
		`@.null < 1`: false, `@.nope < 1`: false, `@.yes > false`: false,
		// Lists.
		`@.text in ['Doe']`: true, `@.number in ['7']`: true, `@.null in [null]`: true, `@.nope in [null]`: false, `@.nope nin ['a']`: true,
		`@.text in 'Doe'`: false, `@.text nin 'x'`: false, `!(@.text in 'x')`: false, `@.text in @.object`: false, `@.text nin @.object`: true,
		`@.text IN ['Doe']`: true, `@.list contains 'b'`: true, `@.mixed contains 2`: true, `@.number contains '7'`: false,
		`@.text contains 'o'`: true, `@.text contains 'O'`: false, `@.object contains 'k'`: false, `@.nope contains 'x'`: false,
		`@.list subsetof ['a','b','c']`: true, `@.list subsetof ['a']`: false, `@.none subsetof ['a']`: true, `@.text subsetof ['Doe']`: false,
		`@.list allof ['a','b']`: true, `@.list allof ['c']`: false, `@.list all ['b']`: true, `@.list anyof ['x','b']`: true,
		`@.list noneof ['x']`: true, `@.object noneof ['x']`: false, `@.nope noneof ['x']`: false, `@.list noneof 'x'`: false,
		// Size and emptiness.
		`@.text size 3`: true, `@.list size 3`: true, `@.object size 2`: false, `@.smile size 2`: true, `@.list size '3'`: false,
		`@.blank empty true`: true, `@.text empty false`: true, `@.none empty true`: true, `@.nope empty true`: false, `@.list empty 1`: false,
		// Patterns match whole values; what has no text counts as empty.
		`@.text =~ /D.e/`: true, `@.text =~ /d.e/`: false, `@.text =~ /d.e/i`: true, `@.text =~ /D/`: false, `@.number =~ /\d/`: true,
		`@.yes =~ /t.*/`: true, `@.nope =~ /.*/`: true, `@.nope =~ /.+/`: false, `@.list =~ /b/`: true, `@.list =~ /c|ab/`: false,
		`/D.e/ =~ @.text`: true, `@.text =~ 'Doe'`: false, `/a/ =~ /a/`: false, `@.text =~ /D\/e|Doe/ims`: true, `@.text =~ /D|Doe/`: true,
		// Existence: null is there, an empty list is there, a property that is missing behind a * is not.
		`@.null`: true, `@.no`: true, `@.nope`: false, `!@.nope`: true, `!@.null`: false, `!(@.nope)`: true, `!!(@.text)`: true,
		`@.deep.items[*].n`: false, `@.deep.items[0:2].n`: true, `@.deep.items[?(@.n)].n`: true, `@.none[*].x`: true, `@..nope`: true,
		`@.deep.items[9]`: false, `@.text.x`: false, `@`: true, `$`: true, `@['odd name']['it\'s']`: true, `@["odd name"]["it's"]`: true,
		// Logic: && binds closer than ||.
		`@.yes == true || @.nope && @.nope`: true, `(@.yes == true || @.nope) && @.nope`: false, `@.nope || @.nope || @.text`: true,
		// The type operator compares Java's classes, so it is never true, and neither is what stands around it.
		`@.text type 'string'`: false, `!(@.text type 'string')`: false, `@.text type 'x' || @.text`: false,
		// A predicate on what is neither list nor object makes the one around it false.
		`@.text[?(@.a)]`: false, `!(@.text[?(@.a)])`: false,
		// Functions.
		`@.list.length() == 3`: true, `@.numbers.sum() == 10`: true, `@.numbers.max() == 4`: true, `@.numbers.min() < 2`: true,
		`@.object.keys() contains 'k'`: true, `@.numbers.avg() == 2.5`: true, `@.numbers.last() == 4`: true,
		`@.concat(@.text, "x") == 'Doe"x"'`: true, `@.nope.length() == 0`: false,
	} {
		exact, plain := decoded(t, things, true), decoded(t, things, false)
		f, err := filter.Compile("$[?(" + text + ")]")
		if err != nil {
			t.Errorf("%s: got %v, want it compiled", text, err)
			continue
		}
		if got, err := f.Match(exact); got != want || err != nil {
			t.Errorf("%s: got %v and %v, want %v", text, got, err, want)
		}
		if strings.Contains(text, "big") {
			continue // a float64 has lost its digits
		}
		if got, err := f.Match(plain); got != want || err != nil {
			t.Errorf("%s with float64: got %v and %v, want %v", text, got, err, want)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	doc := decoded(t, things, false)
	for _, c := range []struct{ text, kind, want string }{
		{`$['text','number','nope']`, definite, `{"number":7,"text":"Doe"}`},
		{`$['object','same'].k`, indefinite, `1,1`},
		{`$["odd name"]['it\'s']`, definite, `1`},
		{`$['\u0074ext']`, definite, `"Doe"`},
		{`$[ 'text' ]`, definite, `"Doe"`},
		{`$.list[0, 2]`, indefinite, `"a","b"`},
		{`$.list[-1]`, definite, `"b"`},
		{`$.list[9]`, definite, `no $.list[9]`},
		{`$.text[0]`, definite, `no $.text[0]`},
		{`$.text.x`, definite, `no $.text.x`},
		{`$.numbers[2:]`, indefinite, `3,4`},
		{`$.numbers[-2:]`, indefinite, `3,4`},
		{`$.numbers[:-1]`, indefinite, `1,2,3`},
		{`$.numbers[1:9]`, indefinite, `2,3,4`},
		{`$.numbers[0:4:2]`, indefinite, `1,2,3,4`}, // the step has no effect
		{`$.numbers[-2:-1]`, indefinite, `3`},
		{`$.numbers[1:-1]`, indefinite, ``},
		{`$.text[0:1]`, indefinite, `no $.text[0:1]`},
		{`$.object.*`, indefinite, `1,[1]`},
		{`$.deep.items[*].n`, indefinite, `1,2`},
		{`$.deep..n`, indefinite, `1,2`},
		{`$.deep..[0]`, indefinite, `{"n":1}`},
		{`$.deep..[?(@.n == 2)]`, indefinite, `{"n":2}`},
		{`$.deep.items[?(@.n)].n`, indefinite, `1,2`},
		{`$.text[?(@.x)]`, indefinite, `fails`},
		{`$.mixed[?(@ == 2)]`, indefinite, `"2"`},
		{`@.text`, definite, `"Doe"`},
		{`.k`, indefinite, `1,1`},
		{`$.yes`, definite, `true`},
		// Functions.
		{`$.numbers.sum()`, definite, `10`},
		{`$.numbers.min()`, definite, `1`},
		{`$.numbers.stddev()`, definite, `1.118033988749895`},
		{`$.sum($.numbers, 5)`, definite, `15`},
		{`$..n.sum()`, definite, `3`},
		{`$.deep..n.length()`, indefinite, `null,null`},
		{`$.text.sum()`, definite, `fails`},
		{`$.object.keys()`, definite, `["k","l"]`},
		{`$.text.keys()`, definite, `null`},
		{`$.list.first()`, definite, `"a"`},
		{`$.list.index(-2)`, definite, `"b"`},
		{`$.list.index(5)`, definite, `fails`},
		{`$.text.first()`, definite, `fails`},
		{`$.none.append(1, "x")`, definite, `[1,"x"]`},
		{`$.text.append(1)`, definite, `"Doe"`},
		{`$.list.concat()`, definite, `"abb"`},
		{`$.concat("a", 1, $.number, $.list, $.null, $.yes, $.object)`, definite, `"\"a\"17abbtrue{\"k\":1,\"l\":[1]}"`},
		{`$.concat($.nope)`, definite, `no $.nope`},
		{`$.length($.numbers)`, definite, `4`},
		{`$.nope.length()`, definite, `no $.nope`},
		{`$.list.length( )`, definite, `3`},
	} {
		if kind, got := outcome(t, c.text, doc); kind != c.kind || got != c.want {
			t.Errorf("%s: got %s %s, want %s %s", c.text, kind, got, c.kind, c.want)
		}
	}
}

// TestMatchOfAValue: a path that leads to one value matches unless that is null or false.
func TestMatchOfAValue(t *testing.T) {
	t.Parallel()
	doc := decoded(t, things, false)
	for text, want := range map[string]bool{
		`$.yes`: true, `$.no`: false, `$.null`: false, `$.blank`: true, `$.none`: true, `$.number`: true, `$.nope`: false, `$.none[*]`: false, `*`: true,
	} {
		valid, path, exists := filter.Check(text, doc)
		if wantExists := text != `$.nope` && text != `$.none[*]`; valid != want || !path || exists != wantExists {
			t.Errorf("%s: got %v, %v, %v, want %v, true, %v", text, valid, path, exists, want, wantExists)
		}
	}
}
