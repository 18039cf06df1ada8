package web

import (
	"encoding/json"
	"strings"

	"sluice/aggregation"
)

// person is what SCIM calls by names of its own, found in an account.
type person struct {
	id, userName, externalID, displayName string
	formatted, givenName, familyName      string
	emails                                []string
	active                                bool
}

// slot is a field of a person.
type slot uint8

const (
	slotUserName slot = iota
	slotExternalID
	slotDisplayName
	slotFormatted
	slotGivenName
	slotFamilyName
	slotEmail
	slots
)

// sources are the vendors' usual names of each field, in lower case without _ and -, the best first.
var sources = [slots][]string{
	slotUserName:    {"username", "userprincipalname", "upn", "login", "loginname", "userid"},
	slotExternalID:  {"externalid"},
	slotDisplayName: {"displayname", "fullname"},
	slotFormatted:   {"fullname", "displayname"},
	slotGivenName:   {"givenname", "firstname"},
	slotFamilyName:  {"familyname", "lastname", "surname", "sn"},
	slotEmail:       {"emails", "primaryemail", "email", "emailaddress", "mail", "workemail"},
}

// rank is how good a source a name is for a slot; 0 is the best.
type rank struct {
	slot slot
	at   int
}

var ranks = func() map[string][]rank {
	all := map[string][]rank{}
	for s, names := range sources {
		for at, name := range names {
			all[name] = append(all[name], rank{slot(s), at})
		}
	}
	return all
}()

// joints are what vendors put between the words of a name.
var joints = strings.NewReplacer("_", "", "-", "")

// personOf finds a person in an account. What no attribute says is the account's name.
func personOf(a aggregation.Account) person {
	var found [slots][]string
	var best [slots]rank
	var by [slots]string
	for name, value := range a.Attributes {
		for _, r := range ranks[strings.ToLower(joints.Replace(name))] {
			if was := best[r.slot].at; len(found[r.slot]) > 0 && (was < r.at || was == r.at && by[r.slot] < name) {
				continue
			}
			if said := texts(value); len(said) > 0 {
				found[r.slot], best[r.slot], by[r.slot] = said, r, name
			}
		}
	}
	first := func(s slot, otherwise string) string {
		if len(found[s]) > 0 {
			return found[s][0]
		}
		return otherwise
	}
	return person{
		id: a.ID, active: a.Active, emails: found[slotEmail],
		userName: first(slotUserName, a.Name), externalID: first(slotExternalID, ""), displayName: first(slotDisplayName, a.Name),
		formatted: first(slotFormatted, ""), givenName: first(slotGivenName, ""), familyName: first(slotFamilyName, ""),
	}
}

// texts are the texts of an attribute that are not empty; a number or bool is one as JSON writes it.
func texts(value any) []string {
	switch v := value.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case json.Number:
		return []string{v.String()}
	case bool:
		if v {
			return []string{"true"}
		}
		return []string{"false"}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, texts(one)...)
		}
		return all
	}
	return nil
}

// field is an attribute that a filter may name.
type field struct {
	exact bool // compared with its case
	of    func(p *person) []string
}

func one(of func(p *person) string) func(*person) []string {
	return func(p *person) []string {
		if text := of(p); text != "" {
			return []string{text}
		}
		return nil
	}
}

// userFields are those of a user, as comparison has them.
var userFields = map[string]field{
	"id":              {true, one(func(p *person) string { return p.id })},
	"username":        {false, one(func(p *person) string { return p.userName })},
	"externalid":      {true, one(func(p *person) string { return p.externalID })},
	"displayname":     {false, one(func(p *person) string { return p.displayName })},
	"name.givenname":  {false, one(func(p *person) string { return p.givenName })},
	"name.familyname": {false, one(func(p *person) string { return p.familyName })},
	"emails":          {false, func(p *person) []string { return p.emails }},
	"emails.value":    {false, func(p *person) []string { return p.emails }},
}

// groupFields are those of a group.
var groupFields = map[string]field{
	"id": userFields["id"], "externalid": userFields["externalid"],
	"displayname": {false, one(func(p *person) string { return p.displayName })},
}
