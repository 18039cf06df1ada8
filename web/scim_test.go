package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sluice/aggregation"
)

const (
	coreUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	ownUser   = "urn:sluice:params:scim:schemas:extension:tdx:2.0:User"
	scimError = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// TestScimLists asks as a stock client does, and counts what it gets.
func TestScimLists(t *testing.T) {
	t.Parallel()
	h := open(t, 1234)
	for _, c := range []struct {
		target, filter string
		total          int
		ids            string // of the page, the first and the last
	}{
		{"Users?startIndex=1&count=100", "", 1234, "000000 000099"},
		{"Users?startIndex=1201&count=100", "", 1234, "001200 001233"},
		{"Users?startIndex=1235&count=100", "", 1234, ""},
		{"Users?startIndex=9223372036854775807&count=100", "", 1234, ""},
		{"Users?startIndex=0&count=1", "", 1234, "000000 000000"},
		{"Users?startIndex=-5&count=1", "", 1234, "000000 000000"},
		{"Users?count=0", "", 1234, ""},
		{"Users?count=-3", "", 1234, ""},
		{"Users", "", 1234, "000000 000099"},
		{"Users?count=100000", "", 1234, "000000 000999"},
		{"users?count=1", "", 1234, "000000 000000"},
		{"Users?", `userName eq "user77@ACME.example"`, 1, "000077 000077"},
		{"Users?", `userName Eq "nobody"`, 0, ""},
		{"Users?", coreUser + `:userName eq "User77@acme.example"`, 1, "000077 000077"},
		{"Users?", `id eq "000077"`, 1, "000077 000077"},
		{"Users?", `id eq "000077" and active eq true`, 1, "000077 000077"},
		{"Users?", `id eq "000077" and active eq false`, 0, ""},
		{"Users?", `externalId eq "X5"`, 1, "000005 000005"},
		{"Users?", `externalId eq "x5"`, 0, ""},
		{"Users?", `emails.value eq "p5@acme.example"`, 1, "000005 000005"},
		{"Users?", `emails sw "p123"`, 5, "000123 001233"},
		{"Users?", `displayName eq "person 9"`, 1, "000009 000009"},
		{"Users?", `(userName sw "user1") and (active eq True)`, 231, "000001 001036"},
		{"Users?", `active eq false`, 412, "000000 000297"},
		{"Users?startIndex=401&", `active eq false`, 412, "001200 001233"},
		{"Users?startIndex=413&", `active eq false`, 412, ""},
		{"Users?count=0&", `active eq false`, 412, ""},
		{"Users?", `name.familyName eq "12"`, 1, "000012 000012"},
		{"Groups", "", 4, "5 a/b"},
		{"Groups?", `displayName sw "group "`, 4, "5 a/b"},
		{"Groups?", `displayName eq "Group 7"`, 1, "7 7"},
	} {
		target := "/scim/tdx/" + c.target
		if c.filter != "" {
			target += "filter=" + url.QueryEscape(c.filter)
		}
		got := h.get(t, target)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/scim+json" {
			t.Errorf("%s %s: got %d %s, want 200", c.target, c.filter, got.status, got.text)
			continue
		}
		all := got.body["Resources"].([]any)
		ids := ""
		if len(all) > 0 {
			ids = fmt.Sprint(at(all, 0, "id"), " ", at(all, len(all)-1, "id"))
		}
		if got.body["totalResults"] != float64(c.total) || ids != c.ids || got.body["itemsPerPage"] != float64(len(all)) {
			t.Errorf("%s %s: got %v in all, %v on the page, %s; want %d in all, %s", c.target, c.filter, got.body["totalResults"], got.body["itemsPerPage"], ids, c.total, c.ids)
		}
	}
}

func TestScimUser(t *testing.T) {
	t.Parallel()
	h := open(t, 20)
	got := h.get(t, "/scim/tdx/Users/000010").body
	for want, path := range map[string][]any{
		coreUser:               {"schemas", 0},
		ownUser:                {"schemas", 1},
		"000010":               {"id"},
		"X10":                  {"externalId"},
		"User10@acme.example":  {"userName"},
		"Person 10":            {"displayName"},
		"true":                 {"active"},
		"Person":               {"name", "givenName"},
		"10":                   {"name", "familyName"},
		"P10@acme.example":     {"emails", 0, "value"},
		"5":                    {"groups", 0, "value"},
		"7":                    {"groups", 1, "value"},
		"User":                 {"meta", "resourceType"},
		"[Portal]":             {ownUser, "entitlements", "applications"},
		"1":                    {ownUser, "TypeID"},
		"User10@acme.example ": {ownUser, "UserName"},
		"http://sluice.example/scim/tdx/Groups/7":     {"groups", 1, "$ref"},
		"http://sluice.example/scim/tdx/Users/000010": {"meta", "location"},
	} {
		if text := fmt.Sprint(at(got, path...)); text != strings.TrimSpace(want) {
			t.Errorf("%v: got %s, want %s", path, text, want)
		}
	}
	if _, there := got[ownUser].(map[string]any)["Title"]; there {
		t.Error("an attribute that is null is shown, want it left out")
	}
}

