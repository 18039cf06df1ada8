package teamdynamix_test

import (
	"slices"
	"testing"

	"sluice/mocks/teamdynamix"
)

func TestBulk(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60})))
	ann, bob, customer := cast(c)
	both := []string{ann.UID, bob.UID}
	roles := load[[]role](c, "POST", "/api/securityroles/search", `{}`)
	apps := load[[]application](c, "GET", "/api/applications", nil)
	app := apps[len(apps)-1]
	appRole := load[[]role](c, "POST", "/api/securityroles/search", map[string]int{"AppID": app.AppID})[0]
	tests := []struct {
		path  string
		body  any
		holds func(person) bool
	}{
		{"changeacctdepts", map[string]any{"UserUIDs": both, "AccountIDs": []int{303, 304}}, func(p person) bool { return p.DefaultAccountID == 303 }},
		{"changeactivestatus?isActive=false", both, func(p person) bool { return !p.IsActive }},
		{"changeactivestatus?isActive=true", both, func(p person) bool { return p.IsActive }},
		{"changeapplications", map[string]any{"UserUIDs": both, "ApplicationNames": []string{"TDNews"}, "ReplaceExisting": true},
			func(p person) bool { return slices.Equal(p.Applications, []string{"TDNews"}) }},
		{"changeapplications", map[string]any{"UserUIDs": both, "ApplicationNames": []string{"TDChat", "tdnews"}},
			func(p person) bool { return slices.Equal(p.Applications, []string{"TDNews", "TDChat"}) }},
		{"changeorgapplications", map[string]any{"UserUIDs": both, "ReplaceExisting": true, "OrgApplications": []any{map[string]any{"ID": app.AppID, "SecurityRoleID": appRole.ID}}},
			func(p person) bool {
				return slices.Equal(p.OrgApplications, []orgApplication{{app.AppID, app.Name, appRole.ID, appRole.Name}})
			}},
		{"changesecurityrole/" + roles[3].ID, both, func(p person) bool { return p.SecurityRoleID == roles[3].ID && p.SecurityRoleName == roles[3].Name }},
		{"applydesktop", map[string]any{"UserUIDs": both, "TemplateID": 4}, anybody},
		{"applydashboard", map[string]any{"UserUIDs": both, "TemplateID": 4}, anybody},
	}
	for _, tt := range tests {
		if got := load[struct{ UpdatedCount int }](c, "POST", "/api/people/bulk/"+tt.path, tt.body).UpdatedCount; got != 2 {
			t.Errorf("%s: got %d updated, want 2", tt.path, got)
		}
		for _, uid := range both {
			if got := load[person](c, "GET", "/api/people/"+uid, nil); !tt.holds(got) {
				t.Errorf("after %s: got %+v, want it changed", tt.path, got)
			}
		}
	}
	for path, body := range map[string]any{
		"changeacctdepts":                   map[string]any{"UserUIDs": both},
		"changeactivestatus":                both,
		"changeactivestatus?isActive=true":  []string{},
		"changeapplications":                map[string]any{"UserUIDs": both, "ApplicationNames": []string{"TDNothing"}},
		"changeorgapplications":             map[string]any{"UserUIDs": both, "OrgApplications": []any{map[string]any{"ID": app.AppID, "SecurityRoleID": roles[0].ID}}},
		"changesecurityrole/" + roles[0].ID: []string{ann.UID, customer.UID},
		"changesecurityrole/" + appRole.ID:  both,
		"applydesktop":                      map[string]any{"UserUIDs": both},
		"managegroups":                      map[string]any{"UserUIDs": both, "GroupIDs": []int{9999}},
	} {
		c.must(400, "POST", "/api/people/bulk/"+path, body)
	}
	if got := load[person](c, "GET", "/api/people/"+ann.UID, nil).SecurityRoleID; got != roles[3].ID {
		t.Errorf("role after a refused bulk change: got %s, want %s as before", got, roles[3].ID)
	}
}
