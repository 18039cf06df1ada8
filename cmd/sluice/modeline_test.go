package main_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var modeline = regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\s*$`)

// TestConfigsHaveModeline: by the modeline an editor finds the schema, and completes and checks while one types.
func TestConfigsHaveModeline(t *testing.T) {
	t.Parallel()
	files := slices.DeleteFunc(repoFiles(t), func(file string) bool {
		return !strings.HasPrefix(file, "configs/") || path.Ext(file) != ".yaml" || strings.Contains(file, "/testdata/")
	})
	if !slices.Contains(files, "configs/sluice.yaml") {
		t.Errorf("got configurations %q, want configs/sluice.yaml among them", files)
	}
	for _, file := range files {
		first, _, _ := strings.Cut(readRoot(t, file), "\n")
		schema := modeline.FindStringSubmatch(first)
		if schema == nil {
			t.Errorf("%s:1: got %q, want `# yaml-language-server: $schema=…`", file, first)
			continue
		}
		if strings.Contains(schema[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, path.Dir(file), schema[1])); err != nil {
			t.Errorf("%s:1: no schema there: %v; `sluice config schema` prints it", file, err)
		}
	}
}
