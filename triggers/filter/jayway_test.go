package filter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"sluice/triggers/filter"
)

// event is the document that Jayway was asked about.
const event = `{
  "identity": {"id": "0f1e2d3c", "name": "john.doe", "type": "IDENTITY",
    "attributes": {"firstname": "John", "lastname": "Doe", "alternateEmail": null}},
  "changes": [
    {"attribute": "department", "oldValue": "Sales", "newValue": "Marketing"},
    {"attribute": "manager",
      "oldValue": {"id": "m1", "name": "robert.brown", "type": "IDENTITY"},
      "newValue": {"id": "m2", "name": "mary.johnson", "type": "IDENTITY"}},
    {"attribute": "cloudLifecycleState", "oldValue": "active", "newValue": "terminated"}],
  "attributes": {"created": "2020-04-27T16:48:33.597Z"},
  "warnings": ["Account skipped"],
  "errors": [],
  "stats": {"scanned": 200}
}`

// What Jayway makes of a text.
const (
	invalid    = "invalid"
	definite   = "definite"
	indefinite = "indefinite"
)

// Parts of event, as the results name them.
const (
	root       = "root"
	department = "changes 0"
	manager    = "changes 1"
	state      = "changes 2"
)

// jayway is what Jayway JsonPath 2.9.0 over Gson, without options, answers: measured, not read in its documentation. A want that
// begins with "no " is the path that it does not find, and "fails" is an exception of another kind.
var jayway = []struct{ text, kind, want string }{
	{`$`, definite, root},
	{`$.identity`, definite, `{"id":"0f1e2d3c","name":"john.doe","type":"IDENTITY","attributes":{"firstname":"John","lastname":"Doe","alternateEmail":null}}`},
	{`$.nope`, definite, `no $.nope`},
	{`$.nope.deeper`, definite, `no $.nope`},
	{`$.changes[1].attribute`, definite, `"manager"`},
	{`$.changes[0:2:1]`, indefinite, department + "," + manager},
	{`$.changes[0:2]`, indefinite, department + "," + manager},
	{`$.changes[:2]`, indefinite, department + "," + manager},
	{`$.changes[-1:]`, indefinite, state},
	{`$[?(@.identity.name == "john.doe")]`, indefinite, root},
	{`$[?($.identity.name == "nobody")]`, indefinite, ``},
	{`$[?($.identity.attributes.alternateEmail == null)]`, indefinite, root},
	{`$.identity.attributes[?(!@.alternateEmail)]`, indefinite, ``},
	{`$.changes[?(@.attribute == 'department')]`, indefinite, department},
	{`$.changes[?(@.attribute == "department" && @.newValue =~ /Mark.*ing/i)]`, indefinite, department},
	{`$.changes[?(@.attribute == 'department' && @.newValue nin ['sales','engineering'])]`, indefinite, department},
	{`$[?($.warnings subsetof ['Account skipped','Invalid account'])]`, indefinite, root},
	{`$[?($.warnings anyof ['Account skipped','Invalid account'])]`, indefinite, root},
	{`$[?($.warnings noneof ['Account skipped','Invalid account'])]`, indefinite, ``},
	{`$[?($.warnings size 1)]`, indefinite, root},
	{`$[?($.warnings size 1]`, invalid, ``},
	{`$.changes.length()`, definite, `3`},
	{`$.concat($.identity.attributes.firstname," ",$.identity.attributes.lastname)`, definite, `"John\" \"Doe"`},
	{`$.changes[(@.length-1)]`, invalid, ``},
	{`$[?($.identity.name contains "john")]`, indefinite, root},
	{`$[?($.identity.name contains "archer")]`, indefinite, ``},
	{`$[?($.attributes.created > '2020-04-27T16:48:33.200Z')]`, indefinite, root},
	{`$[?(@.changes[?(@.attribute == "department")])]`, indefinite, root},
	{`$[?($.changes[?(@.attribute == "nothing")])]`, indefinite, root},
	{`$[?($.changes[*].attribute contains "manager")]`, indefinite, root},
	{`$.changes[?(@.newValue.name == "mary.johnson")]`, indefinite, manager},
	{`$.changes[?@.attribute == "department"]`, invalid, ``},
	{`identity.name`, definite, `"john.doe"`},
	{`$.identity.name == "john.doe"`, invalid, ``},
	{`$['identity']['name']`, definite, `"john.doe"`},
	{`$.identity.id.length()`, definite, `null`},
	{`$[?(@.identity.name in ["john.doe","x"])]`, indefinite, root},
	{`$[?($.stats.scanned == "200")]`, indefinite, root},
	{`$[?($.identity.attributes.firstname < "K")]`, indefinite, root},
	{`$.changes[?(@.newValue == null)]`, indefinite, ``},
	{`$.changes[?(@.missing == null)]`, indefinite, ``},
	{`$[?($.identity.attributes.nope)]`, indefinite, ``},
	{`$[?(!($.identity.name == "john.doe"))]`, indefinite, ``},
	{`$[?(($.identity.name == "john.doe") && ($.stats.scanned > 1 || $.nope))]`, indefinite, root},
	{`$[?($.warnings contains "Account skipped")]`, indefinite, root},
	{`$[?($.warnings[*] contains "Account skipped")]`, indefinite, root},
	{`$[?($.changes[*].attribute anyof ["manager","x"])]`, indefinite, root},
	{`$[?($.identity.type == 'IDENTITY')].identity.id`, indefinite, `"0f1e2d3c"`},
	{`$.changes[?(@.attribute == "manager")][0]`, indefinite, ``},
	{`$.changes[?(@.attribute == "manager")].length()`, indefinite, `3`},
	{`$[?($.changes.size() > 1)]`, indefinite, root},
	{`$[?(@.changes[0].attribute == 'department')]`, indefinite, root},
	{`$.changes[?(@.attribute=="department"&&@.newValue!="Sales")]`, indefinite, department},
	{`$.changes[?(@.attribute == 'it\'s')]`, indefinite, ``},
	{`$.changes[?(@.oldValue empty false)]`, indefinite, `fails`},
	{`$[?($.attributes.created =~ /2020-04-.*/)]`, indefinite, root},
	{`$.changes[?(@.newValue =~ /(?i)marketing/)]`, indefinite, department},
	{`$.identity[?(@ == "john.doe")]`, indefinite, ``},
	{`$[?(true)]`, invalid, ``},
	{`$$`, invalid, ``},
	{`$[?()]`, invalid, ``},
	// What section 3.6 of the same measurements says beside the table.
	{`$.changes[?(@.newValue =~ /mark/i)]`, indefinite, ``},
	{`$[?($.stats.scanned > "199")]`, indefinite, ``},
	{`$[?($.nope != "x")]`, indefinite, root},
	{`$[?(!$.nope)]`, indefinite, root},
	{`$[?($.identity.attributes.alternateEmail)]`, indefinite, root},
	{`$[?($.identity.name contains "John")]`, indefinite, ``},
	{`$[?($.identity.name == "john.doe" and $.stats.scanned > 1)]`, invalid, ``},
	{`$[?($.identity.name == "nobody" or $.stats.scanned > 1)]`, invalid, ``},
	{`$[?($.identity.name = "john.doe")]`, invalid, ``},
	{`$[?($.identity.name == john)]`, invalid, ``},
	{`$.changes[?(@.attribute == "cloudLifecycleState" && @.newValue == "terminated")]`, indefinite, state},
	{`$[?($.changes.length() >= 3)]`, indefinite, root},
	{`[?($.stats.scanned == 200)]`, indefinite, root},
}

