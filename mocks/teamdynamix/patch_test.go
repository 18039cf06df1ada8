package teamdynamix_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// userWith finds a User who has several of everything.
func userWith(c *client) person {
	c.Helper()
	all := details(c)
	k := slices.IndexFunc(all, func(p person) bool {
		return p.TypeID == 1 && len(p.GroupIDs) > 0 && len(p.Applications) > 1 && len(p.OrgApplications) > 0
	})
	if k < 0 {
		c.Fatal("no user with groups, applications and platform applications; raise People")
	}
	return all[k]
}

func TestPatch(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60})))
	p := userWith(c)
	tests := []struct {
		ops   string
		holds func(person) bool
	}{
		{`[{"op":"add","path":"/Title","value":"Dean"}]`, func(p person) bool { return p.Title == "Dean" }},
		{`[{"op":"replace","path":"/title","value":"Provost"}]`, func(p person) bool { return p.Title == "Provost" }},
		{`[{"op":"remove","path":"/Title"}]`, func(p person) bool { return p.Title == "" }},
		{`[{"op":"copy","from":"/FirstName","path":"/Title"}]`, func(o person) bool { return o.Title == p.FirstName }},
		{`[{"op":"move","from":"/Title","path":"/Nickname"}]`, func(p person) bool { return p.Title == "" }},
		{`[{"op":"add","path":"/FirstName","value":"Ada"}]`, func(o person) bool { return o.FullName == "Ada "+p.LastName }},
		{`[{"op":"add","path":"/Applications","value":["TDNews"]}]`, func(p person) bool { return slices.Equal(p.Applications, []string{"TDNews"}) }},
		{`[{"op":"add","path":"/Attributes/7101/Value","value":"9"}]`, func(p person) bool { return p.Attributes[0].Value == "9" }},
		{`[{"op":"add","path":"/Attributes/8000","value":{"Name":"n"}},{"op":"add","path":"/Attributes/8000/Name","value":"m"}]`,
			func(p person) bool { return p.Attributes[2] == attribute{ID: 8000, Name: "m"} }},
		{`[{"op":"remove","path":"/Attributes/7102"}]`, func(p person) bool { return len(p.Attributes) == 2 }},
		{`[]`, anybody},
	}
	for _, tt := range tests {
		got := load[person](c, "PATCH", "/api/people/"+p.UID, tt.ops)
		if !tt.holds(got) || !tt.holds(load[person](c, "GET", "/api/people/"+p.UID, nil)) {
			t.Errorf("%s: got %+v, want it applied", tt.ops, got)
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 60})))
	p := userWith(c)
	before := c.must(200, "GET", "/api/people/"+p.UID, nil)
	for _, ops := range []string{
		`[{"op":"test","path":"/Title","value":"x"}]`,
		`[{"op":"add","path":"/Title"}]`,
		`[{"op":"add","path":"Title","value":"x"}]`,
		`[{"op":"add","path":"/Nothing","value":"x"}]`,
		`[{"op":"add","path":"/Title","value":7}]`,
		`[{"op":"add","path":"/BEID","value":"x"}]`,
		`[{"op":"add","path":"/TypeID","value":2}]`,
		`[{"op":"add","path":"/Password","value":"x"}]`,
		`[{"op":"add","path":"/GroupIDs","value":[1001]}]`,
		`[{"op":"move","from":"/UID","path":"/Title"}]`,
		`[{"op":"add","path":"/Applications/-","value":"TDNews"}]`,
		`[{"op":"add","path":"/Applications/0","value":"TDNews"}]`,
		`[{"op":"remove","path":"/Attributes/1"}]`,
		`[{"op":"add","path":"/Attributes/7101/ID","value":5}]`,
		`[{"op":"remove","path":"/UserName"}]`,
		`[{"op":"add","path":"/SecurityRoleID","value":"x"}]`,
		`[{"op":"add","path":"/Title","value":"Dean"},{"op":"remove","path":"/LastName"}]`,
		`{"op":"add"}`,
	} {
		c.must(400, "PATCH", "/api/people/"+p.UID, ops)
		if after := c.must(200, "GET", "/api/people/"+p.UID, nil); after != before {
			t.Fatalf("%s: got %s, want the person untouched, %s", ops, after, before)
		}
	}
}

// FuzzPatch holds that a patch is all or nothing, and never changes what no patch may change.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`[{"op":"add","path":"/Title","value":"Dean"}]`, `[{"op":"remove","path":"/Attributes/7101"}]`,
		`[{"op":"move","from":"/Attributes/7101","path":"/Attributes/7102"}]`, `[{"op":"copy","from":"/UID","path":"/Title"}]`,
		`[{"op":"add","path":"/OrgApplications","value":null}]`, `[{"op":"add","path":"/Attributes","value":[{"ID":1},{"ID":1},7]}]`,
		`[{"op":"copy","from":"/Attributes","path":"/Attributes/9"}]`, `[{"op":"remove","path":"/Attributes/7101/Value"}]`,
		`[{"op":"add","path":"/Applications","value":["TDNews","TDNews"]}]`, `[{"op":"add","path":"/Attributes/5","value":{"id":6}}]`,
	} {
		f.Add(seed)
	}
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 60}))
	f.Fuzz(func(t *testing.T, ops string) {
		v.Reset()
		c := admin(t, v)
		uid := everybody(c)[1].UID
		before := c.must(200, "GET", "/api/people/"+uid, nil)
		resp := c.do("PATCH", "/api/people/"+uid, ops)
		text := readAll(t, resp)
		after := c.must(200, "GET", "/api/people/"+uid, nil)
		switch resp.StatusCode {
		case 400:
			if after != before {
				t.Errorf("refused patch: got %s, want %s", after, before)
			}
		case 200:
			if text != after {
				t.Errorf("answer: got %s, want what is stored, %s", text, after)
			}
			if got, want := rigid(t, after), rigid(t, before); got != want {
				t.Errorf("fixed members: got %s, want %s", got, want)
			}
		default:
			t.Errorf("status: got %d, want 200 or 400", resp.StatusCode)
		}
	})
}

// rigid is what no patch may change of a person.
func rigid(t *testing.T, text string) string {
	t.Helper()
	var m map[string]json.RawMessage
	decode(t, text, &m)
	var out []string
	for _, name := range []string{"UID", "ReferenceID", "BEID", "BEIDInt", "TypeID", "GroupIDs"} {
		out = append(out, string(m[name]))
	}
	return strings.Join(out, " ")
}
