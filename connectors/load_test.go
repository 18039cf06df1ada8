package connectors_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sluice/configs"
	"sluice/connectors"
)

// files makes a configuration folder in memory.
func files(named map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range named {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// load loads a sluice.yaml with one connector, acme, and expects no fault.
func load(t testing.TB, main, acme string, vars ...string) *connectors.Set {
	t.Helper()
	set, faults := connectors.Load(files(map[string]string{"sluice.yaml": main, "connectors/acme.yaml": acme}), hermetic(vars...))
	if faults != nil {
		t.Fatalf("got faults, want none:\n%v", faults)
	}
	return set
}

// folder writes a configuration to disk, for LoadPath.
func folder(t *testing.T, named map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range named {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	emptyMain = "connections: {}\n"
	oneMain   = "connections: {a: {connector: acme, base_url: https://a.example/v1/}}\n"
	plainAcme = "name: acme\n"
)

func TestLoadPath(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"sluice.yaml": oneMain, "connectors/acme.yaml": plainAcme,
		"connectors/teamdynamix.yaml": "name: teamdynamix\ntitle: Ours\n",
	}
	for _, c := range []struct {
		name, path  string
		files       map[string]string
		connectors  []string
		connections []string
		title       string // of teamdynamix
	}{
		{"folder", "", all, []string{"acme", "teamdynamix"}, []string{"a"}, "Ours"},
		{"file with a folder beside it", "sluice.yaml", all, []string{"acme", "teamdynamix"}, []string{"a"}, "Ours"},
		{"file alone", "main.yaml", map[string]string{"main.yaml": emptyMain}, []string{"teamdynamix"}, nil, "TeamDynamix"},
		{"lone connector", "connectors/acme.yaml", all, []string{"acme", "teamdynamix"}, []string{"tdx"}, "TeamDynamix"},
		{"lone connector in place of a shipped one", "connectors/teamdynamix.yaml", all, []string{"teamdynamix"}, []string{"tdx"}, "Ours"},
		{"empty sluice.yaml", "", map[string]string{"sluice.yaml": ""}, []string{"teamdynamix"}, nil, "TeamDynamix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set, faults := connectors.LoadPath(filepath.Join(folder(t, c.files), c.path), configs.FS, hermetic())
			if faults != nil {
				t.Fatalf("got faults, want none:\n%v", faults)
			}
			if got := slices.Sorted(maps.Keys(set.Connectors)); !slices.Equal(got, c.connectors) {
				t.Errorf("connectors: got %v, want %v", got, c.connectors)
			}
			if got := slices.Sorted(maps.Keys(set.Connections)); !slices.Equal(got, c.connections) {
				t.Errorf("connections: got %v, want %v", got, c.connections)
			}
			if got := set.Connectors["teamdynamix"].Title; got != c.title {
				t.Errorf("title of teamdynamix: got %q, want %q", got, c.title)
			}
		})
	}
}

func TestLoadPathFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		files      map[string]string
		want       []string // DIR stands for the folder
	}{
		{"nothing there", "gone", nil, []string{"DIR/gone: does not exist; name a folder with a sluice.yaml, a sluice.yaml, or a connector's file"}},
		{"no sluice.yaml", "", map[string]string{"connectors/acme.yaml": plainAcme},
			[]string{"DIR/sluice.yaml: does not exist; create it, or name another folder or file with --config"}},
		{"name taken in one folder", "", map[string]string{"sluice.yaml": emptyMain, "connectors/a.yaml": plainAcme, "connectors/b.yaml": plainAcme},
			[]string{`DIR/connectors/b.yaml:1:7: name: is "acme", which is already the name of DIR/connectors/a.yaml: give each connector a name of its own`}},
		{"yml", "", map[string]string{"sluice.yaml": emptyMain, "connectors/a.yml": plainAcme},
			[]string{"DIR/connectors/a.yml: is not read: rename it so that it ends in .yaml"}},
		{"all files at once", "", map[string]string{"sluice.yaml": "conections: {}\n", "connectors/a.yaml": "name: a\nx: 1\n", "connectors/b.yaml": "name: b\ny: 1\n"},
			[]string{
				"DIR/connectors/a.yaml:2:1: x: unknown key; must be one of name, title, docs, base_url, ignore_case, credentials, auth, sign_in, limits, routes, request, response … (5 more)",
				"DIR/connectors/b.yaml:2:1: y: unknown key; must be one of name, title, docs, base_url, ignore_case, credentials, auth, sign_in, limits, routes, request, response … (5 more)",
				"DIR/sluice.yaml:1:1: conections: unknown key; did you mean connections?",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.files)
			set, faults := connectors.LoadPath(filepath.Join(dir, c.path), configs.FS, hermetic())
			want := strings.ReplaceAll(strings.Join(c.want, "\n"), "DIR", dir)
			if got := faults.Error(); set != nil || got != want {
				t.Errorf("got Set %v and\n%s\nwant no Set and\n%s", set != nil, got, want)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	set := load(t, oneMain, plainAcme+"limits: {rules: [{match: GET /x, limit: 5, window: 1s}]}\n",
		"SLUICE_CONNECTIONS_A_BASE_URL=https://b.example", "SLUICE_LIMITS_MAX_HOLD=3s", "SLUICE_LOGGING_FORMAT=json",
		"SLUICE_CONNECTORS_ACME_TITLE=Acme Inc.", "SLUICE_CONNECTORS_ACME_LIMITS_RULES_0_LIMIT=7",
		"SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_PORT_8080_TCP_ADDR=10.0.0.1")
	connection := set.Connections["a"]
	if got, want := connection.Base.String(), "https://b.example"; got != want {
		t.Errorf("base: got %s, want %s", got, want)
	}
	if got, want := connection.Bounds.MaxHold.String(), "3s"; got != want {
		t.Errorf("max_hold: got %s, want %s", got, want)
	}
	if got, want := set.Logging.Format, "json"; got != want {
		t.Errorf("logging.format: got %s, want %s", got, want)
	}
	if got, want := connection.Connector.Title, "Acme Inc."; got != want {
		t.Errorf("title: got %q, want %q", got, want)
	}
	if got, want := connection.Rules(connection.Route("GET", "/x"))[0].Limit, 7; got != want {
		t.Errorf("limit: got %d, want %d", got, want)
	}
}

func TestOverrideFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ variable, want string }{
		{"SLUICE_LOGING_LEVEL=info", "environment SLUICE_LOGING_LEVEL: sets nothing: a setting is named by its keys, as in SLUICE_LOGGING_LEVEL or SLUICE_CONNECTORS_ACME_TITLE; an entry of a map must stand in the file"},
		{"SLUICE_CONNECTORS_ACME_TITEL=x", "environment SLUICE_CONNECTORS_ACME_TITEL: sets nothing: a setting is named by its keys, as in SLUICE_LOGGING_LEVEL or SLUICE_CONNECTORS_ACME_TITLE; an entry of a map must stand in the file"},
		{"SLUICE_LOGGING_LEVEL=loud", `environment SLUICE_LOGGING_LEVEL: logging.level: is "loud"; must be one of debug, info, warn or error`},
		{"SLUICE_CONNECTIONS_A_BASE_URL=http://a.example", "environment SLUICE_CONNECTIONS_A_BASE_URL: connections.a.base_url: is http://, so whoever listens on the way reads tokens and people: use https://, or say allow_insecure: true"},
	} {
		_, faults := connectors.Load(files(map[string]string{"sluice.yaml": oneMain, "connectors/acme.yaml": plainAcme}), hermetic(c.variable))
		if got := faults.Error(); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.variable, got, c.want)
		}
	}
}

func TestReservedVariables(t *testing.T) {
	t.Parallel()
	env := hermetic("SLUICE_CONFIG=/etc/sluice", "SLUICE_BEID=x")
	env.Reserved = []string{"SLUICE_CONFIG"}
	main := "connections: {a: {connector: acme, base_url: https://a.example, auth: managed, credentials: {key: '${env:SLUICE_BEID}'}}}\n"
	acme := "name: acme\ncredentials: [key]\nauth: {bearer: {token: '${credential:key}'}}\n"
	set, faults := connectors.Load(files(map[string]string{"sluice.yaml": main, "connectors/acme.yaml": acme}), env)
	if faults != nil {
		t.Fatalf("got faults, want none: %v", faults)
	}
	if got := set.Connections["a"].Secrets["key"].Reveal(); got != "x" {
		t.Errorf("secret: got %q, want x", got)
	}
}
