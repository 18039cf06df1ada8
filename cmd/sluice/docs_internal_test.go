package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"sluice/configs"
	"sluice/connectors"
	"sluice/proxy"
	"sluice/transforms"
	"sluice/triggers/dispatch"
)

// above is the way from this folder to the repository's.
const above = "../.."

// example is a fenced block of a page: its language and, after it, the name of the file that it stands for.
type example struct {
	where    string // page:line
	language string
	name     string
	text     string
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]+) ?([^\n]*)\n(.*?)\n```$")

// examples are the fenced blocks of a page's text in one language.
func examples(page, text, language string) (out []example) {
	for _, at := range fenced.FindAllStringSubmatchIndex(text, -1) {
		one := example{
			where:    fmt.Sprintf("%s:%d", page, 1+strings.Count(text[:at[0]], "\n")),
			language: text[at[2]:at[3]], name: text[at[4]:at[5]], text: text[at[6]:at[7]] + "\n",
		}
		if one.language == language {
			out = append(out, one)
		}
	}
	return out
}

// pages are README.md and docs/*.md by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(above, "docs", "*.md"))
	if err != nil || len(names) < 6 {
		t.Fatalf("pages in docs: got %d, %v, want at least 6", len(names), err)
	}
	out := map[string]string{}
	for _, name := range append(names, filepath.Join(above, "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("read a page: %v", err)
		}
		out[filepath.Base(name)] = string(text)
	}
	return out
}

// TestDocsExamplesHold: every YAML block names the file that it is, loads, and passes its tests block.
func TestDocsExamplesHold(t *testing.T) {
	t.Parallel()
	var shipped bytes.Buffer
	if code := run(t.Context(), []string{"check"}, nil, nil, &shipped, io.Discard); code != exitOK {
		t.Fatalf("sluice check: got exit code %d, want %d", code, exitOK)
	}
	found := 0
	for page, text := range pages(t) {
		for _, one := range examples(page, text, "yaml") {
			found++
			code, out := checkExample(t, one)
			if code != exitOK {
				t.Errorf("%s: sluice check: got exit code %d, want %d\n%s", one.where, code, exitOK, out)
			}
			_, block, _ := strings.Cut(one.text, "\ntests:")
			if got, want := testsRun(t, out)-testsRun(t, shipped.String()), strings.Count(block, "\n  - name:"); got != want {
				t.Errorf("%s: got %d tests run, want %d\n%s", one.where, got, want, out)
			}
		}
	}
	if found < 20 {
		t.Errorf("got %d examples in all pages, want at least 20: has the way they are marked changed?", found)
	}
}

// testsRun reads how many tests sluice check ran.
func testsRun(t *testing.T, out string) int {
	t.Helper()
	found := regexp.MustCompile(`of (\d+) tests? passed`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("got no count of tests in %q", out)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatalf("count of tests in %q: %v", out, err)
	}
	return n
}

func TestDocsExamplesRefuse(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"has no file name":  "```yaml\na: b\n```\n",
		"unknown":           "# A\n\n```yaml connectors/a.yaml\nname: a\nlimitz: {}\n```\n",
		"got 200, want 201": "```yaml connectors/a.yaml\nname: a\ntests:\n  - {name: x, request: {path: /}, answer: {status: 200}, expect: {status: 201}}\n```\n",
	} {
		all := examples("x.md", text, "yaml")
		if len(all) != 1 {
			t.Errorf("%q: got %d examples, want 1", text, len(all))
			continue
		}
		if code, out := checkExample(t, all[0]); code == exitOK || !strings.Contains(out, want) {
			t.Errorf("%q: got exit code %d and %q, want a fault with %q", text, code, out, want)
		}
	}
}

var envReference = regexp.MustCompile(`\$\{env:(\w+)\}`)

// checkExample runs sluice check on an example, in a folder with the files and in an environment with the variables that it names.
func checkExample(t *testing.T, one example) (code int, out string) {
	t.Helper()
	if one.name == "" {
		return exitUnwell, "has no file name after ```yaml"
	}
	folder := t.TempDir()
	cert, key := newAuthority(t, "docs").issue("docs")
	for name, text := range map[string]string{
		one.name: one.text, "tls/cert.pem": cert, "tls/key.pem": key, "tls/ca.pem": cert, "secrets/tdx_web_services_key": "planted\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatalf("%s: %v", one.where, err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatalf("%s: %v", one.where, err)
		}
	}
	var vars []string
	for _, reference := range envReference.FindAllStringSubmatch(one.text, -1) {
		value := "planted"
		if reference[1] == "DATABASE_URL" {
			value = "postgres://planted@db.example/sluice"
		}
		vars = append(vars, reference[1]+"="+value)
	}
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), []string{"check", filepath.Join(folder, one.name)}, vars, nil, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// TestDocsCommandsExist: every line of a shell block that starts with sluice or make names a command with its options, or a target.
func TestDocsCommandsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(above, "Makefile"))
	if err != nil {
		t.Fatalf("read the Makefile: %v", err)
	}
	found := 0
	for page, text := range pages(t) {
		for _, one := range examples(page, text, "sh") {
			for line := range strings.Lines(one.text) {
				found++
				if why := unknownCommand(string(makefile), strings.TrimSpace(line)); why != "" {
					t.Errorf("%s: %s: %s", one.where, strings.TrimSpace(line), why)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("got %d commands in all pages, want at least 20", found)
	}
}

func TestDocsCommandsRefuse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"make nothing":                    "no target",
		"sluice serf":                     "serf",
		"sluice demo --fast":              "--fast",
		"sluice try tdx":                  "accepts 3 arg(s)",
		"sluice check -o json a b":        "at most 1 arg(s)",
		"rm -rf x":                        "neither",
		"sluice try a GET '/x' -H 'A: b'": "",
	} {
		if got := unknownCommand("demo: x\n", line); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", line, got, want)
		}
	}
}

