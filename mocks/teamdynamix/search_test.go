package teamdynamix_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// names gives the sorted user names of those that keep keeps.
func names(people []person, keep func(person) bool) []string {
	var out []string
	for _, p := range people {
		if keep(p) {
			out = append(out, p.UserName)
		}
	}
	slices.Sort(out)
	return out
}

func anybody(person) bool { return true }

// TestSearchAgreesWithSingleReads asks every filter of search, and compares with all people read one by one.
func TestSearchAgreesWithSingleReads(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 300})))
	all := details(c)
	p := all[17]
	tests := []struct {
		query string
		keep  func(person) bool
	}{
		{`{}`, func(p person) bool { return p.IsActive }},
		{`{"IsActive":null}`, func(p person) bool { return p.IsActive }},
		{`{"IsActive":true}`, func(p person) bool { return p.IsActive }},
		{`{"IsActive":false}`, func(p person) bool { return !p.IsActive }},
		{`{"IsEmployee":true}`, func(p person) bool { return p.IsActive && p.IsEmployee }},
		{`{"IsActive":false,"IsEmployee":false}`, func(p person) bool { return !p.IsActive && !p.IsEmployee }},
		{`{"IsConfidential":true}`, func(p person) bool { return p.IsActive && p.IsConfidential }},
		{`{"AppName":"tdpeople"}`, func(p person) bool { return p.IsActive && slices.Contains(p.Applications, "TDPeople") }},
		{`{"AppName":"IT Assets"}`, func(p person) bool {
			return p.IsActive && slices.ContainsFunc(p.OrgApplications, func(a orgApplication) bool { return a.Name == "IT Assets" })
		}},
		{`{"AccountIDs":[301,302]}`, func(p person) bool { return p.IsActive && (p.DefaultAccountID == 301 || p.DefaultAccountID == 302) }},
		{fmt.Sprintf(`{"ReferenceIDs":[%d]}`, p.ReferenceID), func(o person) bool { return o.IsActive && o.UID == p.UID }},
		{`{"ExternalID":"` + p.ExternalID + `"}`, func(o person) bool { return o.IsActive && o.UID == p.UID }},
		{`{"AlternateID":"` + p.AlternateID + `"}`, func(o person) bool { return o.IsActive && o.UID == p.UID }},
		{`{"UserName":"` + p.UserName + `"}`, func(o person) bool { return o.IsActive && o.UID == p.UID }},
		{`{"SecurityRoleID":"` + cmp.Or(p.SecurityRoleID, "none") + `"}`, func(o person) bool { return o.IsActive && o.SecurityRoleID == cmp.Or(p.SecurityRoleID, "none") }},
		{`{"SearchText":"AN"}`, func(p person) bool {
			return p.IsActive && strings.Contains(strings.ToLower(p.FullName+"|"+p.UserName+"|"+p.ExternalID+"|"+p.AlternateID), "an")
		}},
	}
	for _, tt := range tests {
		got, want := names(load[[]person](c, "POST", "/api/people/search", tt.query), anybody), names(all, tt.keep)
		if !slices.Equal(got, want) {
			t.Errorf("search %s: got %d people %v, want %d", tt.query, len(got), got, len(want))
		}
	}
	for _, n := range []int{1, 7, 100000} {
		got := len(load[[]person](c, "POST", "/api/people/search", map[string]int{"MaxResults": n}))
		if want := min(n, len(names(all, tests[0].keep))); got != want {
			t.Errorf("MaxResults %d: got %d people, want %d", n, got, want)
		}
	}
}

func TestSearchForgetsCollections(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{People: 30}))
	lists := map[string][]person{
		"search":  load[[]person](c, "POST", "/api/people/search", `{}`),
		"lookup":  load[[]person](c, "GET", "/api/people/lookup?searchText=a", nil),
		"members": load[[]person](c, "GET", "/api/groups/1001/members", nil),
	}
	for name, list := range lists {
		if len(list) == 0 {
			t.Errorf("%s: got nobody, want somebody", name)
		}
		for _, p := range list {
			if len(p.Applications)+len(p.Permissions)+len(p.OrgApplications)+len(p.Attributes)+len(p.GroupIDs) > 0 {
				t.Errorf("%s: got %+v, want no collections", name, p)
			}
			if p.TypeID == 1 && (p.SecurityRoleID == "" || p.SecurityRoleName == "" || p.DefaultAccountName == "") {
				t.Errorf("%s: got %+v, want role and account, which are no collections", name, p)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(teamdynamix.Options{People: 400}))
	for query, want := range map[string]int{"": 50, "&maxResults=3": 3, "&MAXRESULTS=500": 100, "&maxResults=0": 1} {
		if got := len(load[[]person](c, "GET", "/api/people/lookup?searchText=a"+query, nil)); got != want {
			t.Errorf("lookup with %q: got %d people, want %d", query, got, want)
		}
	}
	c.must(400, "GET", "/api/people/lookup?searchText=a&maxResults=x", nil)
}

func TestUserList(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 200})))
	all := details(c)
	tests := map[string]func(person) bool{
		"":                                         anybody,
		"?isActive=&isEmployee=&userType=None":     anybody, // the vendor's own sample
		"?isActive=true":                           func(p person) bool { return p.IsActive },
		"?isActive=False":                          func(p person) bool { return !p.IsActive },
		"?isConfidential=true":                     func(p person) bool { return p.IsConfidential },
		"?userType=Customer&isEmployee=true":       func(p person) bool { return p.TypeID == 2 && p.IsEmployee },
		"?userType=user":                           func(p person) bool { return p.TypeID == 1 },
		"?userType=ServiceAccount":                 func(person) bool { return false },
		"?isactive=true&USERTYPE=user&isEmployee=": func(p person) bool { return p.IsActive && p.TypeID == 1 },
	}
	for query, keep := range tests {
		got := names(load[[]person](c, "GET", "/api/people/userlist"+query, nil), anybody)
		if want := names(all, keep); !slices.Equal(got, want) {
			t.Errorf("userlist%s: got %d people, want %d", query, len(got), len(want))
		}
	}
	c.must(400, "GET", "/api/people/userlist?isActive=perhaps", nil)
	c.must(400, "GET", "/api/people/userlist?userType=robot", nil)
}

// TestEveryoneSeemsGone is the trap: without People access search and lookup say 200 and nobody.
func TestEveryoneSeemsGone(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{Logins: []teamdynamix.Login{{Username: "plain", Password: "p"}}})
	c := user(t, v, "plain", "p")
	uid := everybody(admin(t, v))[0].UID
	if got := c.must(200, "POST", "/api/people/search", `{}`); got != "[]" {
		t.Errorf("search: got %s, want []", got)
	}
	if got := c.must(200, "GET", "/api/people/lookup?searchText=a", nil); got != "[]" {
		t.Errorf("lookup: got %s, want []", got)
	}
	c.must(401, "GET", "/api/people/"+uid, nil)
}
