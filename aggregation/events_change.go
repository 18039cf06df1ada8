package aggregation

import (
	"encoding/json"
	"errors"
	"fmt"

	"sluice/triggers"
)

// who is an identity as SailPoint's payloads name it.
type who struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// source is a connection's resource as SailPoint's payloads name a source.
type source struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Resource string `json:"resource"`
}

func (o Origin) source() source {
	return source{"SOURCE", o.Connection, o.Connection, o.Resource}
}

// person is whom a change is about, on the way into events.
type person struct {
	Change
	account    Account // as it is now, or was last
	attributes map[string]json.RawMessage
	who        who
}

// OfChange returns the events of a change, one of a type: those of the identity, and those of its account, which are one to us. There are none
// of resources that are no people. An identity comes before its account and goes after it.
func (o Origin) OfChange(c Change) ([]triggers.Event, error) {
	if o.Kind != "user" {
		return nil, nil
	}
	events, err := o.ofPerson(c)
	if err != nil {
		return nil, fmt.Errorf("event of account %s: %w", c.ID, err)
	}
	return events, nil
}

func (o Origin) ofPerson(c Change) ([]triggers.Event, error) {
	last := c.After
	if c.Kind == Deleted {
		last = c.Before
	}
	a, err := Parse(last)
	if err != nil {
		return nil, err
	}
	p := person{Change: c, account: a, who: who{"IDENTITY", a.ID, a.Name}}
	if p.attributes, err = flat(last); err != nil {
		return nil, err
	}
	switch c.Kind {
	case Created:
		return o.all(c.ID, payload{triggers.IdentityCreated, o.identity(p)}, payload{triggers.AccountCreated, o.accountEvent(p, "ACCOUNT_CREATED_V2")})
	case Deleted:
		return o.all(c.ID, payload{triggers.AccountDeleted, o.accountEvent(p, "ACCOUNT_DELETED_V2")}, payload{triggers.IdentityDeleted, o.identity(p)})
	case Changed:
		updated, err := o.accountUpdated(p)
		if err != nil {
			return nil, err
		}
		changes, err := attributeChanges(c.Attributes)
		if err != nil {
			return nil, err
		}
		return o.all(c.ID, payload{triggers.IdentityAttributesChanged, o.identityChanges(p, changes)},
			payload{triggers.AccountAttributesChanged, o.accountChanges(p, changes)}, payload{triggers.AccountUpdated, updated})
	}
	return nil, errors.New("a change of no kind")
}

// payload is what an event of a trigger carries.
type payload struct {
	trigger string
	data    any
}

func (o Origin) all(account string, payloads ...payload) (events []triggers.Event, err error) {
	for _, one := range payloads {
		event, err := o.event(one.trigger, account, one.data)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// identity is the payload of idn:identity-created and -deleted, with the connection besides SailPoint's own members.
func (o Origin) identity(p person) any {
	return struct {
		Identity   who                        `json:"identity"`
		Attributes map[string]json.RawMessage `json:"attributes"`
		Source     source                     `json:"source"`
	}{p.who, p.attributes, o.source()}
}

// identityChanges is the payload of idn:identity-attributes-changed.
func (o Origin) identityChanges(p person, changes []attributeChange) any {
	return struct {
		Identity who               `json:"identity"`
		Changes  []attributeChange `json:"changes"`
		Source   source            `json:"source"`
	}{p.who, changes, o.source()}
}

// accountChanges is the payload of idn:account-attributes-changed.
func (o Origin) accountChanges(p person, changes []attributeChange) any {
	type account struct {
		ID             string  `json:"id"`
		UUID           *string `json:"uuid"`
		Name           string  `json:"name"`
		NativeIdentity string  `json:"nativeIdentity"`
		Type           string  `json:"type"`
	}
	return struct {
		Identity who               `json:"identity"`
		Source   source            `json:"source"`
		Account  account           `json:"account"`
		Changes  []attributeChange `json:"changes"`
	}{p.who, o.source(), account{p.account.ID, nil, p.account.Name, p.account.ID, "ACCOUNT"}, changes}
}

// attributeChange is one entry of changes. SailPoint cuts values to 450 characters; ours are whole.
type attributeChange struct {
	Attribute string          `json:"attribute"`
	OldValue  json.RawMessage `json:"oldValue"`
	NewValue  json.RawMessage `json:"newValue"`
}

func attributeChanges(attributes []Attribute) ([]attributeChange, error) {
	changes := make([]attributeChange, 0, len(attributes))
	for _, a := range attributes {
		was, err := numbersAsText(a.Old)
		if err != nil {
			return nil, err
		}
		is, err := numbersAsText(a.New)
		if err != nil {
			return nil, err
		}
		changes = append(changes, attributeChange{a.Name, was, is})
	}
	return changes, nil
}

// numbersAsText puts a number into quotes, and those in a list. SailPoint's values here are texts, booleans and lists of texts, and a receiver
// that was written for them knows no others.
func numbersAsText(value json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(value) == 0:
		return nil, errNotJSON
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		return json.RawMessage(`"` + string(value) + `"`), nil
	case value[0] != '[':
		return value, nil
	}
	items, err := items(value)
	if err != nil {
		return nil, err
	}
	for i := range items {
		if items[i], err = numbersAsText(items[i]); err != nil {
			return nil, err
		}
	}
	return canonicalJSON(items)
}

func items(list json.RawMessage) (items []json.RawMessage, err error) {
	if err := json.Unmarshal(list, &items); err != nil {
		return nil, unreadable(err)
	}
	return items, nil
}
