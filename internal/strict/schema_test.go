package strict_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/internal/strict"
)

var update = flag.Bool("update", false, "write testdata anew")

// documented has what a schema can say of a field: the golden file shows each.
type documented struct {
	Name    string                 `yaml:"name" jsonschema:"required,pattern=^[a-z]+$,example=tdx" jsonschema_description:"The name, as the URL has it."`
	Mode    string                 `yaml:"mode" jsonschema:"title=Mode,enum=fast,enum=careful,default=fast,description=How\\, in a word."`
	Old     bool                   `yaml:"old" jsonschema:"deprecated,default=true"`
	Workers int                    `yaml:"workers" jsonschema:"minimum=1,maximum=64,default=4,example=8"`
	Wait    *listener              `yaml:"wait" jsonschema_description:"One of several."`
	Timeout strict.Size            `yaml:"timeout" jsonschema:"minimum=1KiB,maximum=8MiB,default=64KiB" jsonschema_description:"How much."`
	Tags    []string               `yaml:"tags" jsonschema:"minItems=1,maxItems=3,enum=a,enum=b,default=a,default=b"`
	Codes   strict.OneOrMany[int]  `yaml:"codes" jsonschema:"minimum=100,default=200,default=204"`
	Weights map[string]float64     `yaml:"weights" jsonschema:"minimum=0,maxItems=2"`
	Auth    auth                   `yaml:"auth"`
	Any     any                    `yaml:"any" jsonschema_description:"Whatever."`
	Range   span                   `yaml:"range"`
	Self    map[string]*documented `yaml:"self"`
	Unnamed struct {
		Key strict.Secret `yaml:"key" jsonschema:"required"`
	} `yaml:"unnamed"`
	Shared `yaml:",inline"`
}

func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	got, err := strict.Schema(&documented{}, "https://sluice.example/documented.json", "Documented")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/documented.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Schema() =\n%s\nwant, as in %s (write it with -update),\n%s", got, golden, want)
	}
}

// compile checks the schema of v against the 2020-12 metaschema.
func compile(t *testing.T, v any) *jsonschema.Schema {
	t.Helper()
	text, err := strict.Schema(v, "https://sluice.example/s.json", "S")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://sluice.example/s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://sluice.example/s.json")
	if err != nil {
		t.Fatalf("schema of %T: %v", v, err)
	}
	return s
}

// An editor with the schema and Sluice with the struct must agree about a file.
func TestSchemaAgreesWithDecode(t *testing.T) {
	t.Parallel()
	schema := compile(t, everything{})
	tests := []struct {
		text string
		ok   bool
	}{
		{"name: x", true},
		{"mode: fast", false},
		{"name: X", false},
		{"name: 5", false},
		{"name: x\nzzz: 1", false},
		{"name: x\nmode: slow", false},
		{"name: x\nworkers: 0", false},
		{"name: x\nworkers: 64", true},
		{"name: x\nworkers: 65", false},
		{"name: x\nworkers: 1.5", false},
		{"name: x\nworkers:", false},
		{"name: x\nnote: ab", true},
		{"name: x\nnote: a", false},
		{"name: x\nnote: abcde", false},
		{"name: x\non: 'true'", false},
		{"name: x\nratio: 1", true},
		{"name: x\ntimeout: 1d12h", true},
		{"name: x\ntimeout: 1.5h", true},
		{"name: x\ntimeout: 25", false},
		{"name: x\ntimeout: soon", false},
		{"name: x\ntimeout: ''", false},
		{"name: x\nbody: 1.5MiB", true},
		{"name: x\nbody: 8", false},
		{"name: x\ntags: []", false},
		{"name: x\ntags: [a]", true},
		{"name: x\ntags: [c]", false},
		{"name: x\ntags: a", false},
		{"name: x\ncodes: 100", true},
		{"name: x\ncodes: [100, 200]", true},
		{"name: x\ncodes: [99]", false},
		{"name: x\ncodes: 99", false},
		{"name: x\nweights: {a: -1}", false},
		{"name: x\nlimit: -1", false},
		{"name: x\nargs: {a: [1, null]}", true},
		{"name: x\npointer: {must: x}", true},
		{"name: x\npointer: {}", false},
		{"name: x\nauth: {login: {}}", true},
		{"name: x\nauth: {}", false},
		{"name: x\nauth: {login: {}, hosts: [a]}", false},
		{"name: x\nchildren: {y: {name: z}}", true},
		{"name: x\nchildren: {y: {}}", false},
		{"name: x\nmatrix: [[1], []]", true},
		{"name: x\nmatrix: [1]", false},
		{"name: x\nregion: eu", true},
		{"- name", false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			d := parse(t, tt.text)
			var data any
			if err := d.Root().DecodeInto(&data).Err(); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(data); (err == nil) != tt.ok {
				t.Errorf("schema of %q says %v, want valid = %t", tt.text, err, tt.ok)
			}
			var into everything
			if err := strict.Decode(d, &into).Err(); (err == nil) != tt.ok {
				t.Errorf("Decode(%q) = %v, want valid = %t", tt.text, err, tt.ok)
			}
		})
	}
}

// Each default and example that a schema offers must be one that the schema itself accepts.
func TestSchemaOffersWhatItAccepts(t *testing.T) {
	t.Parallel()
	schema := compile(t, documented{})
	for name, property := range schema.Properties {
		offers := property.Examples
		if property.Default != nil {
			offers = append(offers, *property.Default)
		}
		for _, offer := range offers {
			if err := property.Validate(offer); err != nil {
				t.Errorf("%s: offers %v: %v", name, offer, err)
			}
		}
	}
}
