package connectors_test

import (
	"path/filepath"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/connectors"
)

const (
	badgeLost = "id: acme:badge-lost\nname: Badge Lost\ninput: {fields: {holder: string}, example: {holder: Ann}}\n"
	free      = "id: acme:anything\nname: Anything\ninput: {json_schema: {type: object, properties: {n: {$ref: '#/$defs/n'}}, $defs: {n: {type: integer}}}, example: {n: 1}}\n"
)

func TestCustomTriggers(t *testing.T) {
	t.Parallel()
	all := map[string]string{"sluice.yaml": emptyMain, "triggers/badge-lost.yaml": badgeLost, "triggers/anything.yaml": free}
	for path, want := range map[string]int{"": 2, "sluice.yaml": 2, "triggers/badge-lost.yaml": 1} {
		dir := folder(t, all)
		set, faults := connectors.LoadPath(filepath.Join(dir, path), configs.FS, hermetic())
		if faults != nil {
			t.Fatalf("%q: got faults, want none:\n%v", path, faults)
		}
		own := 0
		for _, trigger := range set.Triggers().All() {
			if strings.HasPrefix(trigger.ID, "acme:") {
				own++
			}
		}
		lost := set.Triggers().Trigger("acme:badge-lost")
		if own != want || lost == nil || lost.CheckInput([]byte(`{"holder":1}`)) == nil || set.Triggers().Trigger("idn:identity-created") == nil {
			t.Errorf("%q: got %d triggers of our own and %v, want %d with one that refuses a number, and what is shipped", path, own, lost, want)
		}
		if files := strings.Join(set.Files, " "); !strings.Contains(files, "badge-lost.yaml") {
			t.Errorf("%q: got files %s, want the trigger's among them", path, files)
		}
	}
	plain, _ := connectors.LoadPath(folder(t, map[string]string{"sluice.yaml": emptyMain}), configs.FS, hermetic())
	other, _ := connectors.LoadPath(folder(t, all), configs.FS, hermetic())
	if anything := other.Triggers().Trigger("acme:anything"); anything == nil || anything.Input.Avro() != "" {
		t.Errorf("of a JSON Schema of one's own: got %v, want no Avro schema", anything)
	}
	if plain.Revision == other.Revision {
		t.Errorf("revision: got %s with triggers and without, want two", plain.Revision)
	}
}

func TestCustomTriggersOfOneID(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"sluice.yaml": emptyMain, "triggers/a.yaml": badgeLost, "triggers/b.yaml": badgeLost, "triggers/c.yml": badgeLost, "triggers/d.yaml": "id: [\n"})
	set, faults := connectors.LoadPath(dir, configs.FS, hermetic())
	got := strings.ReplaceAll(faults.Error(), dir, "DIR")
	for _, want := range []string{
		`DIR/triggers/b.yaml:1:5: id: is "acme:badge-lost", which is already the id of DIR/triggers/a.yaml: give each trigger an id of its own`,
		"DIR/triggers/c.yml: is not read: rename it so that it ends in .yaml",
		"DIR/triggers/d.yaml:",
	} {
		if set != nil || !strings.Contains(got, want) || len(faults) != 3 {
			t.Errorf("got Set %v and\n%s\nwant no Set, three faults, and among them\n%s", set != nil, got, want)
		}
	}
}
