package strict_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/strict"
)

type settings struct {
	Log       string                   `yaml:"log"`
	Base      *base                    `yaml:"base"`
	BaseURL   string                   `yaml:"base_url"`
	Listeners map[string]*listener     `yaml:"listeners"`
	Rules     []listener               `yaml:"rules"`
	Args      any                      `yaml:"args"`
	Auth      auth                     `yaml:"auth"`
	Names     strict.OneOrMany[string] `yaml:"names"`
}

type base struct {
	URL  string `yaml:"url"`
	Path string `yaml:"path" jsonschema:"default=/api"`
}

type listener struct {
	Address string        `yaml:"address"`
	Port    int           `yaml:"port"`
	Wait    time.Duration `yaml:"wait"`
	Key     strict.Secret `yaml:"key"`
}

const layered = `
log: info
base_url: http://one
listeners:
  main: {address: a, port: 1}
  my-admin.v2: {}
  twin-a: {}
  twin_a: {}
rules:
  - {port: 1}
  - {port: 2}
args: {deep: [{x: 1}]}
`

func TestOverride(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, variable string
		read           func(settings) any
		want           any
	}{
		{"a field", "SLUICE_LOG=debug", func(s settings) any { return s.Log }, "debug"},
		{"a string stays one", "SLUICE_LOG=80", func(s settings) any { return s.Log }, "80"},
		{"an empty string", "SLUICE_LOG=", func(s settings) any { return s.Log }, ""},
		{"an equals sign", "SLUICE_LOG=a=b", func(s settings) any { return s.Log }, "a=b"},
		{"an entry of a map", "SLUICE_LISTENERS_MAIN_PORT=8080", func(s settings) any { return s.Listeners["main"].Port }, 8080},
		{"an odd key", "SLUICE_LISTENERS_MY_ADMIN_V2_WAIT=7d", func(s settings) any { return s.Listeners["my-admin.v2"].Wait }, 7 * 24 * time.Hour},
		{"an item of a list", "SLUICE_RULES_1_PORT=3", func(s settings) any { return s.Rules[1].Port }, 3},
		{"the longer name first", "SLUICE_BASE_URL=x", func(s settings) any { return s.BaseURL }, "x"},
		{"the shorter where the longer does not fit", "SLUICE_BASE_PATH=x", func(s settings) any { return *s.Base }, base{Path: "x"}},
		{"plain data", "SLUICE_ARGS_DEEP_0_X=2.5", func(s settings) any { return s.Args },
			map[string]any{"deep": []any{map[string]any{"x": 2.5}}}},
		{"structs on the way", "SLUICE_AUTH_BASIC_USER=me", func(s settings) any { return *s.Auth.Basic }, credentials{User: "me"}},
		{"one or many", "SLUICE_NAMES=5", func(s settings) any { return s.Names }, strict.OneOrMany[string]{"5"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, layered)
			var got settings
			used, unknown := d.Override(&got, "SLUICE", []string{"PATH=/bin", tt.variable})
			name, _, _ := strings.Cut(tt.variable, "=")
			if !slices.Equal(used, []string{name}) || unknown != nil {
				t.Errorf("Override(%s) = %q, %q, want it used", tt.variable, used, unknown)
			}
			if err := strict.Decode(d, &got).Err(); err != nil {
				t.Fatalf("Decode() after %s = %v, want no fault", tt.variable, err)
			}
			if got := tt.read(got); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Decode() after %s = %#v, want %#v", tt.variable, got, tt.want)
			}
		})
	}
}

