package strict_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sluice/internal/strict"
)

// FuzzDecode: a document is either at fault or means the same once it is written out and read again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name: x", "name: x\ntags: [a]\nargs: {a: [1, 2.5, null, 'x']}", "name: x\nauth: {basic: {user: me}}",
		"name: x\nchildren: {y: {name: z, timeout: 1d12h, body: 1.5KiB}}", "name: x\ninner: {must: y}\nweights: &w {a: 1e-3}",
		"name: x\nargs: &a {k: v}\ncodes: [404]", "name: x\nargs: {<<: {a: 1}, b: |\n  text\n}", "name: [", "a: *b", "? x\n: y",
		"name: x\nrange: 3-5\nmatrix: [[0x1F, 0o17], []]\nnetwork: 10.0.0.0/8", "!!str 5: x", "\ufeffname: x\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, faults := strict.Parse("f.yaml", []byte(text))
		var first, second written
		if faults = append(faults, strict.Decode(d, &first)...); len(faults) > 0 {
			for _, fault := range faults {
				if fault.File != "f.yaml" || fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
					t.Errorf("Parse and Decode of %q: fault %#v, want a place and a message", text, fault)
				}
			}
			return
		}
		again, err := yaml.Marshal(first)
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v, want no error", first, err)
		}
		d, faults = strict.Parse("f.yaml", again)
		faults = append(faults, strict.Decode(d, &second)...)
		if err := faults.Err(); err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%q was read as\n%+v\nwritten as\n%s\nand read as\n%+v, %v", text, first, again, second, err)
		}
	})
}

// written has fields that yaml.Marshal writes as Decode reads them; what is absent is left out again.
type written struct {
	Name    string                `yaml:"name" jsonschema:"required"`
	Note    string                `yaml:"note,omitempty"`
	On      bool                  `yaml:"on,omitempty"`
	Workers int                   `yaml:"workers" jsonschema:"minimum=1,default=4"`
	Ratio   float64               `yaml:"ratio,omitempty"`
	Body    strict.Size           `yaml:"body" jsonschema:"default=64KiB"`
	Tags    []string              `yaml:"tags,omitempty" jsonschema:"minItems=1"`
	Codes   strict.OneOrMany[int] `yaml:"codes" jsonschema:"default=200"`
	Weights map[string]float64    `yaml:"weights,omitempty" jsonschema:"minItems=1"`
	Args    any                   `yaml:"args,omitempty"`
	Inner   *inner                `yaml:"inner,omitempty"`
	Auth    *auth                 `yaml:"auth,omitempty"`
	More    map[string]*written   `yaml:"more,omitempty" jsonschema:"minItems=1"`
	Shared  `yaml:",inline"`
}

// FuzzSecret: whatever surrounds it, text that stands where a secret belongs is in no fault, and neither is the value
// that a reference leads to.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		planted, "*" + planted, "&" + planted, "!" + planted, "\"" + planted, "[" + planted, "{" + planted + ": x}", "${env:K}",
		"${env:" + planted + "}x", "|\n  " + planted, "!!int " + planted, "@" + planted, "'" + planted + "'s", "%" + planted, "? " + planted,
		"- " + planted, planted + ": x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, faults := strict.Parse("f.yaml", []byte("key: "+text+"\n"))
		d.Environ(func(string) (string, bool) { return planted, true })
		var v vault
		faults = append(faults, strict.Decode(d, &v)...)
		for _, fault := range faults {
			elsewhere := strings.Contains(fault.Key, planted) || strings.Contains(fault.Message, "unknown key")
			if strings.Contains(fault.Message, planted) && !elsewhere {
				t.Errorf("Decode(key: %s) = %q: the secret is in it", text, fault)
			}
		}
	})
}

// FuzzOverride: a variable under the prefix is either used or unknown, what is used leaves its mark on the document, and
// what is not leaves none.
func FuzzOverride(f *testing.F) {
	for _, seed := range []string{
		"LOG", "BASE_URL", "BASE_PATH", "LISTENERS_MAIN_PORT", "LISTENERS_MY_ADMIN_V2_KEY", "RULES_1_WAIT", "RULES_9_PORT", "LOG_",
		"ARGS_DEEP_0_X", "AUTH_BASIC_USER", "NAMES", "NAMES_0", "_", "TWIN_A",
	} {
		f.Add(seed, "5")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.Contains(name, "=") {
			return
		}
		name = "SLUICE_" + name
		d, into := parse(t, layered), settings{}
		used, unknown := d.Override(&into, "SLUICE", []string{name + "=" + value})
		if all := slices.Concat(used, unknown); !slices.Equal(all, []string{name}) {
			t.Errorf("Override(%s) = %q, %q, want it in exactly one", name, used, unknown)
		}
		for _, fault := range strict.Decode(d, &into) {
			if fault.File != "environment "+name {
				t.Errorf("Decode() after %s=%q = %q, want a fault of the variable alone", name, value, fault)
			}
		}
		marked := slices.ContainsFunc(marks(d.Root(), nil), func(file string) bool { return file == "environment "+name })
		if marked != (used != nil) {
			t.Errorf("after Override(%s) used = %q, marked = %t, want them to agree", name, used, marked)
		}
	})
}

// marks adds the place of each node at and below n.
func marks(n *strict.Node, files []string) []string {
	files = append(files, n.Faultf("").File)
	for _, item := range n.Items() {
		files = marks(item, files)
	}
	for _, name := range n.Names() {
		files = marks(n.Child(name), files)
	}
	return files
}
