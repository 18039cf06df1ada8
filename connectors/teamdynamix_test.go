package connectors_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/configs"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// unlimited is a mock whose limits a test cannot meet.
func unlimited(o teamdynamix.Options) *teamdynamix.Vendor {
	o.Rates = map[string]teamdynamix.Rate{}
	for _, call := range []string{
		"GET /api/people/{uid}", "POST /api/people/search", "GET /api/groups/{id}/members", "POST /api/groups/search",
		"GET /api/applications", "POST /api/securityroles/search", "POST /api/accounts/search",
	} {
		o.Rates[call] = teamdynamix.Rate{}
	}
	return teamdynamix.New(o)
}

func TestTeamDynamixPlansAgree(t *testing.T) {
	t.Parallel()
	mock := unlimited(teamdynamix.Options{People: 120, Seed: 7})
	r := newReading(t, mock)
	detail := r.accounts("people", "detail")
	if got, want := r.calls, 121; got != want {
		t.Errorf("detail: got %d calls, want %d", got, want)
	}
	r.calls = 0
	inverted := r.accounts("people", "inverted")
	role := regexp.MustCompile(`"\d+:[0-9a-f-]{36}"`)
	holders := 0
	for _, account := range detail {
		if role.MatchString(account) {
			holders++
		}
	}
	if got, want := r.calls, 1+2+1+40+1+2*17+1+2*8+holders; got != want || holders == 0 {
		t.Errorf("inverted: got %d calls, want %d, which is one for each of %d holders of an org application and 96 others", got, want, holders)
	}
	if diff := cmp.Diff(detail, inverted); diff != "" || len(detail) != 120 {
		t.Errorf("got %d accounts, want 120 that are equal (-detail +inverted):\n%s", len(detail), diff)
	}
	all := strings.Join(slices.Collect(maps.Values(detail)), "\n")
	for _, want := range []string{`"active": false`, `"groups": []`, `"groups": [` + "\n", `"security_role": []`, `"org_applications": [` + "\n", `"MyWork"`, `"department": [` + "\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("got no account with %s, want some: the comparison says nothing of it", want)
		}
	}
}

// The two lines that the connector's file gives for doing without the roles inside org applications: the plans still agree, and nobody
// needs a call of their own.
func TestTeamDynamixWithoutOrgApplicationRoles(t *testing.T) {
	t.Parallel()
	text, err := configs.FS.ReadFile("connectors/teamdynamix.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own, changed := string(text), 0
	for _, told := range regexp.MustCompile(`(?m)^#   (org_application_roles|if): (.*)$`).FindAllStringSubmatch(own, -1) {
		own = regexp.MustCompile(`(?m)^ +`+told[1]+`: `).ReplaceAllStringFunc(own, func(key string) string {
			changed++
			return key + told[2] + " # was "
		})
	}
	if changed != 2 {
		t.Fatalf("got %d lines changed, want 2", changed)
	}
	set, faults := connectors.Load(files(map[string]string{"sluice.yaml": "logging: {level: info}", "connectors/teamdynamix.yaml": own}), hermetic())
	if faults != nil {
		t.Fatalf("got faults, want none:\n%v", faults)
	}
	mock := unlimited(teamdynamix.Options{People: 60, Seed: 3})
	r := &reading{t: t, vendor: set.Connectors["teamdynamix"], mock: mock}
	r.signIn(mock.Options())
	detail := r.accounts("people", "detail")
	r.calls = 0
	inverted := r.accounts("people", "inverted")
	if diff := cmp.Diff(detail, inverted); diff != "" {
		t.Errorf("accounts differ (-detail +inverted):\n%s", diff)
	}
	if got, want := r.calls, 1+2+1+40+1+2*17+1+2*8; got != want {
		t.Errorf("inverted: got %d calls, want %d", got, want)
	}
}

// What search cannot tell apart by name is read from the person.
func TestTeamDynamixSharedNames(t *testing.T) {
	t.Parallel()
	const two = `[{"AppID": 1, "Name": "Tickets", "Type": "Standard"}, {"AppID": 2, "Name": "tickets", "Type": "Platform"},
		{"AppID": 3, "Name": "Assets", "Type": "Platform"}, {"AppID": 4, "Name": "Library", "Type": "External"}, {"AppID": 5, "Name": "New", "Type": null},
		{"AppID": 6, "Name": "News", "Type": "Standard"}]`
	r := &reading{t: t, vendor: shipped(t).Connectors["teamdynamix"]}
	r.mock = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(two)) })
	apps := r.list(&r.vendor.Resource("applications").Plans[0].List, "")
	join := r.vendor.Resource("people").Plan("inverted").Joins[3]
	got := map[string]any{}
	for _, app := range apps {
		got[r.text(r.vendor.Resource("applications").Key, app)] = r.value(join.Add, object{"UID": "x"}, app)
	}
	want := map[string]any{
		"1": object{"NeedsDetail": true}, "2": object{"NeedsDetail": true}, "3": object{"OrgApplications": []any{object{"ID": 3.0}}},
		"5": object{"NeedsDetail": true}, "6": object{"Applications": []any{"News"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what an application adds (-want +got):\n%s", diff)
	}
}

func TestTeamDynamixGroups(t *testing.T) {
	t.Parallel()
	r := newReading(t, unlimited(teamdynamix.Options{Groups: 90}))
	for resource, want := range map[string]int{"groups": 90, "applications": 17, "security_roles": 8, "departments": 25} {
		if got := r.accounts(resource, ""); len(got) != want {
			t.Errorf("%s: got %d accounts, want %d", resource, len(got), want)
		}
	}
	if all := strings.Join(slices.Collect(maps.Values(r.accounts("groups", ""))), "\n"); !strings.Contains(all, `"active": false`) {
		t.Error("groups: got no inactive one, want some")
	}
}

func TestTeamDynamixWrites(t *testing.T) {
	t.Parallel()
	vendor := shipped(t).Connectors["teamdynamix"]
	for _, c := range []struct{ method, path, want string }{
		{"PATCH", "/api/people/a5be%20b?x=1", "people a5be b"},
		{"POST", "/API/people/a5be/", "people a5be"},
		{"POST", "/api/people/search", ""},
		{"GET", "/api/people/a5be", ""},
		{"POST", "/api/people", "people "},
		{"PUT", "/api/people/a5be/isactive?status=false", "people a5be"},
		{"DELETE", "/api/people/a5be/groups/7", "people a5be"},
		{"POST", "/api/people/bulk/managegroups", "people "},
		{"POST", "/api/groups/7/members", "people "},
		{"PUT", "/api/groups/7", "groups 7"},
	} {
		var got []string
		for _, w := range vendor.Writes(c.method, c.path) {
			got = append(got, w.Resource.Name+" "+w.Key)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s %s: got %q, want %q", c.method, c.path, text, c.want)
		}
	}
}
