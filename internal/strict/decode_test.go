package strict_test

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/strict"
)

// everything has a field of each type that Decode understands, and of each rule.
type everything struct {
	Name     string                 `yaml:"name" jsonschema:"required,pattern=^[a-z_]{1\\,8}$,example=tdx"`
	Mode     string                 `yaml:"mode" jsonschema:"enum=fast,enum=careful,default=fast"`
	Note     string                 `yaml:"note" jsonschema:"minLength=2,maxLength=4"`
	On       bool                   `yaml:"on" jsonschema:"default=true"`
	Workers  int                    `yaml:"workers" jsonschema:"minimum=1,maximum=64,default=4"`
	Tiny     int8                   `yaml:"tiny"`
	Port     uint16                 `yaml:"port"`
	Ratio    float64                `yaml:"ratio" jsonschema:"minimum=0,maximum=1,default=0.5"`
	Timeout  time.Duration          `yaml:"timeout" jsonschema:"minimum=1s,maximum=7d,default=25s"`
	Body     strict.Size            `yaml:"body" jsonschema:"maximum=8MiB,default=64KiB"`
	Network  netip.Prefix           `yaml:"network"`
	Tags     []string               `yaml:"tags" jsonschema:"minItems=1,maxItems=2,enum=a,enum=b,default=a,default=b"`
	Codes    strict.OneOrMany[int]  `yaml:"codes" jsonschema:"minimum=100,default=200"`
	Weights  map[string]float64     `yaml:"weights" jsonschema:"minimum=0"`
	Limit    *int                   `yaml:"limit" jsonschema:"minimum=0"`
	Args     any                    `yaml:"args"`
	Inner    inner                  `yaml:"inner"`
	Pointer  *inner                 `yaml:"pointer"`
	Auth     auth                   `yaml:"auth"`
	Range    span                   `yaml:"range"`
	Children map[string]*everything `yaml:"children"`
	Matrix   [][]int                `yaml:"matrix"`
	Shared   `yaml:",inline"`
	Skipped  string `yaml:"-"`
	hidden   string //nolint:unused // Decode must pass over it
}

type inner struct {
	Depth int    `yaml:"depth" jsonschema:"default=3"`
	Must  string `yaml:"must" jsonschema:"required"`
}

type Shared struct {
	Region string `yaml:"region" jsonschema:"default=eu"`
}

type auth struct {
	strict.Union `yaml:"-"`
	Login        *struct{}    `yaml:"login,omitempty"`
	Basic        *credentials `yaml:"basic,omitempty"`
	Hosts        []string     `yaml:"hosts,omitempty"`
}

type credentials struct {
	User string `yaml:"user" jsonschema:"required"`
}

// span reads itself: 3-5, or a mapping of from and to.
type span struct{ From, To int }

func (s *span) UnmarshalStrict(n *strict.Node) strict.Faults {
	if n.Kind() != strict.Scalar {
		type mapping span // without this method
		return n.DecodeInto((*mapping)(s))
	}
	if _, err := fmt.Sscanf(n.Text(), "%d-%d", &s.From, &s.To); err != nil {
		return strict.Faults{n.Faultf("is %q, must be a range such as 3-5", n.Text())}
	}
	return nil
}

// parse returns a document without faults.
func parse(t *testing.T, text string) *strict.Document {
	t.Helper()
	d, faults := strict.Parse("f.yaml", []byte(text))
	if err := faults.Err(); err != nil {
		t.Fatalf("Parse(%q) = %v, want no fault", text, err)
	}
	return d
}

