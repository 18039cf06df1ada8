package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// empty are the names that say where something was put, and not what it is.
var empty = regexp.MustCompile(`^(util|helper|common|type|model|manager|service|misc|base|shared)s?$`)

func TestNamesSaySomething(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, breach := range nameBreaches(p.folder(), p.Name, goFiles(t, p)) {
			t.Error(breach)
		}
	}
}

func TestNamesRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		folder, pkg string
		files       []string
		want        int
	}{
		"nouns":          {"proxy/pace", "pace", []string{"governor.go", "governor_test.go"}, 0},
		"part of a word": {"proxy/servicedesk", "servicedesk", []string{"typed.go"}, 0},
		"folder":         {"proxy/utils", "pace", nil, 1},
		"package":        {"proxy/pace", "helper", nil, 1},
		"file":           {"proxy/pace", "pace", []string{"types.go", "models_test.go"}, 2},
		"folder above":   {"common/pace", "pace", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := nameBreaches(c.folder, c.pkg, c.files); len(got) != c.want {
				t.Errorf("got %d breaches %q, want %d", len(got), got, c.want)
			}
		})
	}
}

func TestInitStandsNowhere(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, file := range goFiles(t, p) {
			for _, where := range inits(t, file, nil) {
				t.Errorf("%s: func init() runs behind everybody's back; build it where it is used, or list it in a map", where)
			}
		}
	}
}

func TestInitIsSeen(t *testing.T) {
	t.Parallel()
	src := "package x\n\nfunc init() {}\n\ntype t struct{}\n\nfunc (t) init() {}\n\nfunc initial() {}\n"
	got := strings.Join(inits(t, "x.go", src), " ")
	if want := "x.go:3:1"; got != want {
		t.Errorf("got init functions at %q, want %q", got, want)
	}
}

// nameBreaches says in a sentence each which of the names say nothing.
func nameBreaches(folder, pkg string, files []string) (out []string) {
	parts := strings.Split(folder, "/")
	if pkg != parts[len(parts)-1] {
		parts = append(parts, pkg)
	}
	for _, part := range parts {
		if empty.MatchString(part) {
			out = append(out, fmt.Sprintf("%s: %q names no thing; a package is the noun that its code is about", folder, part))
		}
	}
	for _, file := range files {
		stem := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".go"), "_test")
		if empty.MatchString(stem) {
			out = append(out, fmt.Sprintf("%s/%s: %q names no thing; a file is the noun or the stage in it", folder, filepath.Base(file), stem))
		}
	}
	return out
}

// inits says where file, or src under that name, declares an init function.
func inits(t *testing.T, file string, src any) (out []string) {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	for _, decl := range tree.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			out = append(out, set.Position(f.Pos()).String())
		}
	}
	return out
}

// goFiles are all Go files of p, whatever system they are for. The files are found and read here, and not by a child
// process, so that the test cache notices when one changes.
func goFiles(t *testing.T, p listed) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("Go files of %s: got %d, %v; want at least one", p.folder(), len(files), err)
	}
	return files
}
