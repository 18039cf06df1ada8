package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const filterEvent = `{"identity":{"name":"john.doe"},"changes":[{"attribute":"department","newValue":"Marketing"}],"count":12345678901234567891}`

func TestFilterTry(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(filterEvent), 0o600); err != nil {
		t.Fatalf("write the event: %v", err)
	}
	const matches = "isValid          true\nisValidJSONPath  true\nisPathExist      true\n\nIt matches: "
	for name, c := range map[string]struct {
		stdin  string
		args   []string
		code   int
		out    string
		errs   string
		spared string // must not be in the output
	}{
		"a file":          {"", []string{`$.changes[?(@.attribute == "department")]`, file}, exitOK, matches, "", "no: "},
		"standard input":  {filterEvent, []string{`$[?($.identity.name contains "john")]`, "-"}, exitOK, matches, "", ""},
		"by itself":       {filterEvent, []string{`identity.name`}, exitOK, matches, "", ""},
		"a large number":  {filterEvent, []string{`$[?(@.count == 12345678901234567891)]`}, exitOK, matches, "", ""},
		"no match":        {filterEvent, []string{`$.changes[?(@.newValue =~ /mark/i)]`}, exitUnwell, "isValid          false\nisValidJSONPath  true\nisPathExist      false\n\nIt does not match: ", "", ""},
		"no match's why":  {filterEvent, []string{`$.changes[?(@.newValue =~ /mark/i)]`}, exitUnwell, `    no: @.newValue =~ /mark/i (@.newValue is "Marketing"), which must match the whole value`, "", ""},
		"a failure":       {filterEvent, []string{`$.identity[?(@ empty true)]`}, exitUnwell, "because it failed: empty cannot be asked of an object", "", ""},
		"no filter":       {filterEvent, []string{`$[?($.count = 1)]`}, exitUsage, "isValid          false\nisValidJSONPath  false\nisPathExist      false\n", "sluice: the filter: position 13: write == instead of =\n  $[?($.count = 1)]\n              ^\n", "It "},
		"no document":     {"{", []string{`$.a`}, exitUsage, "", "standard input must be a JSON document", "is"},
		"nothing":         {" \n", []string{`$.a`}, exitUsage, "", "standard input must be a JSON document, and is empty", "is"},
		"too deep":        {strings.Repeat("[", 10001), []string{`$.a`}, exitUsage, "", "is nested too deep: 10,000 levels are the most", "is"},
		"an escape":       {"", []string{"$.a[\x1b"}, exitUsage, "isValid", "the filter: position", "\x1b"},
		"two documents":   {"{} {}", []string{`$.a`}, exitUsage, "", "has more behind its JSON document", "is"},
		"no file":         {"", []string{`$.a`, file + "x"}, exitBlocked, "", "read the document", "is"},
		"too many":        {"", []string{`$.a`, file, file}, exitUsage, "", "between 1 and 2 arg(s)", "is"},
		"an example":      {"", []string{`$.identity.id`, "--trigger", "idn:identity-deleted"}, exitOK, matches, "", "no: "},
		"of no trigger":   {"", []string{`$.a`, "--trigger", "idn:none"}, exitUsage, "", "there is no trigger", "is"},
		"an example too":  {"", []string{`$.a`, file, "--trigger", "idn:identity-deleted"}, exitUsage, "", "not both", "is"},
		"JSON of a match": {filterEvent, []string{`$.identity.name`, "-o", "json"}, exitOK, `"isPathExist": true`, "", "position"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"filter", "try"}, c.args...), nil, strings.NewReader(c.stdin), &stdout, &stderr)
			out, errs := stdout.String(), stderr.String()
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || (c.errs == "") != (errs == "") {
				t.Errorf("got exit code %d and\n%s%s\nwant %d, %q and %q", code, out, errs, c.code, c.out, c.errs)
			}
			if c.spared != "" && strings.Contains(out, c.spared) {
				t.Errorf("got %q in\n%s", c.spared, out)
			}
		})
	}
}

// TestFilterTryJSON: a program gets the booleans with a filter that is none, too, and where it goes wrong.
func TestFilterTryJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]filterTrial{
		`$.a[?@.b]`: {Error: "expected ( behind the ?: write [?( … )]", Position: 6},
		`$.count`:   {IsValid: true, IsValidJSONPath: true, IsPathExist: true, Explanation: "It matches: $.count is 12345678901234567891.\n"},
		`$.nope`:    {IsValidJSONPath: true, Explanation: "It does not match: $.nope is not in the document.\n"},
	} {
		var stdout, stderr bytes.Buffer
		run(t.Context(), []string{"filter", "try", text, "-o", "json"}, nil, strings.NewReader(filterEvent), &stdout, &stderr)
		var got filterTrial
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}