func TestScimMembers(t *testing.T) {
	t.Parallel()
	h := open(t, 1234)
	for id, want := range map[string]int{"5": 1234, "7": 124, "9": 0, "a%2Fb": 0} {
		got := h.get(t, "/scim/tdx/Groups/"+id)
		members, listed := got.body["members"].([]any)
		if got.status != http.StatusOK || !listed || len(members) != want {
			t.Errorf("group %s: got %d with %d members, want 200 with %d", id, got.status, len(members), want)
		}
	}
	if got := at(h.get(t, "/scim/tdx/Groups/7").body, "members", 1, "value"); got != "000010" {
		t.Errorf("second member of 7: got %v, want 000010", got)
	}
	read := h.pages.Load()
	if got := h.get(t, "/scim/tdx/Groups/7?excludedAttributes=members"); got.body["members"] != nil || h.pages.Load() != read {
		t.Errorf("without members: got %v after %d pages, want none and no page", got.body["members"], h.pages.Load()-read)
	}
	for i := range h.get(t, "/scim/tdx/Groups").body["Resources"].([]any) {
		if at(h.get(t, "/scim/tdx/Groups").body, "Resources", i, "members") != nil {
			t.Error("a list shows members, want them where a group is asked for by its id")
		}
	}
	h.of["applications"] = append(h.of["applications"], h.of["groups"][0])
	if got := h.get(t, "/scim/tdx/applications/5"); got.status != http.StatusOK || at(got.body, "meta", "resourceType") != "applications" {
		t.Errorf("another resource: got %d %s, want 200", got.status, got.text)
	}
}

// A group without members that bears another one's id for its name shows none of that one's; a type by name shows those who hold the name.
func TestScimMembersByName(t *testing.T) {
	t.Parallel()
	h := open(t, 20)
	for _, id := range []string{"1001", "1002"} {
		name := map[string]string{"1001": "7", "1002": "Empty"}[id]
		h.of["groups"] = append(h.of["groups"], record(t, aggregation.Account{ID: id, Name: name, Active: true}))
	}
	h.of["applications"] = append(h.of["applications"], record(t, aggregation.Account{ID: "40", Name: "Portal", Active: true}))
	for path, want := range map[string]int{"Groups/7": 2, "Groups/1001": 0, "Groups/1002": 0, "applications/40": 20} {
		got := h.get(t, "/scim/tdx/"+path)
		if members, listed := got.body["members"].([]any); got.status != http.StatusOK || !listed || len(members) != want {
			t.Errorf("%s: got %d with %d members, want 200 with %d", path, got.status, len(members), want)
		}
	}
}

func TestScimProjection(t *testing.T) {
	t.Parallel()
	h := open(t, 20)
	for query, want := range map[string]string{
		"attributes=userName":                    "id schemas userName",
		"attributes=name.givenName,emails":       "emails id name schemas",
		"attributes=" + coreUser + ":active":     "active id schemas",
		"attributes=" + ownUser + ":TypeID":      "id schemas " + ownUser,
		"attributes=" + ownUser:                  "id schemas " + ownUser,
		"attributes=nothing":                     "id schemas",
		"excludedAttributes=id,emails,meta":      "active displayName externalId groups id name schemas " + ownUser + " userName",
		"excludedAttributes=" + ownUser:          "active displayName emails externalId groups id meta name schemas userName",
		"excludedAttributes=name.givenName":      "active displayName emails externalId groups id meta name schemas " + ownUser + " userName",
		"attributes=userName&excludedAttributes": "id schemas userName",
	} {
		got := h.get(t, "/scim/tdx/Users/000010?"+query)
		if names := strings.Join(sorted(got.body), " "); names != want {
			t.Errorf("%s: got %s, want %s", query, names, want)
		}
	}
	got := h.get(t, "/scim/tdx/Users?count=1&attributes=name.givenName,emails.value").body
	if text := fmt.Sprint(at(got, "Resources", 0, "name"), at(got, "Resources", 0, "emails")); text != "map[givenName:Person] [map[value:P0@acme.example]]" {
		t.Errorf("parts: got %s", text)
	}
	if got := h.get(t, "/scim/tdx/Users?attributes=a&excludedAttributes=b"); got.status != http.StatusBadRequest || got.body["scimType"] != "invalidValue" {
		t.Errorf("both: got %d %s, want 400 invalidValue", got.status, got.text)
	}
}

