package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An instruction is one line of a Dockerfile, continuations joined: COPY --from=build a b is
// {"COPY", [--from=build], "a b"}.
type instruction struct {
	line  int
	name  string
	flags []string
	rest  string
}

// A stage is a FROM and what follows it.
type stage struct {
	image, name string
	steps       []instruction
}

// last is the instruction that wins where several of one name stand in the stage.
func (s stage) last(name string) (found instruction) {
	for _, step := range s.steps {
		if step.name == name {
			found = step
		}
	}
	return found
}

func TestDockerfileHolds(t *testing.T) {
	t.Parallel()
	for _, fault := range imageFaults(readRoot(t, "Dockerfile"), readRoot(t, "go.mod")) {
		t.Errorf("Dockerfile: %s", fault)
	}
}

// TestDockerfileRefuses breaks the real file in one place each, so that every rule is seen to bite.
func TestDockerfileRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"one stage":             {"\nFROM scratch\n", "\n", "want a build stage and a final one"},
		"another Go":            {"FROM golang:1.26 ", "FROM golang:1.25 ", "go.mod says 1.26"},
		"a system in the image": {"FROM scratch", "FROM debian:13", "want scratch or distroless static"},
		"a shell in the image":  {"FROM scratch", "FROM scratch\nRUN id", "RUN in the final stage"},
		"root":                  {"USER 65532:65532", "USER 0:0", "want a numeric user that is not root"},
		"a name for a user":     {"USER 65532:65532", "USER nonroot", "want a numeric user that is not root"},
		"no user":               {"USER 65532:65532\n", "", "want a numeric user that is not root"},
		"health through sh":     {`CMD ["/sluice", "health"]`, "CMD /sluice health", "HEALTHCHECK"},
		"health by another":     {`CMD ["/sluice", "health"]`, `CMD ["/curl", "-f"]`, "HEALTHCHECK"},
		"no health":             {"HEALTHCHECK --interval", "LABEL --interval", "HEALTHCHECK"},
		"entry through sh":      {`ENTRYPOINT ["/sluice"]`, "ENTRYPOINT /sluice", "ENTRYPOINT"},
		"entry not there":       {`ENTRYPOINT ["/sluice"]`, `ENTRYPOINT ["/app"]`, "ENTRYPOINT"},
		"command through sh":    {`CMD ["serve"]`, "CMD serve", `want CMD ["serve"]`},
		"no port":               {"EXPOSE 8080", "EXPOSE $PORT", "EXPOSE"},
		"no certificates":       {"COPY --from=build /etc/ssl", "COPY --from=build /etc/tls", "ca-certificates.crt"},
		"no zones":              {"-tags timetzdata ", "", "timetzdata"},
		"from nowhere":          {"COPY --from=build /src", "COPY --from=builder /src", "no stage builder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := readRoot(t, "Dockerfile")
			broken := strings.Replace(text, c.old, c.new, 1)
			if broken == text {
				t.Fatalf("the Dockerfile has no %q to break", c.old)
			}
			if got := strings.Join(imageFaults(broken, readRoot(t, "go.mod")), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("got faults %q, want %q in them", got, c.want)
			}
		})
	}
}

// TestDockerfileBuildsAsMake: what is tried with `make build` is what the image holds.
func TestDockerfileBuildsAsMake(t *testing.T) {
	t.Parallel()
	flags := regexp.MustCompile(`go build (.*) -o \S+ \./cmd/sluice`)
	plain := strings.NewReplacer(`"`, "", "'", "", "$(", "${", ")", "}")
	line := func(name string) string {
		found := flags.FindStringSubmatch(strings.ReplaceAll(readRoot(t, name), "$(GO)", "go"))
		if found == nil {
			t.Fatalf("%s: got no go build of ./cmd/sluice, want one", name)
		}
		return plain.Replace(found[1])
	}
	if got, want := line("Dockerfile"), line("Makefile"); got != want {
		t.Errorf("flags of go build: the Dockerfile has %q, the Makefile %q", got, want)
	}
}

func TestDockerfileLines(t *testing.T) {
	t.Parallel()
	text := "# a comment\nFROM golang:1.26 AS build\nRUN one && \\\n  # inside\n  two\n\nfrom scratch\nCOPY --from=build --chmod=755 /a /b\n"
	want := []stage{
		{"golang:1.26", "build", []instruction{{3, "RUN", nil, "one && two"}}},
		{"scratch", "", []instruction{{8, "COPY", []string{"--from=build", "--chmod=755"}, "/a /b"}}},
	}
	if got := stages(text); !reflect.DeepEqual(got, want) {
		t.Errorf("stages\n got %+v\nwant %+v", got, want)
	}
}

var (
	wholeUser = regexp.MustCompile(`^[1-9][0-9]*(:[1-9][0-9]*)?$`)
	goLine    = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)
)

