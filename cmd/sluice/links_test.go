package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	link        = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fence       = regexp.MustCompile("(?ms)^```.*?\n```$")
	span        = regexp.MustCompile("`[^`\n]*`")
	heading     = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestLinksLead(t *testing.T) {
	t.Parallel()
	pages := slices.DeleteFunc(repoFiles(t), func(file string) bool { return path.Ext(file) != ".md" })
	for _, want := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md"} {
		if !slices.Contains(pages, want) {
			t.Errorf("got pages %q, want %s among them", pages, want)
		}
	}
	for _, page := range pages {
		for _, broken := range brokenLinks(os.DirFS(root), page) {
			t.Error(broken)
		}
	}
}

func TestLinksRefuse(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"docs/b.md": {Data: []byte("## What it is?\n")},
		"docs/a.md": {Data: []byte("# Top & `tail`\n" +
			"[a](b.md) [b](b.md#what-it-is) [c](#top--tail) [d](https://x.example/y) `[e](f)`\n" +
			"```\n# no heading\n[g](h)\n```\n" +
			"[i](gone.md) [j](b.md#gone) [k](#no-heading) [l](../up.md) [m](../../out.md)\n")},
	}
	want := []string{
		"docs/a.md: gone.md leads to no file",
		"docs/a.md: b.md#gone leads to no heading",
		"docs/a.md: #no-heading leads to no heading",
		"docs/a.md: ../up.md leads to no file",
		"docs/a.md: ../../out.md leads to no file",
	}
	if got := brokenLinks(tree, "docs/a.md"); !slices.Equal(got, want) {
		t.Errorf("broken links\n got %q\nwant %q", got, want)
	}
}

// brokenLinks says in a sentence each which links of page to files and headings of tree lead nowhere.
func brokenLinks(tree fs.FS, page string) (out []string) {
	text, err := fs.ReadFile(tree, page)
	if err != nil {
		return []string{err.Error()}
	}
	prose := span.ReplaceAll(fence.ReplaceAll(text, nil), nil)
	for _, found := range link.FindAllSubmatch(prose, -1) {
		to := string(found[1])
		if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
			continue
		}
		file, anchor, hasAnchor := strings.Cut(to, "#")
		target := page
		if file != "" {
			target = path.Join(path.Dir(page), file)
		}
		if _, err := fs.Stat(tree, target); err != nil {
			out = append(out, fmt.Sprintf("%s: %s leads to no file", page, to))
			continue
		}
		if raw, err := fs.ReadFile(tree, target); hasAnchor && (err != nil || !slices.Contains(anchors(raw), anchor)) {
			out = append(out, fmt.Sprintf("%s: %s leads to no heading", page, to))
		}
	}
	return out
}

// anchors are the names GitHub gives to the headings of a page: lower case, blanks to dashes, signs dropped.
func anchors(page []byte) (out []string) {
	for _, found := range heading.FindAllSubmatch(fence.ReplaceAll(page, nil), -1) {
		name := notInAnchor.ReplaceAll(bytes.ToLower(found[1]), nil)
		out = append(out, strings.ReplaceAll(string(name), " ", "-"))
	}
	return out
}
