package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machinePath is a folder that only one machine has: it stands at the start, or after a blank, a quote, a bracket,
// a colon or an equals sign, so that the path of a URL is none.
var machinePath = regexp.MustCompile("(?:^|[\\s\"'`(:=])(/(?:work|farm|root|home/[a-z][\\w.-]*|Users/[A-Za-z][\\w.-]*|tmp/bash_jobs)/\\S*)")

func TestRepoNamesNoMachine(t *testing.T) {
	t.Parallel()
	for _, file := range repoFiles(t) {
		text := readRoot(t, file)
		if strings.ContainsRune(text, 0) {
			continue // a program or an archive, not text
		}
		for _, found := range machinePaths(text) {
			t.Errorf("%s:%s: a path of one machine; say it relative to the repository", file, found)
		}
	}
}

func TestRepoMachinePathIsSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"cd /" + "work/main":                      1,
		"a\n\"/" + "home/ann/go/x\" /" + "root/y": 2,
		"GOBIN=/" + "root/go/bin":                 1,
		"(/" + "Users/ann/x)":                     1,
		"https://vendor.example/" + "work/items":  0,
		"/etc/sluice/a.yaml /tmp/x /workers/":     0,
		"./home/page and homework/a":              0,
	} {
		if got := machinePaths(text); len(got) != want {
			t.Errorf("machine paths in %q: got %q, want %d", text, got, want)
		}
	}
}

// machinePaths lists line and text of each path in text that only one machine has.
func machinePaths(text string) (out []string) {
	for i, line := range strings.Split(text, "\n") {
		for _, found := range machinePath.FindAllStringSubmatch(line, -1) {
			out = append(out, fmt.Sprintf("%d: %s", i+1, found[1]))
		}
	}
	return out
}

// repoFiles are the files of the repository by their slash-separated paths, without what .gitignore keeps out. It asks
// no git: a source archive has none.
func repoFiles(t *testing.T) (out []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "data"}, name):
			return fs.SkipDir
		case entry.Type().IsRegular():
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the repository: %v", err)
	}
	return out
}
