package teamdynamix_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"sluice/mocks/teamdynamix"
)

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("decode %.100s: %v", text, err)
	}
}

func TestSecurityRoles(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 100})))
	all := details(c)
	roles := load[[]role](c, "POST", "/api/securityroles/search", `{}`)
	if len(roles) != 8 {
		t.Fatalf("global roles: got %d, want 8", len(roles))
	}
	for _, r := range roles {
		full := load[role](c, "GET", "/api/securityroles/"+r.ID, nil)
		if r.Permissions != nil || len(full.Permissions) == 0 {
			t.Errorf("permissions of %s: got %v from search and %v from GET, want none and some", r.Name, r.Permissions, full.Permissions)
		}
		if want := len(names(all, func(p person) bool { return p.SecurityRoleID == r.ID })); full.UserCount != want {
			t.Errorf("users of %s: got %d, want %d", r.Name, full.UserCount, want)
		}
	}
	holder := all[slices.IndexFunc(all, func(p person) bool { return p.SecurityRoleID == roles[0].ID })]
	c.must(200, "PUT", "/api/securityroles/"+roles[0].ID, `{"Name":"Renamed","Permissions":["1","2"]}`)
	got := load[person](c, "GET", "/api/people/"+holder.UID, nil)
	if got.SecurityRoleName != "Renamed" || !slices.Equal(got.Permissions, []string{"1", "2"}) {
		t.Errorf("holder of the changed role: got %q %v, want Renamed [1 2]", got.SecurityRoleName, got.Permissions)
	}
	c.must(400, "PUT", "/api/securityroles/"+roles[0].ID, `{"Name":"x","Permissions":["none"]}`)
	c.must(404, "GET", "/api/securityroles/x", nil)
	apps := load[[]application](c, "GET", "/api/applications", nil)
	app := apps[slices.IndexFunc(apps, func(a application) bool { return a.Type == "Platform" })]
	if got := load[[]role](c, "POST", "/api/securityroles/search", fmt.Sprintf(`{"AppID":%d}`, app.AppID)); len(got) != 2 {
		t.Errorf("roles of %s: got %d, want 2", app.Name, len(got))
	}
	if got := len(load[[]struct{ ID string }](c, "GET", "/api/securityroles/permissions", nil)); got != 60 {
		t.Errorf("permissions: got %d, want 60", got)
	}
}

func TestApplications(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{}))
	kinds := map[string]int{}
	for _, a := range load[[]application](c, "GET", "/api/applications", nil) {
		kinds[a.Type]++
	}
	if kinds["Standard"] != 14 || kinds["Platform"] != 3 {
		t.Errorf("applications: got %v, want 14 standard and 3 platform ones", kinds)
	}
}

func TestFunctionalRoles(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60})))
	var made struct {
		ID   int
		Name string
	}
	decode(t, c.must(201, "POST", "/api/functionalroles", `{"Name":"Archivist"}`), &made)
	ann, _, _ := cast(c)
	base := "/api/people/" + ann.UID + "/functionalroles"
	c.must(200, "PUT", base+"/51?isPrimary=true", nil)
	c.must(200, "PUT", fmt.Sprintf("%s/%d?isPrimary=true", base, made.ID), nil)
	c.must(200, "PUT", fmt.Sprintf("/api/functionalroles/%d", made.ID), `{"Name":"Curator"}`)
	got := load[[]duty](c, "GET", base, nil)
	if last := got[len(got)-1]; last != (duty{made.ID, "Curator", true}) {
		t.Errorf("last functional role: got %+v, want Curator, primary", last)
	}
	if n := len(slices.DeleteFunc(slices.Clone(got), func(d duty) bool { return !d.IsPrimary })); n != 1 {
		t.Errorf("primary functional roles: got %d in %+v, want 1", n, got)
	}
	c.must(200, "DELETE", base+"/51", nil)
	c.must(404, "DELETE", base+"/51", nil)
	c.must(404, "PUT", base+"/9999", nil)
	c.must(400, "POST", "/api/functionalroles", `{"Name":""}`)
	for query, n := range map[string]int{`{}`: 13, `{"Name":"curat"}`: 1, `{"MaxResults":2}`: 2} {
		if got := len(load[[]struct{ ID int }](c, "POST", "/api/functionalroles/search", query)); got != n {
			t.Errorf("functionalroles/search %s: got %d, want %d", query, got, n)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 5}))
	c := admin(t, v)
	somebody := details(c)[1]
	v.Set(func(o *teamdynamix.Options) {
		o.Logins = []teamdynamix.Login{{Username: somebody.UserName, Password: "p"}, {Username: "iga", Password: "p"}, {Username: "all", Password: "p", AllAccounts: true}}
	})
	for name, want := range map[string]int{somebody.UserName: 1, "iga": 0, "all": 25} {
		own := user(t, v, name, "p")
		if got := len(load[[]account](own, "GET", "/api/accounts", nil)); got != want {
			t.Errorf("accounts as %s: got %d, want %d", name, got, want)
		}
		if got := len(load[[]account](own, "POST", "/api/accounts/search", `{}`)); got != want {
			t.Errorf("accounts/search as %s: got %d, want %d", name, got, want)
		}
	}
	var made account
	decode(t, c.must(201, "POST", "/api/accounts", `{"Name":"Observatory","IsActive":true,"Attributes":[{"ID":1,"Name":"a","Value":"b"}]}`), &made)
	path := fmt.Sprintf("/api/accounts/%d", made.ID)
	if got := load[account](c, "GET", path, nil); len(got.Attributes) != 1 || got.Name != "Observatory" {
		t.Errorf("account: got %+v, want Observatory with one attribute", got)
	}
	for _, a := range load[[]account](c, "GET", "/api/accounts", nil) {
		if a.Attributes != nil {
			t.Errorf("account %s of the list: got attributes %v, want none", a.Name, a.Attributes)
		}
	}
	c.must(200, "PUT", path, `{"Name":"Planetarium"}`)
	if got := load[[]account](c, "POST", "/api/accounts/search", `{"SearchText":"planet","IsActive":false}`); len(got) != 1 {
		t.Errorf("search after the update: got %+v, want the inactive Planetarium", got)
	}
	user(t, v, "iga", "p").must(404, "GET", path, nil)
}
