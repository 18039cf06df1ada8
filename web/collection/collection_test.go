package collection_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/web/collection"
)

type fruit struct{ id, kind string }

var fields = []collection.Field[fruit]{
	{Name: "id", Ops: []string{"eq", "ge", "le"}, Sorts: true, Value: func(f fruit) string { return f.id }},
	{Name: "kind", Ops: []string{"eq", "ne", "gt", "lt", "co", "sw"}, Value: func(f fruit) string { return f.kind }},
	{Name: "name", Sorts: true, Value: func(f fruit) string { return f.kind }},
}

var fruits = []fruit{{"b", "Pear"}, {"a", "apple"}, {"d", `say "hi" \ bye`}, {"c", "Pear"}}

func TestQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                                "b a d c / 4",
		"limit=2":                         "b a / 4",
		"limit=2&offset=1":                "a d / 4",
		"limit=0":                         " / 4",
		"offset=9":                        " / 4",
		"sorters=id":                      "a b c d / 4",
		"sorters=-name,id":                "d b c a / 4",
		"sorters=name,+-id":               "a c b d / 4",
		`filters=id+eq+"A"`:               "a / 1",
		`filters=kind eq "pear"`:          "b c / 2",
		`filters=id ge "b" and id le "c"`: "b c / 2",
		`filters=id eq "a" or id eq "b" and kind eq "x"`:    "a / 1",
		`filters=(id eq "a" or id eq "b") and kind sw "PE"`: "b / 1",
		`filters=not id eq "a" and not (kind co "ear")`:     "d / 1",
		`filters=kind eq "say \"hi\" \\ bye"`:               "d / 1",
		`filters=not(id eq "a")`:                            "b d c / 3",
		`filters=kind ne "pear"&limit=1`:                    "a / 2",
		`filters=kind gt "p" and kind lt "q"`:               "b c / 2",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := collection.Read(values, fields)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		page, total := q.Of(fruits)
		ids := make([]string, 0, len(page))
		for _, f := range page {
			ids = append(ids, f.id)
		}
		if got := strings.Join(ids, " ") + " / " + string(rune('0'+total)); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"limit=251":                            "limit must be 250 at most",
		"limit=-1":                             "limit must be a whole number that is not negative",
		"offset=x":                             "offset must be a whole number that is not negative",
		"count=yes":                            "count must be true or false",
		"sorters=kind":                         `sorters: "kind" cannot be sorted by here; choose of id, name`,
		"sorters=id,":                          `sorters: "" cannot be sorted by here; choose of id, name`,
		`filters=name eq "x"`:                  `filters: "name" cannot be filtered by here; choose of id, kind`,
		`filters=id EQ "x"`:                    `filters: "EQ" is no operator; they are in lower case: eq, ge, le`,
		`filters=id co "x"`:                    "filters: id does not go with operator co; it goes with eq, ge, le",
		`filters=id eq x`:                      "filters: id eq: a text in double quotes must follow",
		`filters=id eq "x`:                     "filters: id eq: a double quote is not closed",
		`filters=(id eq "x"`:                   "filters: a parenthesis is not closed",
		`filters=id eq "x" kind`:               `filters: "kind" stands behind the end; expressions are joined by and, or`,
		`filters=id eq "x" and`:                `filters: a field is wanted before ""`,
		"filters=" + strings.Repeat("(", 9999): "filters: more than 64 expressions stand within each other",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := collection.Read(values, fields); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", query, err, want)
		}
	}
}

// FuzzFilters holds that a filter and its opposite part a collection in two.
func FuzzFilters(f *testing.F) {
	for _, text := range []string{`id eq "a"`, `not (kind sw "p" or id le "b") and id ge "a"`, `kind eq "\"\\"`, `((`, `not not id eq ""`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := collection.Read(url.Values{"filters": {text}}, fields)
		if err != nil || strings.TrimSpace(text) == "" {
			return
		}
		opposite, err := collection.Read(url.Values{"filters": {"not (" + text + ")"}}, fields)
		if err != nil {
			return // it was nested as deeply as it may be
		}
		kept, some := q.Of(fruits)
		left, rest := opposite.Of(fruits)
		if some+rest != len(fruits) || slices.ContainsFunc(kept, func(f fruit) bool { return slices.Contains(left, f) }) {
			t.Errorf("%q keeps %v and its opposite %v, of %v", text, kept, left, fruits)
		}
	})
}