// word is a word of a shell line: in single quotes, in double quotes, or bare.
var word = regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`)

// unknownCommand says why a shell line cannot be meant; "" when it can.
func unknownCommand(makefile, line string) string {
	var words []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2]+m[3])
	}
	switch {
	case len(words) > 1 && words[0] == "make":
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(words[1]) + `:`).MatchString(makefile) {
			return "no target of the Makefile"
		}
		return ""
	case len(words) == 0 || words[0] != "sluice":
		return "neither make nor sluice"
	}
	cmd, rest, err := newRoot(environment{stdout: io.Discard, stderr: io.Discard}).Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err == nil && cmd.HasSubCommands() {
		err = fmt.Errorf("%s is a group, and %q is none of it", cmd.CommandPath(), rest)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestDocsCommandsAreTold: cli.md has a heading for every command, and the mock's every option.
func TestDocsCommandsAreTold(t *testing.T) {
	t.Parallel()
	cli := pages(t)["cli.md"]
	root := newRoot(environment{stdout: io.Discard, stderr: io.Discard})
	for _, cmd := range root.Commands() {
		if name := cmd.Name(); name != "completion" && name != "help" && !regexp.MustCompile(`(?m)^## `+name+`\b`).MatchString(cli) {
			t.Errorf("docs/cli.md: got no heading for %s, want one", name)
		}
	}
	for _, path := range [][]string{{"mock", "teamdynamix"}, {"demo"}, {"try"}} {
		cmd, _, err := root.Find(path)
		if err != nil {
			t.Fatalf("find %q: %v", path, err)
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(cli, "--"+f.Name) && f.Name != "help" && !slices.Contains([]string{"header", "data"}, f.Name) {
				t.Errorf("docs/cli.md: got nothing of sluice %s --%s, want its meaning", strings.Join(path, " "), f.Name)
			}
		})
	}
	for code := range 4 {
		if !strings.Contains(cli, fmt.Sprintf("| %d | ", code)) {
			t.Errorf("docs/cli.md: got no row for exit code %d", code)
		}
	}
}

// TestDocsNameMetrics: operations.md has every metric of ours, and none that there is not.
func TestDocsNameMetrics(t *testing.T) {
	t.Parallel()
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		proxy.NewMetrics().Describe(descs)
		dispatch.NewMetrics(nil, nil).Describe(descs)
	}()
	have := []string{"sluice_build_info", "sluice_store_up"}
	for desc := range descs {
		have = append(have, regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(desc.String())[1])
	}
	said := regexp.MustCompile(`sluice_[a-z_]+`).FindAllString(pages(t)["operations.md"], -1)
	for _, name := range have {
		if !slices.Contains(said, name) {
			t.Errorf("docs/operations.md: got nothing of %s, want a row", name)
		}
	}
	for _, name := range said {
		if !slices.Contains(have, name) {
			t.Errorf("docs/operations.md: got %s, which is no metric of ours", name)
		}
	}
}

// TestDocsAreWhole: what the code lists in a table, the pages have too.
func TestDocsAreWhole(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for name := range transforms.Builders {
		if !strings.Contains(all["connectors.md"], "\n### "+name+"\n") {
			t.Errorf("docs/connectors.md: got no heading for the transform %s", name)
		}
	}
	for _, format := range transforms.Formats() {
		if !strings.Contains(all["connectors.md"], "`"+format+"`") {
			t.Errorf("docs/connectors.md: got nothing of the time format %s", format)
		}
	}
	set, faults := connectors.Load(configs.FS, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatalf("load the shipped configuration: %v", faults)
	}
	for name := range set.Views {
		if !strings.Contains(all["views.md"], "| `"+name+"` |") {
			t.Errorf("docs/views.md: got no row for the view %s", name)
		}
	}
	for page := range all {
		if page != "README.md" && !strings.Contains(all["README.md"], "(docs/"+page+")") {
			t.Errorf("README.md: got no link to docs/%s, want one", page)
		}
	}
}
