package teamdynamix_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// userMembers are the members of the documented User, by its type page.
var userMembers = strings.Fields(`UID ReferenceID BEID BEIDInt IsActive IsConfidential UserName FullName FirstName LastName
	MiddleName Salutation Nickname DefaultAccountID DefaultAccountName PrimaryEmail AlternateEmail ExternalID AlternateID
	Applications SecurityRoleName SecurityRoleID Permissions OrgApplications PrimaryPhone WorkPhone Pager OtherPhone
	MobilePhone Fax DefaultPriorityID DefaultPriorityName AboutMe WorkAddress WorkCity WorkState WorkZip WorkCountry
	HomeAddress HomeCity HomeState HomeZip HomeCountry DefaultRate CostRate IsEmployee WorkableHours IsCapacityManaged
	ReportTimeAfterDate EndDate ShouldReportTime ReportsToUID ReportsToFullName ResourcePoolID ResourcePoolName TZID TZName
	TypeID AuthenticationUserName AuthenticationProviderID Attributes Gender IMProvider IMHandle Company Title LocationID
	LocationName LocationRoomID LocationRoomName AlertEmail Birthday ProfileImageFileName GroupIDs`)

func TestPersonShape(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{})))
	for _, p := range everybody(c)[:20] {
		text := c.must(200, "GET", "/api/people/"+p.UID, nil)
		if len(text) < 1600 || len(text) > 4000 {
			t.Errorf("size of %s: got %d bytes, want about 2 KB", p.UserName, len(text))
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
		for _, name := range userMembers {
			if _, ok := members[name]; !ok {
				t.Errorf("member %s: got none, want it on every user", name)
			}
		}
		if len(members) != len(userMembers) {
			t.Errorf("members of a user: got %d, want %d", len(members), len(userMembers))
		}
		byName := c.must(200, "GET", "/api/people/"+strings.ToUpper(p.UserName), nil)
		if byName != text {
			t.Errorf("%s by name: got %s, want %s", p.UserName, byName, text)
		}
		if got := load[string](c, "GET", "/api/people/getuid/"+p.UserName, nil); got != p.UID {
			t.Errorf("getuid of %s: got %s, want %s", p.UserName, got, p.UID)
		}
		if full := load[person](c, "GET", "/api/people/"+p.UID, nil); full.TypeID == 2 && (len(full.GroupIDs) > 0 || full.SecurityRoleID != "") {
			t.Errorf("customer %s: got groups %v and role %q, want neither", p.UserName, full.GroupIDs, full.SecurityRoleID)
		}
	}
	for _, key := range []string{"nobody", "jnobody3", "00000000-0000-4000-8000-000000000000", "7", "-1"} {
		c.must(404, "GET", "/api/people/"+key, nil)
	}
}

func TestSameSeedSamePeople(t *testing.T) {
	t.Parallel()
	read := func(seed int64) []string {
		c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{Seed: seed, People: 30})))
		return []string{
			c.must(200, "GET", "/api/people/userlist", nil), c.must(200, "POST", "/api/groups/search", `{}`),
			c.must(200, "GET", "/api/accounts", nil), c.must(200, "POST", "/api/securityroles/search", `{}`),
		}
	}
	first, again, other := read(7), read(7), read(8)
	for k := range first {
		if first[k] != again[k] {
			t.Errorf("answer %d with the same seed: got %s, want %s", k, again[k], first[k])
		}
		if first[k] == other[k] {
			t.Errorf("answer %d with another seed: got the same, want another", k)
		}
	}
}

