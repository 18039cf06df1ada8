package main_test

import (
	"bytes"
	"context"
	"debug/elf"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A builder plays the build stage of a Dockerfile as plain commands: the image's folders are below dir, so only what
// the steps name by a relative path is theirs.
type builder struct {
	dir, workdir string
	env          map[string]string
}

// TestDockerfileBuilds runs the build steps, where there may be no container engine, and looks at what comes out.
func TestDockerfileBuilds(t *testing.T) {
	t.Parallel()
	const version = "v0.0.0-probe.1"
	all := stages(readRoot(t, "Dockerfile"))
	b := builder{dir: t.TempDir(), env: map[string]string{
		// The image is Linux whatever this machine is, and it knows nothing of this machine's flags.
		"GOOS": "linux", "GOFLAGS": "", "GOWORK": "off",
	}}
	// The slowest build seen, with an empty cache on two cores, took a minute and a half.
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	for _, step := range all[0].steps {
		b.run(t, ctx, step, map[string]string{"VERSION": version})
	}

	var binary string
	for _, step := range all[len(all)-1].steps {
		if words := strings.Fields(step.rest); step.name == "COPY" && words[1] == "/sluice" {
			binary = filepath.Join(b.dir, filepath.FromSlash(words[0]))
		}
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatalf("the binary that the final stage copies: %v", err)
	}
	defer f.Close()
	for _, prog := range f.Progs {
		if prog.Type == elf.PT_INTERP {
			t.Error("got a binary that asks for a dynamic loader, want a static one: scratch has no loader")
		}
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("got a binary that needs %q, want none", libraries)
	}
	raw, err := os.ReadFile(binary)
	if err != nil {
		t.Fatalf("read the binary: %v", err)
	}
	if !bytes.Contains(raw, []byte(version)) {
		t.Errorf("the binary does not know the version it was built as: want `var version` in package main, which -X main.version sets to %s", version)
	}
	if here, err := filepath.Abs(root); err != nil || bytes.Contains(raw, []byte(here)) || bytes.Contains(raw, []byte(b.dir)) {
		t.Errorf("the binary names the folder it was built in (%v), want -trimpath to keep that out", err)
	}
}

func TestDockerignoreKeeps(t *testing.T) {
	t.Parallel()
	ignored := patterns(t, readRoot(t, ".dockerignore"))
	for name, want := range map[string]bool{
		"go.mod": true, "cmd/sluice": true, "cmd/sluice/main.go": true, "configs/connectors/teamdynamix.yaml": true, "docs.go": true,
		".git": false, "README.md": false, "docs/design.md": false, "proxy/front_test.go": false, "connectors/testdata/a.yaml": false, "bin/sluice": false,
	} {
		if got := !matches(ignored, name); got != want {
			t.Errorf("%s in the build context: got %t, want %t", name, got, want)
		}
	}
}

// run does one step. An instruction it does not know fails the test, so that the Dockerfile cannot outgrow it unseen.
func (b *builder) run(t *testing.T, ctx context.Context, step instruction, args map[string]string) {
	t.Helper()
	switch step.name {
	case "WORKDIR":
		b.workdir = filepath.Join(b.dir, filepath.FromSlash(step.rest))
		if err := os.MkdirAll(b.workdir, 0o755); err != nil {
			t.Fatalf("line %d: %v", step.line, err)
		}
	case "ARG":
		name, value, _ := strings.Cut(step.rest, "=")
		if given, ok := args[name]; ok {
			value = given
		}
		b.env[name] = value
	case "COPY":
		words := strings.Fields(step.rest)
		if to := words[len(words)-1]; len(step.flags) > 0 || to != "." && to != "./" {
			t.Fatalf("line %d: COPY %s: this test knows only COPY files ./ without flags; teach it", step.line, step.rest)
		}
		for _, from := range words[:len(words)-1] {
			copyContext(t, from, b.workdir)
		}
	case "RUN":
		if len(step.flags) > 0 || strings.Contains(step.rest, "<<") {
			t.Fatalf("line %d: RUN with flags or a here document: this test does not know them; teach it", step.line)
		}
		cmd := exec.CommandContext(ctx, "sh", "-c", step.rest)
		cmd.Dir = b.workdir
		cmd.Env = os.Environ()
		for _, name := range slices.Sorted(maps.Keys(b.env)) {
			cmd.Env = append(cmd.Env, name+"="+b.env[name])
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("line %d: RUN %s: %v\n%s", step.line, step.rest, err, out)
		}
	default:
		t.Fatalf("line %d: this test does not know %s in a build stage; teach it", step.line, step.name)
	}
}

// copyContext copies from, a file or folder of the build context, into the folder to, as far as .dockerignore lets it.
func copyContext(t *testing.T, from, to string) {
	t.Helper()
	ignored := patterns(t, readRoot(t, ".dockerignore"))
	here := os.DirFS(root)
	err := fs.WalkDir(here, path.Clean(from), func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case matches(ignored, name) && entry.IsDir():
			return fs.SkipDir
		case matches(ignored, name):
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, filepath.FromSlash(name)), 0o755)
		}
		raw, err := fs.ReadFile(here, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, filepath.FromSlash(name)), raw, 0o600)
	})
	if err != nil {
		t.Fatalf("copy %s of the build context: %v", from, err)
	}
}

// patterns are the lines of a .dockerignore that this test can follow: names at the top, and **/name for any depth.
func patterns(t *testing.T, text string) (out []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = uncomment(line)
		if line == "" {
			continue
		}
		if base := strings.TrimPrefix(line, "**/"); strings.ContainsAny(base, "!/") || strings.Contains(base, "**") {
			t.Fatalf(".dockerignore: %q: this test knows a name at the top and **/name; teach it", line)
		}
		out = append(out, line)
	}
	return out
}

// matches reports whether a pattern takes name, a slash-separated path below the top, or a folder above it.
func matches(patterns []string, name string) bool {
	parts := strings.Split(name, "/")
	for _, pattern := range patterns {
		base, anywhere := strings.CutPrefix(pattern, "**/")
		for depth, part := range parts {
			if ok, _ := path.Match(base, part); ok && (anywhere || depth == 0) {
				return true
			}
		}
	}
	return false
}