// defaults is what a document of nothing but a name becomes.
func defaults() everything {
	return everything{
		Name: "x", Mode: "fast", On: true, Workers: 4, Ratio: 0.5, Timeout: 25 * time.Second, Body: 64 << 10,
		Tags: []string{"a", "b"}, Codes: strict.OneOrMany[int]{200}, Inner: inner{Depth: 3}, Shared: Shared{Region: "eu"},
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	limit := 0
	tests := []struct {
		name, text string
		change     func(*everything)
	}{
		{"defaults", "", func(*everything) {}},
		{"strings", "mode: careful\nnote: '12'\nregion: us", func(e *everything) { e.Mode, e.Note, e.Region = "careful", "12", "us" }},
		{"a date is a string", "note: 2024-01-02\n", nil},
		{"false against a default of true", "on: false", func(e *everything) { e.On = false }},
		{"numbers", "workers: 0x10\ntiny: -128\nport: 65535\nratio: 1", func(e *everything) {
			e.Workers, e.Tiny, e.Port, e.Ratio = 16, math.MinInt8, math.MaxUint16, 1
		}},
		{"signs and underscores", "workers: +6_4\nport: +80", func(e *everything) { e.Workers, e.Port = 64, 80 }},
		{"duration", "timeout: 1d12h", func(e *everything) { e.Timeout = 36 * time.Hour }},
		{"size", "body: 4MB", func(e *everything) { e.Body = 4e6 }},
		{"text", "network: 10.0.0.0/8", func(e *everything) { e.Network = netip.MustParsePrefix("10.0.0.0/8") }},
		{"lists", "tags: [b]\nmatrix: [[1], []]", func(e *everything) { e.Tags, e.Matrix = []string{"b"}, [][]int{{1}, {}} }},
		{"one of one or many", "codes: 404", func(e *everything) { e.Codes = strict.OneOrMany[int]{404} }},
		{"many of one or many", "codes: [404, 410]", func(e *everything) { e.Codes = strict.OneOrMany[int]{404, 410} }},
		{"pointer to a number", "limit: 0", func(e *everything) { e.Limit = &limit }},
		{"plain data", "args: {a: [1, x, null, 2.5, true]}", func(e *everything) {
			e.Args = map[string]any{"a": []any{1, "x", nil, 2.5, true}}
		}},
		{"null for any", "args: null", func(*everything) {}},
		{"map", "weights: {a: 1, b: 0.5}", func(e *everything) { e.Weights = map[string]float64{"a": 1, "b": 0.5} }},
		{"struct behind a pointer", "pointer: {must: x}", func(e *everything) { e.Pointer = &inner{3, "x"} }},
		{"union", "auth: {login: {}}", func(e *everything) { e.Auth.Login = &struct{}{} }},
		{"type that reads itself, as a scalar", "range: 3-5", func(e *everything) { e.Range = span{3, 5} }},
		{"type that reads itself, as a mapping", "range: {from: 3, to: 5}", func(e *everything) { e.Range = span{3, 5} }},
		{"type within itself", "children: {y: {name: x}}", func(e *everything) {
			child := defaults()
			e.Children = map[string]*everything{"y": &child}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got everything
			faults := strict.Decode(parse(t, "name: x\n"+tt.text), &got)
			if tt.change == nil { // the rule about length is what a date in a short field breaks, not its type
				if want := "f.yaml:2:7: note: has 10 characters, must have at most 4"; faults.Error() != want {
					t.Errorf("Decode(%q) = %q, want %q", tt.text, faults, want)
				}
				return
			}
			want := defaults()
			tt.change(&want)
			if err := faults.Err(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Decode(%q) = %+v, %v, want %+v", tt.text, got, err, want)
			}
		})
	}
}

func TestDecodeFaults(t *testing.T) {
	t.Parallel()
	const keys = "did you mean "
	tests := []struct {
		name, text string
		want       []string // each without "f.yaml:"; the line of name is the first
	}{
		{"string", "mode: [a]\nnote: 80\nregion: {a: 1}", []string{
			`2:7: mode: is a list, must be a string`,
			`3:7: note: is a number, must be a string: put it in quotes`,
			`4:9: region: is a mapping, must be a string`}},
		{"reference outside a secret", "region: ${env:HOME}", []string{
			`2:9: region: is a reference, but this key holds no secret: write the value, or set it by its environment variable`}},
		{"null", "workers:\ntags:\ninner: ~\nregion: null\nlimit:\ntimeout:\nnetwork:\ncodes:", []string{
			`2:1: workers: is empty, must be a whole number, or leave the key out`,
			`3:1: tags: is empty, must be a list ([] when it has no entries)`,
			`4:8: inner: is empty, must be a mapping ({} when it has no entries)`,
			`5:9: region: is empty, must be a string, or leave the key out`,
			`6:1: limit: is empty, must be a whole number, or leave the key out`,
			`7:1: timeout: is empty, must be a duration such as 25s, 10m or 7d, or leave the key out`,
			`8:1: network: is empty, must be a value such as 192.0.2.0/24, or leave the key out`,
			`9:1: codes: is empty, must be a whole number, or leave the key out`}},
		{"bool", "on: 'true'", []string{`2:5: on: is a string, must be true or false: remove the quotes`}},
		{"bool of old", "on: yes", []string{`2:5: on: is a string, must be true or false`}},
		{"whole number", "workers: 1.5\ntiny: 128\nport: -1\nlimit: '5'", []string{
			`2:10: workers: is 1.5, must be a whole number`,
			`3:7: tiny: is 128, must be from -128 to 127`,
			`4:7: port: is -1, must be from 0 to 65535`,
			`5:8: limit: is a string, must be a whole number: remove the quotes`}},
		{"leading zero", "workers: 010\nargs: [007]", []string{
			`2:10: workers: is 010, must have no leading zero: say 0o… for octal`,
			`3:8: args[0]: is 007, must have no leading zero: say 0o… for octal`}},
		{"number", "ratio: .inf\nargs: 99999999999999999999\nweights: {a: x}", []string{
			`2:8: ratio: is .inf, must be a finite number`,
			`4:14: weights.a: is a string, must be a number`}},
		{"bounds", "workers: 0\nratio: 1.5\ntimeout: 8d\nbody: 9MiB\ncodes: [99, 100]\nweights: {a: -1}\nlimit: -1", []string{
			`2:10: workers: is 0, must be at least 1`,
			`3:8: ratio: is 1.5, must be at most 1`,
			`4:10: timeout: is 8d, must be at most 7d`,
			`5:7: body: is 9MiB, must be at most 8MiB`,
			`6:9: codes[0]: is 99, must be at least 100`,
			`7:14: weights.a: is -1, must be at least 0`,
			`8:8: limit: is -1, must be at least 0`}},
		{"duration", "timeout: 25", []string{`2:10: timeout: is 25 without a unit: say 25s for seconds`}},
		{"duration of words", "timeout: soon", []string{`2:10: timeout: is "soon", must be a duration such as 25s, 10m or 7d`}},
		{"negative duration", "timeout: -5s", []string{`2:10: timeout: is -5s, must not be negative`}},
		{"size", "body: 8", []string{`2:7: body: is "8", must be a value such as 8MiB (no unit: say 8B, 8KiB or 8MiB)`}},
		{"text", "network: 10.0.0.0", []string{
			`2:10: network: is "10.0.0.0", must be a value such as 192.0.2.0/24 (netip.ParsePrefix("10.0.0.0"): no '/')`}},
		{"enum", "mode: fats\ntags: [c]", []string{
			`2:7: mode: is "fats"; ` + keys + `fast?`, `3:8: tags[0]: is "c"; must be one of a or b`}},
		{"length", "note: x", []string{`2:7: note: has 1 character, must have at least 2`}},
		{"count", "tags: []", []string{`2:7: tags: has 0 entries, must have at least 1`}},
		{"count above", "tags: [a, b, a]", []string{`2:7: tags: has 3 entries, must have at most 2`}},
		{"unknown key", "wokers: 4\ninner: {must: x, zzz: 1}", []string{
			`2:1: wokers: unknown key; ` + keys + `workers?`, `3:18: inner.zzz: unknown key; must be one of depth or must`}},
		{"skipped and hidden fields are unknown", "skipped: x\nhidden: x", []string{
			`2:1: skipped: unknown key; must be one of name, mode, note, on, workers, tiny, port, ratio, timeout, body, network, tags … (11 more)`,
			`3:1: hidden: unknown key; must be one of name, mode, note, on, workers, tiny, port, ratio, timeout, body, network, tags … (11 more)`}},
		{"required", "pointer: {}\nchildren:\n  y: {}", []string{
			`2:1: pointer.must: is required`, `4:3: children.y.name: is required`}},
		{"union of none", "auth: {}", []string{`2:1: auth: exactly one of login, basic, hosts must be set; found none`}},
		{"union of many", "auth: {login: {}, basic: {user: x}, hosts: []}", []string{
			`2:1: auth: exactly one of login, basic, hosts must be set; found login, basic and hosts`}},
		{"union of an unknown one", "auth: {bsaic: {user: x}}", []string{`2:8: auth.bsaic: unknown key; ` + keys + `basic?`}},
		{"hook", "range: far\nchildren: {y: {name: x, range: {from: x}}}", []string{
			`2:8: range: is "far", must be a range such as 3-5`,
			`3:39: children.y.range.from: is a string, must be a whole number`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got everything
			want := "f.yaml:" + strings.Join(tt.want, "\nf.yaml:")
			if got := strict.Decode(parse(t, "name: x\n"+tt.text), &got).Error(); got != want {
				t.Errorf("Decode(%q) =\n%s\nwant\n%s", tt.text, got, want)
			}
		})
	}
}

func TestDecodeOfNothing(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "", "f.yaml:1:1: name: is required"},
		{"null", "null", "f.yaml:1:1: is empty, must be a mapping ({} when it has no entries)"},
		{"a list", "- 1", "f.yaml:1:1: is a list, must be a mapping"},
		{"pattern", "name: TDX", `f.yaml:1:7: name: is "TDX", must match ^[a-z_]{1,8}$ such as tdx`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var into everything
			if got := strict.Decode(parse(t, tt.text), &into).Error(); got != tt.want {
				t.Errorf("Decode(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

// One document may be read as several structs, as sluice.yaml is by its parts, and each Decode is whole.
func TestDecodeTwice(t *testing.T) {
	t.Parallel()
	d := parse(t, "name: x\nworkers: 2\n")
	var first, second everything
	if err := append(strict.Decode(d, &first), strict.Decode(d, &second)...).Err(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) || first.Workers != 2 {
		t.Errorf("second Decode() = %+v, want %+v", second, first)
	}
}

func TestTypesThatPanic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		into any
		want string
	}{
		{"no pointer", everything{}, "strict: cannot decode into strict_test.everything: give a pointer"},
		{"unknown word", &struct {
			A string `yaml:"a" jsonschema:"requird"`
		}{}, `A: jsonschema tag: unknown word "requird"`},
		{"wrong default", &struct {
			B int `yaml:"b" jsonschema:"default=many"`
		}{}, "default of b: b: is a string, must be a whole number"},
		{"default out of bounds", &struct {
			B int `yaml:"b" jsonschema:"default=0,minimum=1"`
		}{}, "default of b: b: is 0, must be at least 1"},
		{"embedded without inline", &struct{ Shared }{}, `embeds strict_test.Shared: tag it yaml:",inline" or yaml:"-"`},
		{"pattern of a number", &struct {
			A int `yaml:"a" jsonschema:"pattern=x"`
		}{}, "A: jsonschema tag: pattern, minLength or maxLength means nothing for int"},
		{"bounds of a string", &struct {
			A []string `yaml:"a" jsonschema:"minimum=1"`
		}{}, "A: jsonschema tag: minimum or maximum means nothing for []string"},
		{"count of a string", &struct {
			A string `yaml:"a" jsonschema:"minItems=1"`
		}{}, "A: jsonschema tag: minItems or maxItems means nothing for string"},
		{"choice of secrets", &struct {
			A map[string]strict.Secret `yaml:"a" jsonschema:"enum=x"`
		}{}, "A: jsonschema tag: enum means nothing for map[string]strict.Secret"},
		{"default of a secret", &struct {
			A strict.Secret `yaml:"a" jsonschema:"default=${env:X}"`
		}{}, "A: jsonschema tag: default means nothing for strict.Secret"},
		{"interface with methods", &struct {
			A fmt.Stringer `yaml:"a"`
		}{}, "strict: a: only the empty interface can be decoded, not fmt.Stringer"},
		{"channel", &struct {
			A chan int `yaml:"a"`
		}{}, "strict: a: fields of type chan int cannot be decoded"},
		{"map of numbers", &struct {
			A map[int]string `yaml:"a"`
		}{}, "strict: map[int]string: the keys of a map must be strings"},
		{"union of values", &struct {
			strict.Union `yaml:"-"`
			A            string `yaml:"a"`
		}{}, "is a union: A must be a pointer, a slice or a map"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, "a: {}\n")
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tt.want) {
					t.Errorf("Decode() panics with %q, want %q in it", got, tt.want)
				}
			}()
			_ = strict.Decode(d, tt.into)
		})
	}
}