func TestOverrideUnknown(t *testing.T) {
	t.Parallel()
	d := parse(t, layered+"auth: {hosts: ['${env:SLUICE_SEEN}']}\n")
	var into settings
	want := []string{
		"SLUICE_", "SLUICE_ARGS_DEEP", "SLUICE_LISTENERS_MAIN", "SLUICE_LISTENERS_NEW_PORT", "SLUICE_LISTENERS_TWIN_A_PORT",
		"SLUICE_LOG_", "SLUICE_LOG_LEVEL", "SLUICE_LOGS", "SLUICE_RULES_2_PORT", "SLUICE_log",
	}
	environ := []string{"SLUICE_SEEN=x", "SLUICEX_LOG=x", "SLUICE=x", "HOME=/root", "SLUICE_LOG"}
	for _, name := range want {
		environ = append(environ, name+"=x")
	}
	used, unknown := d.Override(&into, "SLUICE_", environ)
	slices.Sort(want)
	if used != nil || !slices.Equal(unknown, want) {
		t.Errorf("Override() = %q, %q, want nothing used and %q unknown", used, unknown, want)
	}
	if got := d.Faultf("log", "x").String(); got != "f.yaml:2:6: log: x" {
		t.Errorf("Faultf(log) = %q, want the place in the file: nothing was overridden", got)
	}
}

func TestOverrideFaults(t *testing.T) {
	t.Parallel()
	const key = "a secret must be a reference such as ${env:NAME} or ${file:/run/secrets/name}; the value itself does not belong in the file"
	tests := []struct{ name, variable, want string }{
		{"number", "SLUICE_LISTENERS_MAIN_PORT=x", "environment SLUICE_LISTENERS_MAIN_PORT: listeners.main.port: is a string, must be a whole number"},
		{"nothing for a number", "SLUICE_RULES_0_PORT=", "environment SLUICE_RULES_0_PORT: rules[0].port: is empty, must be a whole number, or leave the key out"},
		{"duration", "SLUICE_LISTENERS_MAIN_WAIT=5", "environment SLUICE_LISTENERS_MAIN_WAIT: listeners.main.wait: is 5 without a unit: say 5s for seconds"},
		{"plain secret", "SLUICE_LISTENERS_MAIN_KEY=hunter2", "environment SLUICE_LISTENERS_MAIN_KEY: listeners.main.key: " + key},
		{"secret of nothing", "SLUICE_LISTENERS_MAIN_KEY=", "environment SLUICE_LISTENERS_MAIN_KEY: listeners.main.key: " + key},
		{"secret not set", "SLUICE_LISTENERS_MAIN_KEY=${env:K}", "environment SLUICE_LISTENERS_MAIN_KEY: listeners.main.key: environment variable K is not set: set it before the start"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, layered)
			d.Environ(func(string) (string, bool) { return "", false })
			var into settings
			d.Override(&into, "SLUICE", []string{tt.variable})
			if got := strict.Decode(d, &into).Error(); got != tt.want {
				t.Errorf("Decode() after %s = %q, want %q", tt.variable, got, tt.want)
			}
		})
	}
}

// A later check may speak of what would stand below an overridden value; the place in the file is no longer its place.
func TestFaultfBelowAnOverride(t *testing.T) {
	t.Parallel()
	d := parse(t, layered)
	var into settings
	d.Override(&into, "SLUICE", []string{"SLUICE_LOG=debug"})
	if got, want := d.Faultf("log.level", "x").String(), "environment SLUICE_LOG: log.level: x"; got != want {
		t.Errorf("Faultf(log.level) = %q, want %q", got, want)
	}
}

// An empty file is where a container that is configured by its environment alone begins.
func TestOverrideOfAnEmptyFile(t *testing.T) {
	t.Parallel()
	d := parse(t, "")
	var got settings
	d.Override(&got, "SLUICE", []string{"SLUICE_LOG=debug", "SLUICE_BASE_URL=http://x"})
	if err := strict.Decode(d, &got).Err(); err != nil || got.Log != "debug" || got.BaseURL != "http://x" {
		t.Errorf("Decode() = %+v, %v, want log debug and base_url http://x", got, err)
	}
	if got, want := d.Faultf("base_url", "x").String(), "environment SLUICE_BASE_URL: base_url: x"; got != want {
		t.Errorf("Faultf(base_url) = %q, want %q", got, want)
	}
}
