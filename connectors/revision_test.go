package connectors_test

import (
	"path/filepath"
	"slices"
	"testing"

	"sluice/configs"
	"sluice/connectors"
)

const secretMain = `connections:
  a: {connector: acme, base_url: https://a.example, auth: managed, credentials: {key: "${env:ACME_KEY}"}}
`

const secretAcme = "name: acme\ncredentials: [key]\nauth: {bearer: {token: \"${credential:key}\"}}\n"

func TestRevision(t *testing.T) {
	t.Parallel()
	load := func(main, acme string, vars ...string) string {
		set, faults := connectors.Load(files(map[string]string{"sluice.yaml": main, "connectors/acme.yaml": acme}), connectors.Environment{Vars: vars})
		if faults != nil {
			t.Fatalf("got faults, want none: %v", faults)
		}
		return set.Revision
	}
	base := load(secretMain, secretAcme, "ACME_KEY=one")
	if again := load(secretMain, secretAcme, "ACME_KEY=one", "HOME=/root"); again != base {
		t.Errorf("the same configuration: got %s, want %s", again, base)
	}
	for name, got := range map[string]string{
		"a comment":    load(secretMain+"# x\n", secretAcme, "ACME_KEY=one"),
		"a connector":  load(secretMain, secretAcme+"title: x\n", "ACME_KEY=one"),
		"a secret":     load(secretMain, secretAcme, "ACME_KEY=two"),
		"an override":  load(secretMain, secretAcme, "ACME_KEY=one", "SLUICE_LOGGING_LEVEL=debug"),
		"its value":    load(secretMain, secretAcme, "ACME_KEY=one", "SLUICE_LOGGING_LEVEL=warn"),
		"other values": load(secretMain, secretAcme, "ACME_KEY=one", "SLUICE_LOGGING_LEVEL=error"),
	} {
		if got == base {
			t.Errorf("%s changed, but the revision did not: %s", name, got)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"sluice.yaml": `connections:
  a: {connector: acme, base_url: https://a.example, auth: managed, credentials: {key: "${file:secrets/key}"}}
`,
		"connectors/acme.yaml": secretAcme,
		"secrets/key":          "planted\n",
	})
	set, faults := connectors.LoadPath(dir, configs.FS, hermetic())
	if faults != nil {
		t.Fatalf("got faults, want none: %v", faults)
	}
	var want []string
	for _, name := range []string{"", "connectors", "connectors/acme.yaml", "secrets/key", "sluice.yaml"} {
		want = append(want, filepath.Join(dir, name))
	}
	if !slices.Equal(set.Files, want) {
		t.Errorf("got %q, want %q", set.Files, want)
	}
	if got := set.Connections["a"].Secrets["key"].Reveal(); got != "planted" {
		t.Errorf("secret: got %q, want planted", got)
	}
}
