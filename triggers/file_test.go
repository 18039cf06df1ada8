package triggers_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"sluice/triggers"
)

var update = flag.Bool("update", false, "write the schema for editors anew")

func TestFileSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := triggers.FileSchema()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "configs", "schema", "trigger.json")
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the structs say (%v): run go test ./triggers -run Schema -update", path, err)
	}
}

// An editor says of a trigger what the loader says, as far as a schema can.
func TestFileSchema(t *testing.T) {
	t.Parallel()
	text, err := triggers.FileSchema()
	if err != nil {
		t.Fatal(err)
	}
	schema := compiled(t, text)
	files, err := filepath.Glob("catalogue/*.yaml")
	if err != nil || len(files) != len(shipped) {
		t.Fatalf("got %d files, %v, want %d", len(files), err, len(shipped))
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(plain(t, string(data))); err != nil {
			t.Errorf("%s: got %v, want it to fit the schema for editors", name, err)
		}
	}
	const good = "id: a:b\nname: n\ninput: {fields: {x: string, y: {list: {enum: [a]}, optional: true}, z: [string, boolean]}, example: {}}\n"
	if err := schema.Validate(plain(t, good)); err != nil {
		t.Errorf("got %v, want none", err)
	}
	for what, change := range map[string][2]string{
		"an unknown type":         {"x: string", "x: text"},
		"an unknown type of many": {"boolean]", "bool]"},
		"an unknown key":          {"optional", "required"},
		"two kinds":               {"enum: [a]", "enum: [a], type: string"},
		"no kind":                 {"{enum: [a]}", "{}"},
		"two schemas":             {"example: {}", "example: {}, json_schema: {}"},
		"an id without a colon":   {"a:b", "ab"},
		"no example":              {", example: {}", ""},
	} {
		if schema.Validate(plain(t, strings.Replace(good, change[0], change[1], 1))) == nil {
			t.Errorf("%s: got no fault, want one", what)
		}
	}
}

func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// plain is YAML as plain JSON data.
func plain(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
