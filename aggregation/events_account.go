package aggregation

import (
	"encoding/json"
	"slices"
)

// The payloads of SailPoint's second version of account events. What they ask for and nobody knows here is an empty text, so that whoever
// reads it does not take it for something: a source's owner and governance group, an identity's alias and mail address.

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type accountEvent struct {
	Event    cause            `json:"event"`
	Source   accountSource    `json:"source"`
	Account  accountState     `json:"account"`
	Identity accountsIdentity `json:"identity"`
}

type cause struct {
	Type  string `json:"type"`
	Cause string `json:"cause"`
}

type accountSource struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Alias           string `json:"alias"`
	Owner           named  `json:"owner"`
	GovernanceGroup named  `json:"governanceGroup"`
	Resource        string `json:"resource"`
}

// accountState is the account. It counts as correlated: each account is an identity of the same id, of which idn:identity-created tells; said
// to be correlated with nobody, all accounts of a connection would be orphans to whoever looks for those.
type accountState struct {
	ID             string                     `json:"id"`
	Name           string                     `json:"name"`
	NativeIdentity string                     `json:"nativeIdentity"`
	UUID           *string                    `json:"uuid"`
	Correlated     bool                       `json:"correlated"`
	IsMachine      bool                       `json:"isMachine"`
	Origin         string                     `json:"origin"`
	Attributes     map[string]json.RawMessage `json:"attributes"`
}

type accountsIdentity struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Alias string `json:"alias"`
	Email string `json:"email"`
}

// accountEvent is the payload of idn:account-created and -deleted.
func (o Origin) accountEvent(p person, kind string) accountEvent {
	return accountEvent{
		Event:  cause{kind, "AGGREGATION"},
		Source: accountSource{ID: o.Connection, Name: o.Connection, Alias: o.Connection, Resource: o.Resource},
		Account: accountState{
			ID: p.account.ID, Name: p.account.Name, NativeIdentity: p.account.ID, Correlated: true, Origin: o.Connection, Attributes: p.attributes,
		},
		Identity: accountsIdentity{ID: p.account.ID, Name: p.account.Name},
	}
}

// accountUpdate is the payload of idn:account-updated. An entitlement's change is in EntitlementChanges alone.
type accountUpdate struct {
	accountEvent
	ChangeTypes  []string            `json:"accountChangeTypes"`
	Single       []singleChange      `json:"singleValueAttributeChanges"`
	Multi        []multiChange       `json:"multiValueAttributeChanges"`
	Entitlements []entitlementChange `json:"entitlementChanges"`
}

type singleChange struct {
	Name     string          `json:"name"`
	OldValue json.RawMessage `json:"oldValue"`
	NewValue json.RawMessage `json:"newValue"`
}

type multiChange struct {
	Name    string            `json:"name"`
	Added   []json.RawMessage `json:"addedValues"`
	Removed []json.RawMessage `json:"removedValues"`
}

type entitlementChange struct {
	Attribute string        `json:"attributeName"`
	Added     []entitlement `json:"added"`
	Removed   []entitlement `json:"removed"`
}

// entitlement has no name: a snapshot of people knows the ids of their groups.
type entitlement struct {
	ID    json.RawMessage `json:"id"`
	Name  *string         `json:"name"`
	Value json.RawMessage `json:"value"`
}

func (o Origin) accountUpdated(p person) (accountUpdate, error) {
	u := accountUpdate{
		accountEvent: o.accountEvent(p, "ACCOUNT_UPDATED_V2"), ChangeTypes: []string{}, Single: []singleChange{}, Multi: []multiChange{}, Entitlements: []entitlementChange{},
	}
	before, err := Parse(p.Before)
	if err != nil {
		return u, err
	}
	added, removed := false, false
	for _, a := range p.Attributes {
		if !isList(a.Old) && !isList(a.New) {
			u.Single = append(u.Single, singleChange{a.Name, a.Old, a.New})
			continue
		}
		m, err := listChange(a)
		if err != nil {
			return u, err
		}
		if p.account.Entitlements[a.Name] == nil && before.Entitlements[a.Name] == nil {
			u.Multi = append(u.Multi, m)
			continue
		}
		e := entitlementChange{Attribute: a.Name}
		if e.Added, err = entitlements(m.Added); err == nil {
			e.Removed, err = entitlements(m.Removed)
		}
		if err != nil {
			return u, err
		}
		u.Entitlements = append(u.Entitlements, e)
		added, removed = added || len(m.Added) > 0, removed || len(m.Removed) > 0
	}
	for _, kind := range []struct {
		name string
		is   bool
	}{{"ATTRIBUTES_CHANGED", len(u.Single)+len(u.Multi) > 0}, {"ENTITLEMENTS_ADDED", added}, {"ENTITLEMENTS_REMOVED", removed}} {
		if kind.is {
			u.ChangeTypes = append(u.ChangeTypes, kind.name)
		}
	}
	return u, nil
}

func isList(value json.RawMessage) bool { return len(value) > 0 && value[0] == '[' }

// listChange is what came to a list and what left it. A value that was single counts as a list of one; null is no value.
func listChange(a Attribute) (multiChange, error) {
	was, err := values(a.Old)
	if err != nil {
		return multiChange{}, err
	}
	is, err := values(a.New)
	if err != nil {
		return multiChange{}, err
	}
	return multiChange{a.Name, without(is, was), without(was, is)}, nil
}

func values(value json.RawMessage) ([]json.RawMessage, error) {
	all := []json.RawMessage{value}
	if isList(value) {
		var err error
		if all, err = items(value); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }), nil
}

// without are the values of one list that another does not have, each once.
func without(all, others []json.RawMessage) []json.RawMessage {
	known := make(map[string]bool, len(others))
	for _, v := range others {
		known[string(v)] = true
	}
	left := []json.RawMessage{}
	for _, v := range all {
		if !known[string(v)] {
			known[string(v)] = true
			left = append(left, v)
		}
	}
	return left
}

// entitlements are texts, whatever an attribute of the name was before its resource said that it is an entitlement.
func entitlements(values []json.RawMessage) (all []entitlement, err error) {
	all = make([]entitlement, len(values))
	for i, v := range values {
		if v[0] != '"' {
			if v, err = canonicalJSON(string(v)); err != nil {
				return nil, err
			}
		}
		all[i] = entitlement{ID: v, Value: v}
	}
	return all, nil
}
