package teamdynamix_test

import (
	"fmt"
	"slices"
	"testing"

	"sluice/mocks/teamdynamix"
)

// checkMemberships compares the two ways of reading who is in which group: the people's GroupIDs and the groups' members.
func checkMemberships(c *client) {
	c.Helper()
	all := details(c)
	for _, g := range load[[]group](c, "POST", "/api/groups/search", `{}`) {
		want := names(all, func(p person) bool { return slices.Contains(p.GroupIDs, g.ID) })
		got := names(load[[]person](c, "GET", fmt.Sprintf("/api/groups/%d/members", g.ID), nil), anybody)
		if !slices.Equal(got, want) {
			c.Errorf("members of %s: got %v, want those with it in GroupIDs, %v", g.Name, got, want)
		}
	}
}

// cast picks people whom a test writes to: two Users and a Customer.
func cast(c *client) (ann, bob, customer person) {
	c.Helper()
	all := details(c)
	users := slices.DeleteFunc(slices.Clone(all), func(p person) bool { return p.TypeID != 1 })
	return users[0], users[1], all[slices.IndexFunc(all, func(p person) bool { return p.TypeID == 2 })]
}

func TestMembershipFromBothSides(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60, Groups: 8})))
	checkMemberships(c)
	ann, bob, customer := cast(c)
	both := []string{ann.UID, bob.UID}
	steps := []struct {
		method, path string
		body         any
		ann, bob     []int // group ids afterwards
	}{
		{"POST", "/api/people/" + ann.UID + "/groups?removeOtherGroups=true", []int{1001, 1002}, []int{1001, 1002}, nil},
		{"POST", "/api/people/" + bob.UID + "/groups?removeOtherGroups=true", []int{}, nil, []int{}},
		{"POST", "/api/people/" + bob.UID + "/groups", []int{1005}, nil, []int{1005}},
		{"PUT", "/api/people/" + ann.UID + "/groups/1003?isPrimary=true", nil, []int{1001, 1002, 1003}, nil},
		{"DELETE", "/api/people/" + ann.UID + "/groups/1001", nil, []int{1002, 1003}, nil},
		{"POST", "/api/groups/1004/members?isManager=true", both, []int{1002, 1003, 1004}, []int{1004, 1005}},
		{"DELETE", "/api/groups/1002/members", both, []int{1003, 1004}, []int{1004, 1005}},
		{"POST", "/api/people/bulk/managegroups", map[string]any{"UserUIDs": both, "GroupIDs": []int{1001}, "RemoveOtherGroups": true}, []int{1001}, []int{1001}},
	}
	for _, s := range steps {
		c.must(200, s.method, s.path, s.body)
		for _, who := range []struct {
			uid  string
			want []int
		}{{ann.UID, s.ann}, {bob.UID, s.bob}} {
			got := load[person](c, "GET", "/api/people/"+who.uid, nil).GroupIDs
			slices.Sort(got)
			if who.want != nil && !slices.Equal(got, who.want) {
				t.Errorf("after %s %s: got groups %v, want %v", s.method, s.path, got, who.want)
			}
		}
	}
	checkMemberships(c)
	c.must(400, "POST", "/api/groups/1006/members", []string{ann.UID, customer.UID})
	c.must(400, "POST", "/api/groups/1006/members", []string{ann.UID, "00000000-0000-4000-8000-000000000000"})
	c.must(404, "POST", "/api/groups/9999/members", both)
	c.must(400, "POST", "/api/people/"+ann.UID+"/groups", []int{1006, 9999})
	c.must(404, "DELETE", "/api/people/"+ann.UID+"/groups/1006", nil)
	if got := load[person](c, "GET", "/api/people/"+ann.UID, nil).GroupIDs; !slices.Equal(got, []int{1001}) {
		t.Errorf("groups after refused writes: got %v, want [1001] as before", got)
	}
}

func TestTermsOfMembership(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60})))
	ann, _, _ := cast(c)
	base := "/api/people/" + ann.UID + "/groups"
	c.must(200, "POST", base+"?removeOtherGroups=true", []int{1001})
	c.must(200, "PUT", base+"/1002?isPrimary=true&isNotified=true", nil)
	c.must(200, "PUT", base+"/1003?isPrimary=true&isManager=true", nil)
	service := load[group](c, "GET", "/api/groups/1001", nil).Name
	got := load[[]membership](c, "GET", base, nil)
	want := []membership{{GroupID: 1001, GroupName: service}, {GroupID: 1002, IsNotified: true}, {GroupID: 1003, IsPrimary: true, IsManager: true}}
	for k := range want[1:] {
		want[k+1].GroupName = load[group](c, "GET", fmt.Sprintf("/api/groups/%d", want[k+1].GroupID), nil).Name
	}
	if !slices.Equal(got, want) {
		t.Errorf("memberships: got %+v, want %+v with one primary group", got, want)
	}
	c.must(400, "PUT", base+"/1001?isPrimary=perhaps", nil)
}

func TestGroups(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{Groups: 5})))
	var made group
	decode(t, c.must(201, "POST", "/api/groups", `{"Name":"Night Shift","IsActive":true,"ExternalID":"N"}`), &made)
	path := fmt.Sprintf("/api/groups/%d", made.ID)
	if got := load[group](c, "GET", path, nil); got.Name != "Night Shift" || got.ExternalID != "N" {
		t.Errorf("created group: got %+v, want Night Shift, N", got)
	}
	apps := load[[]application](c, "GET", "/api/applications", nil)
	c.must(200, "POST", path+"/applications", []int{apps[0].AppID, apps[1].AppID, apps[0].AppID})
	c.must(200, "DELETE", path+"/applications", []int{apps[1].AppID})
	c.must(400, "POST", path+"/applications", []int{1})
	want := []groupApplication{{made.ID, apps[0].AppID, apps[0].Name, apps[0].Name}}
	if got := load[[]groupApplication](c, "GET", path+"/applications", nil); !slices.Equal(got, want) {
		t.Errorf("applications of the group: got %+v, want %+v", got, want)
	}
	c.must(200, "PUT", path, `{"Name":"Day Shift","IsActive":false}`)
	if got := load[group](c, "GET", path, nil); got.Name != "Day Shift" || got.IsActive || !slices.Equal(got.PlatformApplications, want) {
		t.Errorf("updated group: got %+v, want Day Shift, inactive, its applications kept", got)
	}
	for query, n := range map[string]int{`{}`: 6, `{"NameLike":"day shift"}`: 1, `{"NameLike":"day","IsActive":true}`: 0,
		fmt.Sprintf(`{"HasAppID":%d}`, apps[0].AppID): 1} {
		if got := len(load[[]group](c, "POST", "/api/groups/search", query)); got != n {
			t.Errorf("groups/search %s: got %d, want %d", query, got, n)
		}
	}
	c.must(400, "POST", "/api/groups", `{"Name":"day shift"}`)
	c.must(400, "PUT", path, `{"Name":" "}`)
	c.must(404, "PUT", "/api/groups/9999", `{"Name":"x"}`)
	c.must(404, "GET", "/api/groups/x", nil)
}
