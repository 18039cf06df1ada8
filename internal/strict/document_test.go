package strict_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sluice/internal/strict"
)

// plain decodes a document that must be free of faults into plain Go data.
func plain(t *testing.T, text string) any {
	t.Helper()
	d, faults := strict.Parse("f.yaml", []byte(text))
	var got any
	faults = append(faults, d.Root().DecodeInto(&got)...)
	if err := faults.Err(); err != nil {
		t.Fatalf("Parse(%q) = %v, want no fault", text, err)
	}
	return got
}

func TestParse(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	tests := []struct {
		name, text string
		want       any
	}{
		{"empty file", "", nil},
		{"comments alone", "# nothing\n", nil},
		{"one document with its mark", "---\na: 1\n", m{"a": 1}},
		{"byte order mark and CRLF", "\ufeffa: 1\r\nb: x\r\n", m{"a": 1, "b": "x"}},
		{"scalars", "[1, 0x10, 0o17, -2, 1_000, 1.5, 1e3, true, no, ~, '1', 2024-01-02]",
			[]any{1, 16, 15, -2, 1000, 1.5, 1000.0, true, "no", nil, "1", "2024-01-02"}},
		{"a string by its tag", "a: !!str 80", m{"a": "80"}},
		{"alias", "a: &x {b: 1}\nc: *x\n", m{"a": m{"b": 1}, "c": m{"b": 1}}},
		{"alias as a key", "a: &x y\n*x : 1\n", m{"a": "y", "y": 1}},
		{"merge", "a: &x {b: 1, c: 1}\nd:\n  c: 2\n  <<: *x\n", m{"a": m{"b": 1, "c": 1}, "d": m{"b": 1, "c": 2}}},
		{"merge of several, the first wins", "a: &x {b: 1}\nc: &y {b: 2, d: 2}\ne: {<<: [*x, *y]}\n",
			m{"a": m{"b": 1}, "c": m{"b": 2, "d": 2}, "e": m{"b": 1, "d": 2}}},
		{"a quoted << is a key", "\"<<\": 1\n", m{"<<": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := plain(t, tt.text); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Parse(%q) = %#v, want %#v", tt.text, got, tt.want)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 66) + strings.Repeat("]", 66)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unclosed quote", "a: 1\nb: \"x\nc: 1\n", []string{`2:1: a quote is not closed`}},
		{"unclosed list", "a: 1\nb: [1,\n  2\nc: 3\n", []string{`2:1: a list in [ ] is not closed, or a comma is missing`}},
		{"unclosed mapping", "a: {b: 1\n", []string{`1:1: a mapping in { } is not closed, or a comma is missing`}},
		{"tab", "a:\n  b: 1\n\tc: 2\n", []string{`3:1: a tab in the indentation: use spaces`}},
		{"tab before an item", "a:\n\t- b\n", []string{`2:1: a value begins with a tab, @, % or a backquote: indent with spaces, and quote such a value`}},
		{"two colons", "ok: 1\n  a: b: c\n", []string{`2:3: a second key on the line of a value: check the indentation, or quote the value if the colon belongs to it`}},
		{"deeper than its sibling", "a: 1\nb: 2\n c: 3\n", []string{`3:2: a second key on the line of a value: check the indentation, or quote the value if the colon belongs to it`}},
		{"no colon", "a: 1\nhunter2\nc: 1\nd: 1\n", []string{`2:1: a key without a colon: write key: value`}},
		{"item among keys", "a:\n  b: 1\n  - c\nd: 1\ne: 1\n", []string{`3:3: no key where one must be: check the indentation and the quotes`}},
		{"key among items", "- a\nb: 1\n", []string{`2:1: a key among the items of a list: check the indentation`}},
		{"text after a quote", "a: 'it's'\nb: 1\nc: 1\n", []string{`1:1: no key where one must be: check the indentation and the quotes`}},
		{"escape", "a: \"\\hunter2\"\n", []string{`1:1: an escape that YAML does not know: write \\ for a backslash, or use single quotes`}},
		{"unknown anchor", "a: 1\npassword: *hunter2\n", []string{`2:1: an alias (*) to an anchor that does not exist: quote the value if the * belongs to it`}},
		{"undefined tag", "a: !hunter2!x y\n", []string{`1:1: a value begins with !: quote it if the ! belongs to it`}},
		{"a bracket alone", "a: 1\nb: }\nc: 1\nd: 1\n", []string{`2:1: no value where one must be: check the brackets, and quote a value that begins with one`}},
		{"block scalar", "a: |1x\n  foo\n", []string{`1:1: is not YAML: did not find expected comment or line break`}},
		{"not UTF-8", "a: 1\nb: \xff\n", []string{`2:4: is not UTF-8: save the file as UTF-8`}},
		{"control character", "é: \x01\n", []string{`1:4: is a control character, U+0001: write it as an escape in double quotes`}},
		{"second document", "a: 1\n---\n\nb: 2\n", []string{`2:1: a second document begins here: a file holds one; remove the --- or make it a file of its own`}},
		{"second document broken", "a: 1\n---\nb: {c: 1\n", []string{`3:1: a mapping in { } is not closed, or a comma is missing`}},
		{"duplicate keys", "a: 1\nb:\n  c: 1\n  c: 2\na: 2\n", []string{`4:3: b.c: is set twice, first at 3:3: keep one`, `5:1: a: is set twice, first at 1:1: keep one`}},
		{"keys that are no strings", "5: a\nx: {true: b, ~: c, [d]: e, '': f}\n", []string{
			`1:1: has a key that is not a string: put it in quotes`,
			`2:5: x: has a key that is not a string: put it in quotes`,
			`2:14: x: has a key that is not a string: put it in quotes`,
			`2:20: x: has a key that is a list or a mapping: a key must be a word`,
			`2:28: x: has an empty key: name it`,
		}},
		{"tags", "a: !hunter2\nb: !!int 5\nc: !!binary aGk=\n", []string{
			`1:4: a: has a tag (!): tags are not read; remove it, or quote the value if the ! belongs to it`,
			`2:4: b: has a tag (!): tags are not read; remove it, or quote the value if the ! belongs to it`,
			`3:4: c: has a tag (!): tags are not read; remove it, or quote the value if the ! belongs to it`,
		}},
		{"alias of itself", "a: &x\n  b: *x\n", []string{`2:6: a.b: is an alias of a value that holds it`}},
		{"merge of a list", "a: &x [1]\nb: {<<: *x}\n", []string{`2:9: b: merges (<<) what is a number: only mappings can be merged`}},
		{"too deep", deep, []string{`1:66: ` + strings.Repeat("[0]", 65) + `: is nested deeper than 64 levels`}},
		{"too large", "a: " + strings.Repeat("x", strict.MaxBytes), []string{`1:1: is 4194307 bytes, must be at most 4194304: split it`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, faults := strict.Parse("f.yaml", []byte(tt.text))
			if d == nil {
				t.Fatal("Parse() = nil document, want one")
			}
			want := "f.yaml:" + strings.Join(tt.want, "\nf.yaml:")
			if got := faults.Error(); got != want {
				t.Errorf("Parse() =\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestBrokenDocumentStaysAtFault(t *testing.T) {
	t.Parallel()
	d, faults := strict.Parse("f.yaml", []byte("a: {"))
	var into struct{}
	if got, want := strict.Decode(d, &into).Error(), faults.Error(); got != want || got == "" {
		t.Errorf("Decode() of a broken document = %q, want %q", got, want)
	}
}

// A bomb of nine levels would be 9^9 values; it must end at the bound, with one fault.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), ", "))
	}
	_, faults := strict.Parse("f.yaml", []byte(b.String()))
	if len(faults) != 1 || !strings.HasSuffix(faults[0].Message, "aliases add more than 10000 values: write fewer of them") {
		t.Errorf("Parse() = %d faults %v, want the one about aliases", len(faults), faults)
	}
}

// A syntax error far into a large file must be found without parsing the file once for each line.
func TestSyntaxErrorInLargeFile(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("- {a: 1, b: [x, y]}\n", 600) + "- {a: 1\n" + strings.Repeat("- b\n", 600)
	_, faults := strict.Parse("f.yaml", []byte(text))
	want := "f.yaml:601:1: a mapping in { } is not closed, or a comma is missing"
	if got := faults.Error(); got != want {
		t.Errorf("Parse() = %q, want %q", got, want)
	}
}

func TestFaultf(t *testing.T) {
	t.Parallel()
	d, faults := strict.Parse("f.yaml", []byte("connections:\n  tdx:\n    base_url: x\n    note:\n  a.b:\n    list:\n      - one\n      - two: 2\n"))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"the value", "connections.tdx.base_url", "f.yaml:3:15: connections.tdx.base_url: is 1"},
		{"the key of no value", "connections.tdx.note", "f.yaml:4:5: connections.tdx.note: is 1"},
		{"the parent of no key", "connections.tdx.auth.basic", "f.yaml:2:3: connections.tdx.auth.basic: is 1"},
		{"a key with a dot", "connections.a.b.list[0]", "f.yaml:7:9: connections.a.b.list[0]: is 1"},
		{"an item's key", "connections.a.b.list[1].two", "f.yaml:8:14: connections.a.b.list[1].two: is 1"},
		{"no such item", "connections.a.b.list[2]", "f.yaml:6:5: connections.a.b.list[2]: is 1"},
		{"no such root key", "listeners", "f.yaml:1:1: listeners: is 1"},
		{"everything", "", "f.yaml:1:1: is 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := d.Faultf(tt.path, "is %d", 1).String(); got != tt.want {
				t.Errorf("Faultf(%q) = %q, want %q", tt.path, got, tt.want)
			}
		})
	}
}
