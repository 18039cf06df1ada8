package proxy_test

import (
	"fmt"
	"slices"
	"testing"
)

// errand is one provisioning operation as an IGA connector sends it, and what is otherwise afterwards.
type errand struct {
	name, method, path, body string
	answers                  bool // with the person
	uid                      string
	want                     func(*about)
}

// cast are those of a tenant with whom errands are run.
type cast struct {
	uid          string
	user         record
	in, out      record // a group to which the person belongs, and one to which not
	inID, outID  int
	app, newApp  record // platform applications: one that the person has, and one as the person will have it
	appID, newID int
	appRole      record // the other role of app
	role         record // a global role of others
}

// newCast picks somebody who has something of everything, and not all of it.
func newCast(t *testing.T, d *desk) cast {
	t.Helper()
	var c cast
	all := d.tenant()
	for _, uid := range sortedKeys(all.People) {
		user := all.People[uid].User
		if groups, _ := user["GroupIDs"].([]any); len(groups) > 1 && len(groups) < len(all.Groups) {
			if held, _ := user["OrgApplications"].([]any); len(held) == 1 {
				c.uid, c.user, c.app = uid, user, held[0].(record)
				break
			}
		}
	}
	if c.uid == "" {
		t.Fatal("nobody has groups and one platform application; raise People")
	}
	for _, g := range all.Groups {
		group := g.(record)
		if slices.Contains(c.user["GroupIDs"].([]any), group["ID"]) {
			c.in, c.inID = group, int(group["ID"].(float64))
		} else {
			c.out, c.outID = group, int(group["ID"].(float64))
		}
	}
	c.appID = int(c.app["ID"].(float64))
	for _, r := range parsed[[]record](t, d.audit("POST", "/api/securityroles/search", fmt.Sprintf(`{"AppID":%d}`, c.appID))) {
		if r["ID"] != c.app["SecurityRoleID"] {
			c.appRole = r
		}
	}
	for _, app := range parsed[[]record](t, d.audit("GET", "/api/applications", "")) {
		if id := int(app["AppID"].(float64)); app["Type"] == "Platform" && id != c.appID {
			role := parsed[[]record](t, d.audit("POST", "/api/securityroles/search", fmt.Sprintf(`{"AppID":%d}`, id)))[0]
			c.newID = id
			c.newApp = record{
				"ID": app["AppID"], "Name": app["Name"], "Description": app["Description"], "SystemClass": app["AppClass"],
				"SecurityRoleID": role["ID"], "SecurityRoleName": role["Name"], "IsAdministrator": false, "IsDefault": false,
			}
		}
	}
	for _, r := range parsed[[]record](t, d.audit("POST", "/api/securityroles/search", "{}")) {
		if r["ID"] != c.user["SecurityRoleID"] {
			c.role = parsed[record](t, d.audit("GET", "/api/securityroles/"+r["ID"].(string), ""))
		}
	}
	return c
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// member is the membership that a person gets in the cast's other group.
func (c *cast) member(notified bool) record {
	return record{"GroupID": c.out["ID"], "GroupName": c.out["Name"], "IsPrimary": false, "IsNotified": notified, "IsManager": false}
}

// joins is what is otherwise when the person joins the other group.
func (c *cast) joins(notified bool) func(*about) {
	return func(p *about) {
		p.User["GroupIDs"] = append(p.User["GroupIDs"].([]any), c.out["ID"])
		p.Groups = append(p.Groups, c.member(notified))
	}
}

// leaves is what is otherwise when the person leaves a group.
func (c *cast) leaves(p *about) {
	p.User["GroupIDs"] = slices.DeleteFunc(p.User["GroupIDs"].([]any), func(id any) bool { return id == c.in["ID"] })
	p.Groups = slices.DeleteFunc(p.Groups, func(m any) bool { return m.(record)["GroupID"] == c.in["ID"] })
}

// moves is what is otherwise when the person is in the other group and in no more.
func (c *cast) moves(p *about) {
	p.User["GroupIDs"] = []any{c.out["ID"]}
	p.Groups = []any{c.member(false)}
}

func (c *cast) takesRole(p *about) {
	p.User["SecurityRoleID"], p.User["SecurityRoleName"], p.User["Permissions"] = c.role["ID"], c.role["Name"], c.role["Permissions"]
}

func sets(member string, value any) func(*about) {
	return func(p *about) { p.User[member] = value }
}

// errands are the operations of issue 4, one by one and in the vendor's ways for many at once.
func errands(t *testing.T, d *desk) []errand {
	t.Helper()
	c := newCast(t, d)
	all := slices.Concat(c.profile(t), c.groups(), c.access(t), c.atOnce(t))
	for i := range all {
		all[i].uid = c.uid
	}
	return all
}

// profile changes the person's own members.
func (c *cast) profile(t *testing.T) []errand {
	whole := record{}
	for name, value := range c.user {
		whole[name] = value
	}
	whole["Title"], whole["GroupIDs"], whole["FullName"] = "Dean", []any{}, "Nobody" // the last two are read-only
	return []errand{
		{"update", "POST", "/api/people/" + c.uid, jsonOf(t, whole), true, "", sets("Title", "Dean")},
		{"patch", "PATCH", "/api/people/" + c.uid,
			`[{"op":"add","path":"/Title","value":"Dean"},{"op":"remove","path":"/Nickname"},{"op":"add","path":"/Attributes/7101/Value","value":"9"}]`,
			true, "", func(p *about) {
				p.User["Title"], p.User["Nickname"] = "Dean", ""
				p.User["Attributes"].([]any)[0].(record)["Value"] = "9"
			}},
		{"deactivate", "PUT", "/api/people/" + c.uid + "/isactive?status=false", "", false, "", sets("IsActive", false)},
	}
}

// groups changes memberships, from the person's side and from the group's.
func (c *cast) groups() []errand {
	mine := "/api/people/" + c.uid + "/groups"
	me := fmt.Sprintf("[%q]", c.uid)
	return []errand{
		{"add to a group", "PUT", fmt.Sprintf("%s/%d?isPrimary=false&isNotified=true&isManager=false", mine, c.outID), "", false, "", c.joins(true)},
		{"remove from a group", "DELETE", fmt.Sprintf("%s/%d", mine, c.inID), "", false, "", c.leaves},
		{"add to groups", "POST", mine + "?removeOtherGroups=false", fmt.Sprintf("[%d]", c.outID), false, "", c.joins(false)},
		{"set groups", "POST", mine + "?removeOtherGroups=true", fmt.Sprintf("[%d]", c.outID), false, "", c.moves},
		{"add a member", "POST", fmt.Sprintf("/api/groups/%d/members?isPrimary=false&isNotified=true&isManager=false", c.outID), me, false, "", c.joins(true)},
		{"remove a member", "DELETE", fmt.Sprintf("/api/groups/%d/members", c.inID), me, false, "", c.leaves},
	}
}

// access changes what the person may use.
func (c *cast) access(t *testing.T) []errand {
	me := "/api/people/" + c.uid
	granted := record{"SecurityRoleID": c.newApp["SecurityRoleID"]}
	return []errand{
		{"set applications", "PATCH", me, `[{"op":"replace","path":"/Applications","value":["TDNews","TDPeople"]}]`, true, "",
			sets("Applications", []any{"TDNews", "TDPeople"})},
		{"add an org application", "PATCH", me, fmt.Sprintf(`[{"op":"add","path":"/OrgApplications/%d","value":%s}]`, c.newID, jsonOf(t, granted)), true, "",
			func(p *about) { p.User["OrgApplications"] = append(p.User["OrgApplications"].([]any), c.newApp) }},
		{"change the role in an org application", "PATCH", me,
			fmt.Sprintf(`[{"op":"replace","path":"/OrgApplications/%d/SecurityRoleID","value":%q}]`, c.appID, c.appRole["ID"]), true, "",
			func(p *about) {
				held := p.User["OrgApplications"].([]any)[0].(record)
				held["SecurityRoleID"], held["SecurityRoleName"] = c.appRole["ID"], c.appRole["Name"]
			}},
		{"remove an org application", "PATCH", me, fmt.Sprintf(`[{"op":"remove","path":"/OrgApplications/%d"}]`, c.appID), true, "",
			sets("OrgApplications", []any{})},
		{"set the security role", "PATCH", me, fmt.Sprintf(`[{"op":"replace","path":"/SecurityRoleID","value":%q}]`, c.role["ID"]), true, "", c.takesRole},
	}
}

// atOnce are the bulk methods, here for one person.
func (c *cast) atOnce(t *testing.T) []errand {
	order := func(more record) string {
		more["UserUIDs"] = []any{c.uid}
		return jsonOf(t, more)
	}
	me := fmt.Sprintf("[%q]", c.uid)
	const bulk = "/api/people/bulk/"
	return []errand{
		{"deactivate in bulk", "POST", bulk + "changeactivestatus?isActive=false", me, false, "", sets("IsActive", false)},
		{"set groups in bulk", "POST", bulk + "managegroups", order(record{"GroupIDs": []int{c.outID}, "RemoveOtherGroups": true}), false, "", c.moves},
		{"set applications in bulk", "POST", bulk + "changeapplications", order(record{"ApplicationNames": []string{"TDNews"}, "ReplaceExisting": true}), false, "",
			sets("Applications", []any{"TDNews"})},
		{"set org applications in bulk", "POST", bulk + "changeorgapplications",
			order(record{"OrgApplications": []any{record{"ID": c.newID, "SecurityRoleID": c.newApp["SecurityRoleID"]}}, "ReplaceExisting": true}), false, "",
			sets("OrgApplications", []any{c.newApp})},
		{"set the security role in bulk", "POST", bulk + "changesecurityrole/" + c.role["ID"].(string), me, false, "", c.takesRole},
	}
}
