package aggregation

import (
	"encoding/json"
	"testing"
)

// Rows that differ only in the order of their members have one hash.
func TestRowHash(t *testing.T) {
	t.Parallel()
	hash := func(row string) string {
		doc, err := parseDocument(json.RawMessage(row))
		if err != nil {
			t.Fatal(err)
		}
		text, err := canonicalJSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		return hashOf(text)
	}
	a := hash(`{"a": 1, "b": "x"}`)
	if b := hash(`{"b":"x","a":1}`); a != b || len(a) != 32 {
		t.Errorf("hash in another order: got %s, want %s, of 32 characters", b, a)
	}
	if b := hash(`{"b":"x","a":1.0}`); a == b {
		t.Error("hash of another row: got the same")
	}
}
