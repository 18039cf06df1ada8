package filter_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"sluice/triggers/filter"
)

// TestExplain: an explanation says what was tried, and which values met in each comparison.
func TestExplain(t *testing.T) {
	t.Parallel()
	doc := decoded(t, event, true)
	for text, want := range map[string]string{
		`$.changes[?(@.attribute == "department" && @.newValue =~ /mark/i)]`: `
It does not match: $.changes[?(@.attribute == "department" && @.newValue =~ /mark/i)] selects nothing.
[?(@.attribute == "department" && @.newValue =~ /mark/i)]
  did not pass: {"attribute":"department","newValue":"Marketing","oldValue":"Sales"}
    yes: @.attribute == "department" (@.attribute is "department")
    no: @.newValue =~ /mark/i (@.newValue is "Marketing"), which must match the whole value: put .* at its ends
  did not pass: {"attribute":"manager","newValue":{"id":"m2","name":"mary.johnson","type":"IDENT…
    no: @.attribute == "department" (@.attribute is "manager")
  did not pass: {"attribute":"cloudLifecycleState","newValue":"terminated","oldValue":"active"}
    no: @.attribute == "department" (@.attribute is "cloudLifecycleState")
`,
		`stats[?($.nope == @.scanned || !$.nope)]`: `
It matches: $.stats[?($.nope == @.scanned || !$.nope)] selects 1 value.
[?($.nope == @.scanned || !$.nope)]
  passed: {"scanned":200}
    no: $.nope == @.scanned ($.nope is missing, @.scanned is 200)
    yes: !$.nope ($.nope is missing)
`,
		`$.stats[?($.changes[?(@.newValue == "x")] && @.scanned =~ "200")]`: `
It does not match: $.stats[?($.changes[?(@.newValue == "x")] && @.scanned =~ "200")] selects nothing.
[?($.changes[?(@.newValue == "x")] && @.scanned =~ "200")]
  did not pass: {"scanned":200}
    [?(@.newValue == "x")]
      did not pass: {"attribute":"department","newValue":"Marketing","oldValue":"Sales"}
        no: @.newValue == "x" (@.newValue is "Marketing")
      did not pass: {"attribute":"manager","newValue":{"id":"m2","name":"mary.johnson","type":"IDENT…
        no: @.newValue == "x" (@.newValue is {"id":"m2","name":"mary.johnson","type":"IDENTITY"})
      did not pass: {"attribute":"cloudLifecycleState","newValue":"terminated","oldValue":"active"}
        no: @.newValue == "x" (@.newValue is "terminated")
    yes: $.changes[?(@.newValue == "x")] ($.changes[?(@.newValue == "x")] is there)
    no: @.scanned =~ "200" (@.scanned is 200), which needs a pattern as in /.*john.*/i
`,
		`$.stats[?(@.scanned in "x")]`: `
It does not match: $.stats[?(@.scanned in "x")] selects nothing.
[?(@.scanned in "x")]
  did not pass: {"scanned":200}
    no: @.scanned in "x" (@.scanned is 200)
    the operator needs a list at its right, and subsetof, anyof and noneof one at their left, too
`,
		`$.identity.attributes.alternateEmail`: "\nIt does not match: $.identity.attributes.alternateEmail is null.\n",
		`$.nope.deeper`:                        "\nIt does not match: $.nope is not in the document.\n",
		`$.identity.name`:                      "\nIt matches: $.identity.name is \"john.doe\".\n",
		`$.changes[*].attribute`:               "\nIt matches: $.changes[*].attribute selects 3 values.\n",
		`$.errors.sum()`:                       "\nIt does not match, because it failed: sum() found no number.\n",
	} {
		f, err := filter.Compile(text)
		if err != nil {
			t.Errorf("compile %s: %v", text, err)
			continue
		}
		if got := f.Explain(doc); got != want[1:] {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want[1:])
		}
	}
}

// TestExplainIsBounded: of many values and of large ones a part is told.
func TestExplainIsBounded(t *testing.T) {
	t.Parallel()
	f, err := filter.Compile(`$.people[?(@.id < 0 || @.text == $)]`)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	got := f.Explain(large(t))
	if lines := strings.Count(got, "\n"); lines != 202 || len(got) > 50_000 || !strings.HasSuffix(got, " more lines are left out)\n") {
		t.Errorf("got %d lines and %d bytes that end with %q, want 202 lines of a readable length, and how many more there are", lines, len(got), got[len(got)-60:])
	}
}

// TestExplainCutsWhatIsLong: of an object with many names their number is told, so that nobody sorts them for each line, and nothing long is encoded
// as a whole.
func TestExplainCutsWhatIsLong(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 257 {
		many[strconv.Itoa(i)] = i
	}
	long := strings.Repeat("7", 500_000)
	for want, value := range map[string]any{
		"{257 names}":                               many,
		`[{"a":{257 names},"b":1}]`:                 []any{map[string]any{"a": many, "b": 1}},
		`{"` + long[:maxShown-2] + "…":              map[string]any{long: 1},
		long[:maxShown] + "…":                       json.Number(long),
		`["` + long[:maxShown-2] + "…":              []any{long, long},
		strings.Repeat("[", maxShown) + "…":         nested(500),
		`"` + strings.Repeat("é", maxShown-1) + "…": strings.Repeat("é", 500),
	} {
		f, err := filter.Compile("$.a")
		if err != nil {
			t.Fatalf("compile: %v", err)
		}
		if got, want := f.Explain(map[string]any{"a": value}), "It matches: $.a is "+want+".\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// maxShown is how many characters of a value are told.
const maxShown = 80

// nested is a list in a list, so often.
func nested(levels int) any {
	value := any(1)
	for range levels {
		value = []any{value}
	}
	return value
}