func TestCreatePerson(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{People: 20}))
	roles := load[[]role](c, "POST", "/api/securityroles/search", `{}`)
	taken := everybody(c)[4].UserName
	valid := func(edit func(map[string]any)) map[string]any {
		m := map[string]any{
			"FirstName": "Ada", "LastName": "Byron", "UserName": "abyron", "TypeID": 1, "SecurityRoleID": roles[0].ID,
			"Password": "swordfish", "Applications": []string{"TDPeople"}, "GroupIDs": []int{1001}, "IsActive": true,
		}
		edit(m)
		return m
	}
	for name, edit := range map[string]func(map[string]any){
		"no first name":       func(m map[string]any) { delete(m, "FirstName") },
		"no user name":        func(m map[string]any) { m["UserName"] = "" },
		"taken user name":     func(m map[string]any) { m["UserName"] = strings.ToUpper(taken) },
		"user without role":   func(m map[string]any) { delete(m, "SecurityRoleID") },
		"unknown role":        func(m map[string]any) { m["SecurityRoleID"] = "x" },
		"unknown application": func(m map[string]any) { m["Applications"] = []string{"TDNothing"} },
		"unknown account":     func(m map[string]any) { m["DefaultAccountID"] = 1 },
		"unknown type":        func(m map[string]any) { m["TypeID"] = 8 },
		"customer with role":  func(m map[string]any) { m["TypeID"] = 2 },
	} {
		if got := c.do("POST", "/api/people", valid(edit)).StatusCode; got != 400 {
			t.Errorf("%s: got %d, want 400", name, got)
		}
	}
	text := c.must(201, "POST", "/api/people", valid(func(map[string]any) {}))
	if strings.Contains(text, "swordfish") {
		t.Error("the answer holds the password, want it gone")
	}
	var made person
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	if made.FullName != "Ada Byron" || made.SecurityRoleName != roles[0].Name || len(made.GroupIDs) != 0 {
		t.Errorf("created: got %+v, want the full name, the role's name and no groups, which are read-only", made)
	}
	if got := c.must(200, "GET", "/api/people/ABYRON", nil); got != text {
		t.Errorf("read back: got %s, want %s", got, text)
	}
	c.must(400, "POST", "/api/people", valid(func(map[string]any) {}))
	if got := len(everybody(c)); got != 21 {
		t.Errorf("people: got %d, want 21", got)
	}
}

func TestUpdatePerson(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 40})))
	all := details(c)
	k := slices.IndexFunc(all, func(p person) bool { return p.TypeID == 1 && len(p.GroupIDs) > 1 && len(p.Applications) > 1 })
	old := all[k]
	body := map[string]any{
		"UID": "x", "TypeID": 2, "BEID": "y", "GroupIDs": []int{}, "Permissions": []string{}, "FullName": "Nobody",
		"FirstName": "Ada", "LastName": "Byron", "UserName": "abyron", "SecurityRoleID": old.SecurityRoleID, "IsActive": false,
	}
	got := load[person](c, "POST", "/api/people/"+old.UID, body)
	if got.UID != old.UID || got.TypeID != 1 || got.BEID != old.BEID || !slices.Equal(got.GroupIDs, old.GroupIDs) || !slices.Equal(got.Permissions, old.Permissions) {
		t.Errorf("read-only members: got %+v, want those of %+v", got, old)
	}
	if got.FullName != "Ada Byron" || got.Title != "" || got.IsActive || !slices.Equal(got.Applications, old.Applications) {
		t.Errorf("full update: got %+v, want the new name, no title, inactive, and the applications that the body left null", got)
	}
	c.must(404, "GET", "/api/people/"+old.UserName, nil)
	c.must(200, "GET", "/api/people/abyron", nil)
	body["UserName"] = old.UserName
	c.must(200, "POST", "/api/people/abyron", body)
	c.must(404, "GET", "/api/people/abyron", nil)
	c.must(200, "GET", "/api/people/"+old.UserName, nil)
}

func TestImport(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{}))
	c.must(415, "POST", "/api/people/import", `{}`)
	if got := sendFile(c, workbook(t)); got != 200 {
		t.Errorf("a workbook: got %d, want 200", got)
	}
	if got := sendFile(c, []byte("first,last\n")); got != 400 {
		t.Errorf("a text file: got %d, want 400", got)
	}
}
