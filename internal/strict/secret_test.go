package strict_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"sluice/internal/strict"
)

const planted = "hunter2-planted"

type vault struct {
	Key strict.Secret `yaml:"key"`
}

// unlock decodes one reference; the environment holds K and the empty E.
func unlock(t *testing.T, file, text string, files fs.FS) (strict.Secret, strict.Faults) {
	t.Helper()
	d, faults := strict.Parse(file, []byte("key: "+text+"\n"))
	if err := faults.Err(); err != nil {
		t.Fatalf("Parse(%q) = %v, want no fault", text, err)
	}
	d.Environ(func(name string) (string, bool) {
		value, ok := map[string]string{"K": planted, "E": ""}[name]
		return value, ok
	})
	if files != nil {
		d.Files(func(path string) (fs.File, error) { return files.Open(filepath.ToSlash(path)) })
	}
	var v vault
	faults = strict.Decode(d, &v)
	return v.Key, faults
}

func TestSecret(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/keys/a": {Data: []byte(planted + "\n")},
		"etc/crlf":   {Data: []byte(planted + "\r\n")},
		"etc/two":    {Data: []byte(planted + "\n\n")},
		"etc/limit":  {Data: bytes.Repeat([]byte("k"), strict.MaxSecretBytes)},
	}
	tests := []struct{ name, text, want string }{
		{"environment", "${env:K}", planted},
		{"file beside the configuration", "${file:keys/a}", planted},
		{"one line end is trimmed", "${file:crlf}", planted},
		{"one only", "${file:two}", planted + "\n"},
		{"a file of just the bound", "${file:limit}", strings.Repeat("k", strict.MaxSecretBytes)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, faults := unlock(t, "etc/sluice.yaml", tt.text, files)
			if err := faults.Err(); err != nil || got.Reveal() != tt.want {
				t.Errorf("Decode(%s) = %q, %v, want %q", tt.text, got.Reveal(), err, tt.want)
			}
			if got.Reference() != tt.text || got.IsZero() {
				t.Errorf("Reference() = %q, IsZero() = %t, want %q, false", got.Reference(), got.IsZero(), tt.text)
			}
		})
	}
}

// The real file system: an absolute path stands as it is, a relative one starts from the folder of the document.
func TestSecretFileOnDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "key"), []byte(planted), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"${file:key}", "${file:" + filepath.Join(folder, "key") + "}"} {
		got, faults := unlock(t, filepath.Join(folder, "sluice.yaml"), text, nil)
		if err := faults.Err(); err != nil || got.Reveal() != planted {
			t.Errorf("Decode(%s) = %q, %v, want %q", text, got.Reveal(), err, planted)
		}
	}
	_, faults := unlock(t, filepath.Join(folder, "sluice.yaml"), "${file:.}", nil)
	if want := "secret file " + folder + " cannot be read: is a directory"; len(faults) != 1 || faults[0].Message != want {
		t.Errorf("Decode(${file:.}) = %v, want %q", faults, want)
	}
}

type locked struct{}

func (locked) Open(string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: "etc/x", Err: fs.ErrPermission}
}

func TestSecretFaults(t *testing.T) {
	t.Parallel()
	const want = "a secret must be a reference such as ${env:NAME} or ${file:/run/secrets/name}; the value itself does not belong in the file"
	files := fstest.MapFS{
		"etc/empty": {Data: []byte("\n")},
		"etc/large": {Data: bytes.Repeat([]byte("k"), strict.MaxSecretBytes+1)},
	}
	tests := []struct {
		name, text string
		files      fs.FS
		want       string
	}{
		{"plain", planted, files, want},
		{"number", "12345", files, want},
		{"empty", "", files, want},
		{"list", "[" + planted + "]", files, want},
		{"mapping", "{" + planted + ": x}", files, want},
		{"part of a value", "x${env:K}", files, want},
		{"other scheme", "${vault:" + planted + "}", files, want},
		{"no name", "${env:}", files, want},
		{"blank in the name", "'${env: K}'", files, want},
		{"not set", "${env:NO}", files, "environment variable NO is not set: set it before the start"},
		{"set to nothing", "${env:E}", files, "environment variable E is empty: give it the secret"},
		{"no file", "${file:no}", files, "secret file etc/no does not exist: create it with the secret"},
		{"empty file", "${file:empty}", files, "secret file etc/empty is empty: write the secret into it"},
		{"large file", "${file:large}", files, "secret file etc/large is larger than 64KiB: it must hold the secret alone"},
		{"locked file", "${file:x}", locked{}, "secret file etc/x cannot be read: permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, faults := unlock(t, "etc/sluice.yaml", tt.text, tt.files)
			if len(faults) != 1 || faults[0].Message != tt.want || faults[0].Key != "key" {
				t.Errorf("Decode(%s) = %v, want %q at key", tt.text, faults, tt.want)
			}
			if !got.IsZero() || got.Reveal() != "" {
				t.Errorf("Decode(%s) left %q, want the zero Secret", tt.text, got.Reveal())
			}
		})
	}
}

