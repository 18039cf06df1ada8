package events

import (
	"net/http"

	"sluice/triggers"
	"sluice/web/collection"
)

var triggerFields = []collection.Field[Trigger]{
	{Name: "id", Ops: []string{"eq", "ge", "le"}, Sorts: true, Value: func(t Trigger) string { return t.ID }},
	{Name: "name", Sorts: true, Value: func(t Trigger) string { return t.Name }},
}

func (a *API) listTriggers(v *visit) error {
	return page(v, triggerFields, func() ([]Trigger, error) { return a.Catalogue.All(), nil }, func(t Trigger) any { return t })
}

// subscriptionFields are what SailPoint documents; name is what its SP-Config resolves subscriptions by.
var subscriptionFields = []collection.Field[triggers.Subscription]{
	{Name: "id", Ops: []string{"eq"}, Value: func(s triggers.Subscription) string { return s.ID }},
	{Name: "name", Ops: []string{"eq"}, Sorts: true, Value: func(s triggers.Subscription) string { return s.Name }},
	{Name: "triggerId", Ops: []string{"eq"}, Sorts: true, Value: func(s triggers.Subscription) string { return s.TriggerID }},
	{Name: "type", Ops: []string{"eq", "le"}, Value: func(s triggers.Subscription) string { return s.Type }},
	{Name: "triggerName", Sorts: true, Value: func(s triggers.Subscription) string { return s.TriggerName }},
}

func (a *API) listSubscriptions(v *visit) error {
	return page(v, subscriptionFields, func() ([]triggers.Subscription, error) { return a.Subscriptions.Subscriptions(v.Context()) }, masked)
}

// getSubscription is ours: SailPoint documents no such path.
func (a *API) getSubscription(v *visit) error {
	all, err := a.Subscriptions.Subscriptions(v.Context())
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == v.id {
			v.send(http.StatusOK, masked(s))
			return nil
		}
	}
	return notFound()
}

// masked is a subscription as it may be shown. It is the caller's own copy.
func masked(s triggers.Subscription) any {
	s.TakeSecrets()
	return s
}
