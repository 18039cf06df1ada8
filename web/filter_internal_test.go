package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]filter{
		`userName eq "bjensen"`:                       {{"username", false, "bjensen"}},
		`  userName   EQ   "a b"  `:                   {{"username", false, "a b"}},
		`emails.value sw "\u00e4\"\\("`:               {{"emails.value", true, "ä\"\\("}},
		`active eq TRUE and id eq 12`:                 {{"active", false, true}, {"id", false, json.Number("12")}},
		`(((a eq "b")) and (c eq "d" and e eq null))`: {{"a", false, "b"}, {"c", false, "d"}, {"e", false, nil}},
		urnUser + `:name.familyName sw "O'M"`:         {{"name.familyname", true, "O'M"}},
		`urn:x:User:userName eq "b"`:                  {{"urn:x:user:username", false, "b"}},
		`a eq "and"AND b eq "or"`:                     {{"a", false, "and"}, {"b", false, "or"}},
	} {
		got, err := parseFilter(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(comparison{})); err != nil || diff != "" {
			t.Errorf("%s: got error %v (- want, + got):\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"":                                "the filter lacks an attribute",
		"a":                               `"a" is not compared with anything`,
		"a eq":                            "a value of the filter is no text",
		`a eq "b`:                         "a text of the filter is not closed",
		`a eq "b\`:                        "a text of the filter is not closed",
		`a eq "b\"`:                       "a text of the filter is not closed",
		`a eq "\x"`:                       "a value of the filter is no text",
		`a eq {}`:                         "a value of the filter is no text",
		`a eq 1,2`:                        "a value of the filter is no text",
		`a eq "b" c`:                      "the filter goes on where it should end, at byte 9",
		`a eq "b")`:                       "the filter goes on where it should end",
		`(a eq "b"`:                       "a bracket of the filter is not closed",
		`()`:                              "the filter lacks an attribute",
		`a eq "b" and`:                    "the filter lacks an attribute",
		`a like "b"`:                      `"like" is no comparison`,
		`a sw true`:                       "sw compares with a text only",
		"a eq \"\xff\"":                   "the filter is not UTF-8",
		strings.Repeat(`a eq 1 and `, 30): "the filter has more than 20 comparisons",
		strings.Repeat("(", 11):           "the filter's brackets are deeper than 10",
	} {
		if _, err := parseFilter(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s…", text, err, want)
		}
	}
}

// FuzzFilter: whatever is accepted says the same when it is written again from what was read of it.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{`userName eq "b"`, `(a sw "\u00e4") and b eq true`, `a eq -1.5e3 and b eq null`, `((((`, `a eq "\`, urnUser + `:active eq False`, `a[b eq "c"]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseFilter(text)
		if err != nil {
			if err.Error() == "" || terms != nil {
				t.Fatalf("%q: got %v with error %q", text, terms, err)
			}
			return
		}
		if len(terms) == 0 || len(terms) > mostTerms {
			t.Fatalf("%q: got %d comparisons", text, len(terms))
		}
		var again []string
		for _, c := range terms {
			value, err := json.Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			op := " eq "
			if c.prefix {
				op = " sw "
			}
			again = append(again, "("+c.attribute+op+string(value)+")")
		}
		joined := strings.Join(again, " and ")
		if len(joined) > longestFilter {
			return
		}
		got, err := parseFilter(joined)
		if diff := cmp.Diff(terms, got, cmp.AllowUnexported(comparison{})); err != nil || diff != "" {
			t.Fatalf("%q, written again as %q: %v\n%s", text, joined, err, diff)
		}
	})
}
