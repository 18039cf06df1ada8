// The tests of this folder that look at the repository as a whole: who imports whom, which words name things, what the
// image is made of. They read files and ask the go command; they never change anything outside a temporary folder.
package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is our module's path, and root the way to its folder from here, where `go test` starts this package's tests.
const (
	module = "sluice"
	root   = "../.."
)

// A room is a folder and the folders of ours that its packages may import. "x/..." is x and all below it.
type room struct {
	path string
	may  []string
}

// floors is the table of docs/design.md, "Folders". The first row that fits a package is its row, so a folder stands
// above the pattern that would swallow it. A floor imports lower floors only.
var floors = []room{
	// floor 1
	{"transforms", nil},
	{"configs", nil},
	{"mocks/...", nil},
	{"internal/addresses", nil},
	{"internal/fault", nil},
	{"internal/strict", nil},
	{"internal/seal", nil},
	{"internal/client", nil},
	{"internal/redact", nil},
	{"triggers", []string{"internal/fault", "internal/strict"}},
	{"triggers/filter", nil},
	{"triggers/send", []string{"internal/addresses", "internal/fault", "internal/redact", "triggers"}},
	{"triggers/dispatch", []string{"triggers"}},
	// floor 2
	{"connectors", []string{"transforms", "triggers", "internal/fault", "internal/strict"}},
	// floor 3
	{"proxy", []string{"connectors", "transforms", "internal/fault", "proxy/..."}},
	{"proxy/wire", []string{"internal/addresses", "internal/fault"}},
	{"proxy/pace", []string{"internal/fault", "proxy/pace/..."}},
	{"proxy/pace/lease/leasetest", []string{"proxy/pace/lease"}},
	{"proxy/pace/...", nil},
	{"proxy/...", []string{"connectors", "transforms", "internal/fault", "proxy/wire"}},
	{"workflows", []string{"triggers", "connectors", "internal/fault"}},
	{"inbound", []string{"triggers", "connectors", "internal/fault"}},
	{"approvals", []string{"triggers", "connectors", "internal/fault"}},
	{"aggregation", []string{"connectors", "transforms", "triggers", "internal/fault"}},
	// floor 4
	{"store", []string{"aggregation", "approvals", "connectors", "inbound", "internal/client", "internal/fault", "internal/redact", "proxy", "proxy/pace/lease/...", "store/...", "triggers", "triggers/dispatch", "workflows"}},
	{"store/...", []string{"aggregation", "approvals", "connectors", "inbound", "internal/client", "internal/fault", "proxy", "proxy/pace/lease/...", "store", "triggers", "workflows"}},
	{"web/...", []string{"aggregation", "approvals", "connectors", "inbound", "internal/...", "proxy/...", "transforms", "triggers", "web/...", "workflows"}},
	// floor 5
	{"cmd/...", []string{"..."}},
}

// A test may stand on a little more than what it tests: the vendors played truly, the files that ship, and the secrets
// that a connection of its own making holds.
var testsMay = []string{"mocks/...", "configs", "internal/strict"}

// leaves are the technologies that few rooms know, so that the others can be read and tested without them. The bench
// is no part of the product, and its clients and vendor must cost less than what they measure.
var leaves = []struct {
	what  string
	paths []string
	rooms []string
}{
	{"HTTP by Fiber and fasthttp", []string{"github.com/gofiber", "github.com/valyala/fasthttp"}, []string{"proxy", "proxy/wire", "web/...", "cmd/sluice-bench"}},
	{"brokers and clouds", []string{"github.com/aws", "github.com/Azure/go-amqp", "github.com/nats-io", "github.com/twmb/franz-go"}, []string{"triggers/send"}},
	{"SQL and the queue", []string{"database/sql", "modernc.org/sqlite", "github.com/jackc", "github.com/pressly/goose", "github.com/riverqueue"}, []string{"store/..."}},
}

// A listed is what `go list -json` says of one package.
type listed struct {
	ImportPath, Name, Dir              string
	Imports, TestImports, XTestImports []string
}

// folder is the package's path in the repository.
func (p listed) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestFloorsHold(t *testing.T) {
	t.Parallel()
	packages := list(t)
	if len(packages) == 0 {
		t.Fatal("got no packages from go list, want the whole repository")
	}
	for _, p := range packages {
		for _, breach := range breaches(p) {
			t.Error(breach)
		}
	}
}

func TestFloorsRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		p    listed
		want string // "" is no breach
	}{
		"lower floor":         {listed{ImportPath: "sluice/connectors", Imports: []string{"fmt", "sluice/transforms"}}, ""},
		"own sub-package":     {listed{ImportPath: "sluice/proxy", Imports: []string{"sluice/proxy/pace"}}, ""},
		"all for cmd":         {listed{ImportPath: "sluice/cmd/sluice", Imports: []string{"sluice/store", "sluice/proxy/wire"}}, ""},
		"own test":            {listed{ImportPath: "sluice/transforms", XTestImports: []string{"sluice/transforms"}}, ""},
		"test on a mock":      {listed{ImportPath: "sluice/connectors", XTestImports: []string{"sluice/mocks/teamdynamix"}}, ""},
		"fasthttp in wire":    {listed{ImportPath: "sluice/proxy/wire", Imports: []string{"github.com/valyala/fasthttp"}}, ""},
		"test with a secret":  {listed{ImportPath: "sluice/proxy/auth", XTestImports: []string{"sluice/internal/strict"}}, ""},
		"fasthttp in bench":   {listed{ImportPath: "sluice/cmd/sluice-bench", Imports: []string{"github.com/valyala/fasthttp"}}, ""},
		"fasthttp in the CLI": {listed{ImportPath: "sluice/cmd/sluice", Imports: []string{"github.com/valyala/fasthttp"}}, "HTTP by Fiber and fasthttp"},
		"higher floor":        {listed{ImportPath: "sluice/transforms", Imports: []string{"sluice/connectors"}}, "transforms imports connectors; it may import nothing of ours"},
		"child to parent":     {listed{ImportPath: "sluice/proxy/pace", Imports: []string{"sluice/proxy"}}, "proxy/pace imports proxy; it may import internal/fault, proxy/pace/..."},
		"child to child":      {listed{ImportPath: "sluice/proxy/pace", Imports: []string{"sluice/proxy/auth"}}, "proxy/pace imports proxy/auth"},
		"product on a mock":   {listed{ImportPath: "sluice/proxy", Imports: []string{"sluice/mocks/teamdynamix"}}, "proxy imports mocks/teamdynamix"},
		"store outside cmd":   {listed{ImportPath: "sluice/web", Imports: []string{"sluice/store"}}, "web imports store"},
		"test a floor up":     {listed{ImportPath: "sluice/transforms", TestImports: []string{"sluice/proxy"}}, "transforms (test) imports proxy"},
		"Fiber in pace":       {listed{ImportPath: "sluice/proxy/pace", Imports: []string{"github.com/gofiber/fiber/v2"}}, "HTTP by Fiber and fasthttp"},
		"fasthttp in a mock":  {listed{ImportPath: "sluice/mocks/okta", XTestImports: []string{"github.com/valyala/fasthttp/fasthttputil"}}, "HTTP by Fiber and fasthttp"},
		"SQL in cmd":          {listed{ImportPath: "sluice/cmd/sluice", Imports: []string{"database/sql"}}, "SQL and the queue"},
		"Kafka in a trigger":  {listed{ImportPath: "sluice/triggers", Imports: []string{"github.com/twmb/franz-go/pkg/kgo"}}, "brokers and clouds"},
		"a folder nobody set": {listed{ImportPath: "sluice/plugins"}, "plugins stands in no row"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(breaches(c.p), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("breaches(%+v)\n got %q\nwant %q in it", c.p, got, c.want)
			}
		})
	}
}

// breaches says in a sentence each how p breaks the table, in the order of its imports.
func breaches(p listed) []string {
	at := slices.IndexFunc(floors, func(r room) bool { return covers(r.path, p.folder()) })
	if at < 0 {
		return []string{p.folder() + " stands in no row of floors: add one in cmd/sluice/floors_test.go, and to the table of docs/design.md, that says what it may import"}
	}
	may := floors[at].may
	out := refused(p, p.folder(), p.Imports, may)
	inTest := slices.Concat(may, testsMay, []string{p.folder()})
	return append(out, refused(p, p.folder()+" (test)", slices.Concat(p.TestImports, p.XTestImports), inTest)...)
}

// refused lists what of imports is neither in may nor in a room that may know the technology.
func refused(p listed, who string, imports, may []string) (out []string) {
	for _, path := range imports {
		ours, isOurs := strings.CutPrefix(path, module+"/")
		if isOurs && !coveredBy(may, ours) {
			allowed := "nothing of ours"
			if len(may) > 0 {
				allowed = strings.Join(may, ", ")
			}
			out = append(out, fmt.Sprintf("%s imports %s; it may import %s. Turn the need around (an interface where it is used), or move the row in cmd/sluice/floors_test.go and docs/design.md together", who, ours, allowed))
		}
		for _, leaf := range leaves {
			known := slices.ContainsFunc(leaf.paths, func(l string) bool { return covers(l+"/...", path) })
			if known && !coveredBy(leaf.rooms, p.folder()) {
				out = append(out, fmt.Sprintf("%s imports %s; only %s know %s", who, path, strings.Join(leaf.rooms, ", "), leaf.what))
			}
		}
	}
	return out
}

func coveredBy(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return covers(pattern, path) })
}

// covers reports whether path is pattern, or below it where pattern ends in "...".
func covers(pattern, path string) bool {
	above, all := strings.CutSuffix(pattern, "...")
	return pattern == path || all && strings.HasPrefix(path+"/", above)
}

// list is `go list -json ./...` of the repository.
func list(t *testing.T) (out []listed) {
	t.Helper()
	// -e: what does not compile is for the compiler to say. Only these fields: for all of them the go command would ask
	// git, which may refuse a clone of another user.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list ./...: %v\n%s", err, &stderr)
	}
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var p listed
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatalf("read what go list printed: %v", err)
		}
		out = append(out, p)
	}
}
