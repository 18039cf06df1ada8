package aggregation_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/transforms"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		account aggregation.Account
		want    string
	}{
		"empty": {aggregation.Account{ID: "1"}, `{"active":false,"attributes":{},"entitlements":{},"id":"1","name":""}`},
		"sorted": {
			aggregation.Account{
				ID: "1", Name: "A <b> & c", Active: true,
				Attributes:   map[string]any{"z": json.Number("1.50"), "a": nil, "m": []any{"x", json.Number("12345678901234567890")}},
				Entitlements: map[string][]string{"groups": {"b", "a", "b"}, "none": {}},
			},
			`{"active":true,"attributes":{"a":null,"m":["x",12345678901234567890],"z":1.50},"entitlements":{"groups":["a","b"]},"id":"1","name":"A <b> & c"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := aggregation.Encode(tt.account)
			if err != nil || string(got) != tt.want {
				t.Fatalf("encode: got %s, %v, want %s", got, err, tt.want)
			}
			back, err := aggregation.Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			again, err := aggregation.Encode(back)
			if err != nil || string(again) != tt.want {
				t.Errorf("encode of what was parsed: got %s, %v, want %s", again, err, tt.want)
			}
		})
	}
	held := []string{"b", "a"}
	if _, err := aggregation.Encode(aggregation.Account{ID: "1", Entitlements: map[string][]string{"g": held}}); err != nil || held[0] != "b" {
		t.Errorf("the caller's slice: got %v, %v, want it unchanged", held, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{}`, `[]`, `{"id":"secret`, `{"id":7}`, `{"id":"s","active":"secret"}`} {
		_, err := aggregation.Parse(json.RawMessage(text))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("parse of %s: got %v, want an error that does not quote it", text, err)
		}
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	full := connectors.Mapping{
		Name: q(".name"), Active: q(".on"), Attributes: q("{mail, n: .n, tags, twice: (.n * 2)}"),
		Entitlements: map[string]*transforms.Query{"groups": q("[.groups[]?.id]")},
	}
	doc := func(more string) any {
		var v any
		d := json.NewDecoder(strings.NewReader(`{"id":7,"name":"Ann","on":true,"mail":"secret@x","n":2.50,"tags":["a",1],"groups":[{"id":2},{"id":1}]` + more + `}`))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	got, err := aggregation.Map(&full, q(".id"), doc(""))
	want := aggregation.Account{
		ID: "7", Name: "Ann", Active: true, Entitlements: map[string][]string{"groups": {"1", "2"}},
		Attributes: map[string]any{"mail": "secret@x", "n": json.Number("2.50"), "tags": []any{"a", json.Number("1")}, "twice": json.Number("5")},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("map: %v, -want +got:\n%s", err, diff)
	}
	bare, err := aggregation.Map(&connectors.Mapping{}, q(".id"), doc(""))
	if err != nil || bare.Name != "7" || !bare.Active {
		t.Errorf("map by nothing: got %+v, %v, want name 7 and active", bare, err)
	}

	bad := func(change func(*connectors.Mapping)) *connectors.Mapping {
		m := full
		change(&m)
		return &m
	}
	for name, tt := range map[string]struct {
		m    *connectors.Mapping
		key  string
		want string
	}{
		"no key":         {&full, ".absent", "key: .absent gives neither a text nor a number"},
		"name":           {bad(func(m *connectors.Mapping) { m.Name = q(".tags") }), ".id", "account 7: name: .tags gives no text"},
		"active":         {bad(func(m *connectors.Mapping) { m.Active = q(".mail") }), ".id", "account 7: active: .mail gives neither true nor false"},
		"attributes":     {bad(func(m *connectors.Mapping) { m.Attributes = q(".mail") }), ".id", "account 7: attributes: .mail gives no object"},
		"nested":         {bad(func(m *connectors.Mapping) { m.Attributes = q("{groups2: .groups}") }), ".id", "account 7: attributes.groups2: item 0: an object or array within"},
		"not a number":   {bad(func(m *connectors.Mapping) { m.Attributes = q("{x: nan}") }), ".id", "account 7: attributes.x: not a value"},
		"name is taken":  {bad(func(m *connectors.Mapping) { m.Attributes = q("{name}") }), ".id", "account 7: attributes.name: the name is taken"},
		"type is taken":  {bad(func(m *connectors.Mapping) { m.Attributes = q("{groups: 1}") }), ".id", "account 7: attributes.groups: the name is taken"},
		"entitlement":    {bad(func(m *connectors.Mapping) { m.Entitlements = map[string]*transforms.Query{"g": q(".mail")} }), ".id", "account 7: entitlements.g: .mail gives no array"},
		"its item":       {bad(func(m *connectors.Mapping) { m.Entitlements = map[string]*transforms.Query{"g": q(".groups")} }), ".id", "whose item 0 is neither"},
		"its name":       {bad(func(m *connectors.Mapping) { m.Entitlements = map[string]*transforms.Query{"active": q(".tags")} }), ".id", "entitlements.active: the name is"},
		"a failing path": {bad(func(m *connectors.Mapping) { m.Name = q(".mail.x") }), ".id", "account 7: name: "},
	} {
		_, err := aggregation.Map(tt.m, q(tt.key), doc(""))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: got %v, want %q and nothing of the document", name, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"active":true,"attributes":{"a":1.50,"b":["x"]},"entitlements":{"g":["2","1"]},"id":"1","name":"A"}`))
	f.Add([]byte(`{"ID":"1","id":"2","attributes":{"x":{"y":null}}}`))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := aggregation.Parse(text)
		if err != nil {
			return
		}
		once, err := aggregation.Encode(a)
		if err != nil {
			t.Fatalf("encode of %q: %v", text, err)
		}
		b, err := aggregation.Parse(once)
		if err != nil {
			t.Fatalf("parse of %s: %v", once, err)
		}
		if twice, err := aggregation.Encode(b); err != nil || string(twice) != string(once) {
			t.Errorf("encoded twice: got %s, %v, want %s", twice, err, once)
		}
	})
}