// imageFaults says in a sentence each what keeps the image from being one static binary, run by nobody special, that
// Docker can ask for its health.
func imageFaults(text, mod string) (out []string) {
	all := stages(text)
	if len(all) < 2 {
		return []string{fmt.Sprintf("got %d stages, want a build stage and a final one", len(all))}
	}
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	build, final := all[0], all[len(all)-1]
	if want := goLine.FindStringSubmatch(mod)[1]; build.image != "golang:"+want {
		fault("builds with %s, but go.mod says %s", build.image, want)
	}
	if !slices.ContainsFunc(build.steps, func(i instruction) bool { return strings.Contains(i.rest, "-tags timetzdata") }) {
		fault("builds without -tags timetzdata, and the final image has no zone files")
	}
	if final.image != "scratch" && !strings.HasPrefix(final.image, "gcr.io/distroless/static") {
		fault("ends on %s, want scratch or distroless static", final.image)
	}
	for _, step := range final.steps {
		if step.name == "RUN" || step.name == "SHELL" {
			fault("line %d: %s in the final stage, which has no shell", step.line, step.name)
		}
	}
	if user := final.last("USER").rest; !wholeUser.MatchString(user) {
		fault("runs as USER %q, want a numeric user that is not root, which Kubernetes can verify", user)
	}
	if ports := strings.Fields(final.last("EXPOSE").rest); len(ports) == 0 || !slices.ContainsFunc(ports, isPort) {
		fault("EXPOSE %q, want the port that connectors call", ports)
	}
	return append(out, entryFaults(all, final)...)
}

// entryFaults looks at what the image holds and what is started in it.
func entryFaults(all []stage, final stage) (out []string) {
	var files []string
	for _, step := range final.steps {
		if step.name != "COPY" {
			continue
		}
		words := strings.Fields(step.rest)
		files = append(files, words[len(words)-1])
		for _, flag := range step.flags {
			from, ok := strings.CutPrefix(flag, "--from=")
			if ok && !slices.ContainsFunc(all, func(s stage) bool { return s.name == from }) {
				out = append(out, fmt.Sprintf("line %d: there is no stage %s to copy from", step.line, from))
			}
		}
		if from := words[0]; strings.HasSuffix(from, "/ca-certificates.crt") && from != "/etc/ssl/certs/ca-certificates.crt" {
			out = append(out, fmt.Sprintf("line %d: the build image keeps ca-certificates.crt in /etc/ssl/certs", step.line))
		}
	}
	if !slices.Contains(files, "/etc/ssl/certs/ca-certificates.crt") && final.image == "scratch" {
		out = append(out, "has no /etc/ssl/certs/ca-certificates.crt, so no vendor's certificate can be verified")
	}
	entry, ok := execForm(final.last("ENTRYPOINT").rest)
	if !ok || !slices.Contains(files, entry[0]) {
		out = append(out, fmt.Sprintf("ENTRYPOINT %s, want [\"/path\"] of a file that the final stage copies in: %q", final.last("ENTRYPOINT").rest, files))
	}
	if cmd, ok := execForm(final.last("CMD").rest); !ok || !slices.Equal(cmd, []string{"serve"}) {
		out = append(out, fmt.Sprintf("CMD %s, want CMD [\"serve\"]", final.last("CMD").rest))
	}
	health, ok := execForm(strings.TrimPrefix(final.last("HEALTHCHECK").rest, "CMD "))
	if !ok || !slices.Equal(health, []string{"/sluice", "health"}) {
		out = append(out, fmt.Sprintf("HEALTHCHECK %s, want CMD [\"/sluice\", \"health\"]", final.last("HEALTHCHECK").rest))
	}
	return out
}

// stages reads a Dockerfile: comments out, continuations joined, instructions under their FROM.
func stages(text string) (out []stage) {
	lines := strings.Split(text, "\n")
	for at := 0; at < len(lines); at++ {
		step := instruction{line: at + 1}
		whole := uncomment(lines[at])
		for strings.HasSuffix(whole, `\`) && at+1 < len(lines) {
			at++
			whole = strings.TrimSuffix(whole, `\`) + uncomment(lines[at])
			if uncomment(lines[at]) == "" {
				whole += `\`
			}
		}
		words := strings.Fields(whole)
		if len(words) == 0 {
			continue
		}
		step.name = strings.ToUpper(words[0])
		step.rest = strings.TrimSpace(whole[len(words[0]):])
		for strings.HasPrefix(step.rest, "--") {
			flag, rest, _ := strings.Cut(step.rest, " ")
			step.flags, step.rest = append(step.flags, flag), strings.TrimSpace(rest)
		}
		if step.name == "FROM" {
			image, name, _ := strings.Cut(step.rest, " AS ")
			out = append(out, stage{image: image, name: name})
		} else if len(out) > 0 {
			out[len(out)-1].steps = append(out[len(out)-1].steps, step)
		}
	}
	return out
}

// uncomment is the line without the blanks around it, empty where it is a comment.
func uncomment(line string) string {
	if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
		return ""
	}
	return line
}

// execForm is the command of CMD ["a", "b"]; the other form goes through a shell, and there is none.
func execForm(rest string) (words []string, ok bool) {
	err := json.Unmarshal([]byte(rest), &words)
	return words, err == nil && len(words) > 0
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// readRoot is a file of the repository's top folder.
func readRoot(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(raw)
}
