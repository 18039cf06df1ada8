package connectors_test

import (
	"bytes"
	"slices"
	"testing"

	"sluice/configs"
	"sluice/connectors"
)

// shipped loads what the binary holds.
func shipped(t testing.TB) *connectors.Set {
	t.Helper()
	set, faults := connectors.Load(configs.FS, connectors.Environment{})
	if faults != nil {
		t.Fatalf("the shipped configuration has faults:\n%v", faults)
	}
	return set
}

func TestTeamDynamixRoutes(t *testing.T) {
	t.Parallel()
	connection := shipped(t).Connections["tdx"]
	for _, c := range []struct {
		method, path, route, group string
		rule                       string // "" for none
		safe, signIn               bool
	}{
		{"GET", "/api/people/a5be8bb6", "GET /api/people/{uid}", "people", "GET /api/people/{uid}", true, false},
		{"HEAD", "/api/people/a5be8bb6", "GET /api/people/{uid}", "people", "GET /api/people/{uid}", true, false},
		{"GET", "/API/People/a5be8bb6/", "GET /api/people/{uid}", "people", "GET /api/people/{uid}", true, false},
		{"GET", "/api/people/ada%40example.org", "GET /api/people/{uid}", "people", "GET /api/people/{uid}", true, false},
		{"GET", "/api/people/lookup?searchText=ada", "GET /api/people/lookup", "people", "GET /api/people/lookup", true, false},
		{"GET", "/api/people/userlist?isActive=", "GET /api/people/userlist", "search", "", true, false},
		{"POST", "/api/people/search", "POST /api/people/search", "search", "POST /api/people/search", true, false},
		{"POST", "/api/people/a5be8bb6", "POST /api/people/{uid}", "people", "POST /api/people/{uid}", false, false},
		{"POST", "/api/people/bulk/managegroups", "POST /api/people/bulk/{action}", "bulk", "", false, false},
		{"POST", "/api/people/bulk/applydesktop", "POST /api/people/bulk/applydesktop", "bulk", "POST /api/people/bulk/applydesktop", false, false},
		{"POST", "/api/auth/loginadmin", "POST /api/auth/loginadmin", "auth", "POST /api/auth/loginadmin", true, true},
		{"GET", "/api/auth/loginsso", "GET /api/auth/loginsso", "auth", "", true, false},
		{"GET", "/api/auth/unheard/of", "GET /api/auth/{rest...}", "auth", "", true, false},
		{"PUT", "/api/people/a5be8bb6/groups/7", "PUT /api/people/{uid}/groups/{id}", "people", "PUT /api/people/{uid}/groups/{id}", true, false},
		{"GET", "/api/securityroles/permissions", "GET /api/securityroles/permissions", "default", "GET /api/securityroles/permissions", true, false},
		{"GET", "/api/12/tickets/34", "GET other", "default", "", true, false},
		{"POST", "/api/12/tickets", "POST other", "default", "", false, false},
		{"PURGE", "/", "* other", "default", "", false, false},
	} {
		route := connection.Route(c.method, c.path)
		rule := ""
		for _, r := range connection.Rules(route) {
			rule += r.Name
		}
		if route.Name != c.route || route.Group != c.group || rule != c.rule || route.Safe != c.safe || (route.SignIn != nil) != c.signIn {
			t.Errorf("%s %s: got route %q, group %q, rule %q, safe %v, sign-in %v; want %q, %q, %q, %v, %v",
				c.method, c.path, route.Name, route.Group, rule, route.Safe, route.SignIn != nil, c.route, c.group, c.rule, c.safe, c.signIn)
		}
	}
}

// TestTeamDynamixLanes: what takes access away is critical, what reads the organization is bulk, and the rest is as its method says.
func TestTeamDynamixLanes(t *testing.T) {
	t.Parallel()
	connection := shipped(t).Connections["tdx"]
	auto := &connectors.Consumer{}
	for _, c := range []struct {
		method, path string
		want         connectors.Lane
	}{
		{"PUT", "/api/people/a5be8bb6/isactive?status=false", connectors.Critical},
		{"POST", "/api/people/bulk/changeactivestatus", connectors.Critical},
		{"POST", "/api/people/bulk/managegroups", connectors.Interactive},
		{"POST", "/api/people/a5be8bb6", connectors.Interactive},
		{"PUT", "/api/people/a5be8bb6/groups/7", connectors.Interactive},
		{"DELETE", "/api/people/a5be8bb6/groups/7", connectors.Interactive},
		{"POST", "/api/auth/loginadmin", connectors.Interactive},
		{"GET", "/api/auth/getuser", connectors.Interactive},
		{"POST", "/api/people/search", connectors.Bulk},
		{"GET", "/api/people/userlist", connectors.Bulk},
		{"GET", "/api/people/a5be8bb6", connectors.Bulk},
		{"HEAD", "/api/people/a5be8bb6", connectors.Bulk},
		{"POST", "/api/12/tickets", connectors.Interactive},
	} {
		if got := auto.Lane(connection.Route(c.method, c.path), c.method, 0); got != c.want {
			t.Errorf("%s %s: got lane %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

// TestShippedFolder holds what sluice check configs/ does, and that files in the binary are not watched.
func TestShippedFolder(t *testing.T) {
	t.Parallel()
	set, faults := connectors.LoadPath("../configs", configs.FS, connectors.Environment{})
	if faults != nil {
		t.Fatalf("got faults, want none:\n%v", faults)
	}
	want := []string{"../configs", "../configs/connectors", "../configs/connectors/teamdynamix.yaml", "../configs/sluice.yaml"}
	if !slices.Equal(set.Files, want) {
		t.Errorf("files on disk: got %q, want %q", set.Files, want)
	}
	if got := shipped(t).Files; len(got) != 0 {
		t.Errorf("embedded files: got %q to watch, want none", got)
	}
	if got, want := set.Connectors["teamdynamix"].File, "../configs/connectors/teamdynamix.yaml"; got != want {
		t.Errorf("file: got %q, want %q", got, want)
	}
	if source := set.Connectors["teamdynamix"].Source; !bytes.Contains(source, []byte("name: teamdynamix")) {
		t.Errorf("source: got %d bytes without its name", len(source))
	}
}