// printed is every way a struct can hold a secret. fmt calls no methods on what it finds in unexported fields.
type printed struct {
	Open    strict.Secret
	Pointer *strict.Secret
	List    []strict.Secret
	Map     map[string]strict.Secret
	Any     any
	hidden  strict.Secret
	below   struct{ deep []strict.Secret }
	Err     error
}

func holder(s strict.Secret) printed {
	p := printed{s, &s, []strict.Secret{s}, map[string]strict.Secret{"k": s}, s, s, struct{ deep []strict.Secret }{[]strict.Secret{s}}, nil}
	p.Err = fmt.Errorf("sign in with %v: %w", s, errors.New("refused"))
	return p
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := strict.NewSecret("${env:K}", planted)
	p := holder(s)
	outputs := map[string]string{}
	for _, verb := range strings.Split("v +v #v s q x X d b o O c U e E f F g G t p T w", " ") {
		for form, arg := range map[string]any{"secret": s, "pointer": &s, "struct": p, "struct pointer": &p, "list": p.List, "map": p.Map} {
			outputs["%"+verb+" of "+form] = fmt.Sprintf("%"+verb+" %[1]"+strings.TrimLeft(verb, "+#"), arg)
		}
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal, "xml": xml.Marshal} {
		text, err := marshal(map[bool]any{true: vault{s}, false: p}[name == "xml"])
		if err != nil {
			t.Errorf("%s: %v, want no error", name, err)
		}
		if !strings.Contains(string(text), "[redacted]") {
			t.Errorf("%s = %s, want [redacted] in it", name, text)
		}
		outputs[name] = string(text)
	}
	var sealed bytes.Buffer
	outputs["gob"] = fmt.Sprint(gob.NewEncoder(&sealed).Encode(vault{s}), sealed.String())
	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).With("with", s).Error("m", "secret", s, "pointer", &s, "struct", p, "list", p.List, "err", p.Err)
	}
	outputs["slog"] = logged.String()
	hexed := fmt.Sprintf("%x", planted)
	for how, output := range outputs {
		if strings.Contains(output, planted) || strings.Contains(strings.ToLower(output), hexed) {
			t.Errorf("%s = %s: the secret is in it", how, output)
		}
	}
	if got, want := fmt.Sprintf("%v %s %q %#v %d", s, s, s, s, s), strings.TrimSpace(strings.Repeat("[redacted] ", 5)); got != want {
		t.Errorf("Sprintf() = %q, want %q", got, want)
	}
}

func TestSecretCompares(t *testing.T) {
	t.Parallel()
	a, again := strict.NewSecret("${env:K}", planted), strict.NewSecret("${env:K}", strings.Clone(planted))
	other, moved := strict.NewSecret("${env:K}", "else"), strict.NewSecret("${env:L}", planted)
	if a != again {
		t.Error("two secrets of one reference and value differ, want ==")
	}
	if a == other || a == moved || a == (strict.Secret{}) {
		t.Error("secrets of other values or references are ==, want them to differ")
	}
	if !a.Equal(moved) || a.Equal(other) || a.Equal(strict.Secret{}) || !(strict.Secret{}).Equal(strict.Secret{}) {
		t.Error("Equal() must ask for the value alone")
	}
	if got := map[strict.Secret]int{a: 1}[again]; got != 1 {
		t.Errorf("map lookup by an equal secret = %d, want 1", got)
	}
	if zero := (strict.Secret{}); !zero.IsZero() || zero.Reveal() != "" || zero.Reference() != "" {
		t.Errorf("the zero Secret reveals %q of %q, want nothing", zero.Reveal(), zero.Reference())
	}
}
