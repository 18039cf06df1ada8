package main_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDesignArguesDependencies: a module that our code imports stands in the table of docs/design.md, with a reason.
func TestDesignArguesDependencies(t *testing.T) {
	t.Parallel()
	argued := arguments(readRoot(t, "docs/design.md"))
	if len(argued) < 15 {
		t.Fatalf("got %d modules with a reason in docs/design.md, want at least 15: has the table moved?", len(argued))
	}
	var used []string
	for _, p := range list(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
				used = append(used, path)
			}
		}
	}
	for _, path := range unargued(used, argued) {
		t.Errorf("%s is imported; docs/design.md gives no reason for its module, want a row of the table under Dependencies", path)
	}
	for _, module := range argued {
		if !slices.ContainsFunc(used, func(path string) bool { return covers(module+"/...", path) }) {
			t.Errorf("docs/design.md argues for %s, which nothing imports", module)
		}
	}
}

func TestDesignRefusesUnargued(t *testing.T) {
	t.Parallel()
	page := "| a.example/b, a.example/c/v2 | why |\n| x | not a module |\n"
	got := unargued([]string{"a.example/b/d", "a.example/bb", "a.example/c/v2", "e.example/f"}, arguments(page))
	if want := []string{"a.example/bb", "e.example/f"}; !slices.Equal(got, want) {
		t.Errorf("unargued: got %q, want %q", got, want)
	}
}

var modulePath = regexp.MustCompile(`[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w./-]+`)

// arguments are the modules in the first column of a page's tables.
func arguments(page string) (out []string) {
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			out = append(out, modulePath.FindAllString(cells[1], -1)...)
		}
	}
	return out
}

// unargued are the import paths below none of the modules.
func unargued(paths, modules []string) (out []string) {
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if !slices.ContainsFunc(modules, func(module string) bool { return covers(module+"/...", path) }) {
			out = append(out, path)
		}
	}
	return out
}