// decoded is a text as encoding/json decodes it, with float64 or json.Number.
func decoded(t testing.TB, text string, exact bool) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	if exact {
		decoder.UseNumber()
	}
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("decode %.80q: %v", text, err)
	}
	return value
}

// encoded is a result with event's own parts by their names.
func encoded(t *testing.T, doc, value any) string {
	t.Helper()
	named := map[string]any{root: doc}
	if object, is := doc.(map[string]any); is {
		changes, _ := object["changes"].([]any)
		for i, name := range []string{department, manager, state} {
			if i < len(changes) {
				named[name] = changes[i]
			}
		}
	}
	for name, part := range named {
		if reflect.DeepEqual(part, value) {
			return name
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatalf("encode %v: %v", value, err)
	}
	return strings.TrimSpace(out.String())
}

// outcome is what compiling and reading gives, in the words of the tables.
func outcome(t *testing.T, text string, doc any) (kind, got string) {
	t.Helper()
	f, err := filter.Compile(text)
	if err != nil {
		return invalid, ""
	}
	value, single, err := f.Read(doc)
	if kind = indefinite; single {
		kind = definite
	}
	switch list, is := value.([]any); {
	case errors.Is(err, filter.ErrMissing):
		path, _ := strings.CutSuffix(err.Error(), " is not in the document")
		return kind, "no " + path
	case err != nil:
		return kind, "fails"
	case single || !is:
		return kind, encoded(t, doc, value)
	default:
		var parts []string
		for _, one := range list {
			parts = append(parts, encoded(t, doc, one))
		}
		return kind, strings.Join(parts, ",")
	}
}

func TestReadIsJayways(t *testing.T) {
	t.Parallel()
	want := func(doc any, text string) string {
		if strings.HasPrefix(text, "{") {
			return encoded(t, doc, decoded(t, text, false))
		}
		return text
	}
	for _, exact := range []bool{false, true} {
		doc := decoded(t, event, exact)
		for _, row := range jayway {
			kind, got := outcome(t, row.text, doc)
			if kind != row.kind || got != want(doc, row.want) {
				t.Errorf("%s (json.Number %v): got %s %s, want %s %s", row.text, exact, kind, got, row.kind, row.want)
			}
		}
	}
}

// TestMatchFollowsRead: a filter matches when what it reads is there, and neither null, false nor an empty list.
func TestMatchFollowsRead(t *testing.T) {
	t.Parallel()
	doc := decoded(t, event, false)
	for _, row := range jayway {
		valid, path, exists := filter.Check(row.text, doc)
		found := row.kind != invalid && row.want != "" && row.want != "fails" && !strings.HasPrefix(row.want, "no ")
		if want := found && row.want != "null"; valid != want || path != (row.kind != invalid) || exists != found {
			t.Errorf("Check(%s): got %v, %v, %v, want %v, %v, %v", row.text, valid, path, exists, want, row.kind != invalid, found)
		}
		f, err := filter.Compile(row.text)
		if err != nil {
			continue
		}
		matches, err := f.Match(doc)
		if matches != valid || (err != nil) != (row.want == "fails") {
			t.Errorf("Match(%s): got %v and %v, want %v", row.text, matches, err, valid)
		}
		explained, _, _ := strings.Cut(f.Explain(doc), "\n")
		if strings.HasPrefix(explained, "It matches: ") != valid {
			t.Errorf("Explain(%s): got %q, want it to say %v", row.text, explained, valid)
		}
	}
}
