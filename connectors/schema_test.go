package connectors_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"sluice/configs"
	"sluice/connectors"
)

var update = flag.Bool("update", false, "write the expected files anew")

// schemas is the table of what configs/schema holds, and of what each schema must accept.
var schemas = []struct {
	file  string
	make  func() ([]byte, error)
	valid string
}{
	{"sluice.json", connectors.MainSchema, "sluice.yaml"},
	{"connector.json", connectors.ConnectorSchema, "connectors/*.yaml"},
}

func TestSchemasAreCurrent(t *testing.T) {
	t.Parallel()
	for _, s := range schemas {
		want, err := s.make()
		if err != nil {
			t.Fatalf("%s: %v", s.file, err)
		}
		path := filepath.Join("..", "configs", "schema", s.file)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the structs say: run go test ./connectors -run Schemas -update", path)
		}
	}
}

func TestSchemasAcceptWhatIsShipped(t *testing.T) {
	t.Parallel()
	for _, s := range schemas {
		schema := compileSchema(t, s.make)
		names, err := fs.Glob(configs.FS, s.valid)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: got %v, %v", s.valid, names, err)
		}
		for _, name := range names {
			if err := schema.Validate(readYAML(t, name)); err != nil {
				t.Errorf("%s by %s: %v", name, s.file, err)
			}
		}
	}
}

// An editor says of resources what the loader says, as far as a schema can.
func TestSchemaOfResources(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t, connectors.ConnectorSchema)
	if err := schema.Validate(plainYAML(t, []byte(richResources))); err != nil {
		t.Errorf("what the loader accepts: %v", err)
	}
	for name, change := range map[string][2]string{
		"a kind that there is not": {"kind: group", "kind: thing"},
		"a plan without list":      {"narrow: {list:", "narrow: {detail:"},
		"two styles of paging":     {"paging: {link:", "paging: {page: {}, link:"},
		"a join without owner":     {"owner: .zebra", ""},
		"a call without call":      {"{call: GET /herds, ", "{"},
		"an unknown key":           {"if: .partial", "when: .partial"},
	} {
		text := strings.Replace(richResources, change[0], change[1], 1)
		if text == richResources {
			t.Errorf("%s: got no change of the text, want one", name)
		}
		if schema.Validate(plainYAML(t, []byte(text))) == nil {
			t.Errorf("%s: got no fault, want one", name)
		}
	}
}

func compileSchema(t *testing.T, build func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	text, err := build()
	if err != nil {
		t.Fatal(err)
	}
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

// readYAML returns a shipped file as plain JSON data.
func readYAML(t *testing.T, name string) any {
	t.Helper()
	data, err := fs.ReadFile(configs.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return plainYAML(t, data)
}

// plainYAML returns YAML as plain JSON data.
func plainYAML(t *testing.T, data []byte) any {
	t.Helper()
	var plain any
	if err := yaml.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