func TestScimRefuses(t *testing.T) {
	t.Parallel()
	h := open(t, 3)
	for _, c := range []struct {
		method, target string
		status         int
		kind           any
		detail         string
	}{
		{"GET", "Users?filter=" + url.QueryEscape(`userName eq "a" or id eq "b"`), 400, "invalidFilter", "or: only eq and sw are known here, joined by and"},
		{"GET", "Users?filter=" + url.QueryEscape(`not (userName eq "a")`), 400, "invalidFilter", "not: "},
		{"GET", "Users?filter=" + url.QueryEscape(`userName co "a"`), 400, "invalidFilter", "co: "},
		{"GET", "Users?filter=" + url.QueryEscape(`title pr`), 400, "invalidFilter", "pr: "},
		{"GET", "Users?filter=" + url.QueryEscape(`emails[type eq "work"]`), 400, "invalidFilter", "[ ]: "},
		{"GET", "Users?filter=" + url.QueryEscape(`meta.lastModified gt "2011-05-13T04:42:34Z"`), 400, "invalidFilter", "gt: "},
		{"GET", "Users?filter=" + url.QueryEscape(`password eq "a"`), 400, "invalidFilter", "password cannot be filtered by here"},
		{"GET", "Users?filter=" + url.QueryEscape(`active eq "true"`), 400, "invalidFilter", "active is compared with true or false"},
		{"GET", "Users?filter=" + url.QueryEscape(`active sw "t"`), 400, "invalidFilter", "active is compared with true or false"},
		{"GET", "Users?filter=" + url.QueryEscape(`userName eq null`), 400, "invalidFilter", "userName"},
		{"GET", "Users?filter=userName", 400, "invalidFilter", `"userName" is not compared with anything`},
		{"GET", "Users?filter=" + strings.Repeat("(", 3000), 400, "invalidFilter", "the filter's brackets are deeper than 10"},
		{"GET", "Users?filter=" + strings.Repeat("a", 5000), 400, "invalidFilter", "the filter is longer than 4096 bytes"},
		{"GET", "Groups?filter=" + url.QueryEscape(`userName eq "a"`), 400, "invalidFilter", "username cannot be filtered by here"},
		{"GET", "Users?startIndex=x", 400, "invalidValue", "startIndex must be a whole number"},
		{"GET", "Users?count=1e9", 400, "invalidValue", "count must be a whole number"},
		{"GET", "Users/nobody", 404, nil, "there is no resource of this id in Users"},
		{"GET", "Users/..%2f..%2fServiceProviderConfig", 404, nil, "there is no resource of this id in Users"},
		{"GET", "departments", 404, nil, "nothing was read of departments yet; an operator runs `sluice aggregate run tdx departments`"},
		{"GET", "Cars", 404, nil, "there is no such endpoint; below /scim/tdx there are ServiceProviderConfig, ResourceTypes, Schemas, Users, Groups, applications"},
		{"GET", "", 404, nil, "there is no such endpoint"},
		{"GET", "Users/1/2", 404, nil, "there is no such endpoint"},
		{"GET", "Schemas?filter=a", 403, nil, "this list is not filtered"},
		{"GET", "Schemas/urn:nothing", 404, nil, "there is none of this id"},
		{"GET", "ServiceProviderConfig/1", 404, nil, "there is no such endpoint"},
		{"POST", "Users", 405, nil, "what was aggregated can only be read"},
		{"DELETE", "Users/1", 405, nil, "what was aggregated can only be read"},
	} {
		got := h.ask(t, c.method, "/scim/tdx/"+c.target)
		if got.status != c.status || got.body["scimType"] != c.kind || at(got.body, "schemas", 0) != scimError || got.body["status"] != fmt.Sprint(c.status) {
			t.Errorf("%s %.60s: got %d %s, want %d with scimType %v", c.method, c.target, got.status, got.text, c.status, c.kind)
		}
		if detail, _ := got.body["detail"].(string); !strings.Contains(strings.ToLower(detail), strings.ToLower(c.detail)) {
			t.Errorf("%s %.60s: got %q, want %q", c.method, c.target, detail, c.detail)
		}
	}
}
