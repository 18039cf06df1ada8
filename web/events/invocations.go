package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
	"sluice/web/collection"
)

// What SailPoint shows of what is over, which is a view of what is kept.
const (
	showDone        = 24 * time.Hour
	showDead        = 48 * time.Hour
	mostInvocations = 2000
)

// status is SailPoint's InvocationStatus. What is not there is null.
type status struct {
	ID               string      `json:"id"`
	TriggerID        string      `json:"triggerId"`
	SubscriptionName string      `json:"subscriptionName"`
	SubscriptionID   string      `json:"subscriptionId"`
	Type             string      `json:"type"` // TEST | REAL_TIME
	Created          string      `json:"created"`
	Completed        *string     `json:"completed"`
	Start            startInput  `json:"startInvocationInput"`
	Complete         completeOut `json:"completeInvocationInput"`
	Sluice           progress    `json:"sluice"`
}

type startInput struct {
	TriggerID string          `json:"triggerId"`
	Input     json.RawMessage `json:"input"`
	Content   json.RawMessage `json:"contentJson"`
}

type completeOut struct {
	LocalizedError *localized      `json:"localizedError"`
	Output         json.RawMessage `json:"output"`
}

type localized struct {
	Locale  string `json:"locale"`
	Message string `json:"message"`
}

// progress is what SailPoint's status lacks.
type progress struct {
	State    triggers.State `json:"state"`
	Attempts int            `json:"attempts"`
	Reason   string         `json:"reason,omitempty"`
	EventID  string         `json:"eventId,omitempty"`
}

var statusFields = []collection.Field[status]{
	{Name: "triggerId", Ops: []string{"eq"}, Sorts: true, Value: func(s status) string { return s.TriggerID }},
	{Name: "subscriptionId", Ops: []string{"eq"}, Value: func(s status) string { return s.SubscriptionID }},
	{Name: "subscriptionName", Sorts: true, Value: func(s status) string { return s.SubscriptionName }},
	{Name: "created", Sorts: true, Value: func(s status) string { return s.Created }},
	{Name: "completed", Sorts: true, Value: func(s status) string { return or(s.Completed, "") }},
}

// listInvocations lists the newest first, unless the client wants another order. Payloads are read of those alone that are shown.
func (a *API) listInvocations(v *visit) error {
	chosen, err := choose(v, statusFields, func() ([]status, error) { return a.statuses(v) })
	if err != nil {
		return err
	}
	shown, err := a.whole(v, chosen)
	if err != nil {
		return err
	}
	v.send(http.StatusOK, shown)
	return nil
}

// statuses are all that SailPoint shows, without what is long.
func (a *API) statuses(v *visit) ([]status, error) {
	subscriptions, err := a.Subscriptions.Subscriptions(v.Context())
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(subscriptions))
	for _, s := range subscriptions {
		names[s.ID] = s.Name
	}
	invocations, err := a.Invocations.Invocations(v.Context(), triggers.Query{Newest: true, Limit: mostInvocations, Bare: true})
	if err != nil {
		return nil, err
	}
	now := a.now()
	var all []status
	for i := range invocations {
		one := &invocations[i]
		age := now.Sub(one.Completed)
		if one.State == triggers.Done && age > showDone || one.State == triggers.Dead && age > showDead {
			continue
		}
		all = append(all, statusOf(one, names[one.Subscription]))
	}
	return all, nil
}

// A page is read some invocations at a time, and refused where they hold more than this: a client has one of 250 for the asking, and each may hold
// three MiB.
const (
	mostPage  = 16 << 20
	readInOne = 10
)

// whole are statuses with what is long, in their order. What was retired meanwhile is left out.
func (a *API) whole(v *visit, chosen []status) ([]status, error) {
	shown, bytes := make([]status, 0, len(chosen)), int64(0)
	for some := range slices.Chunk(chosen, readInOne) {
		read, err := a.some(v, some)
		if err != nil {
			return nil, err
		}
		for i := range read {
			bytes += int64(len(read[i].Start.Input) + len(read[i].Start.Content) + len(read[i].Complete.Output))
		}
		if bytes > mostPage {
			return nil, bad("these %d invocations hold more than %d MiB: ask for fewer with limit, and for more of them with offset", len(chosen), mostPage>>20)
		}
		shown = append(shown, read...)
	}
	return shown, nil
}

// some are whole statuses of a few.
func (a *API) some(v *visit, chosen []status) ([]status, error) {
	shown := make([]status, 0, len(chosen))
	ids := make([]string, len(chosen))
	for i := range chosen {
		ids[i] = chosen[i].ID
	}
	invocations, err := a.Invocations.Invocations(v.Context(), triggers.Query{IDs: ids, Limit: len(ids)})
	if err != nil {
		return nil, err
	}
	by := make(map[string]*triggers.Invocation, len(invocations))
	for i := range invocations {
		by[invocations[i].ID] = &invocations[i]
	}
	for i := range chosen {
		if one := by[chosen[i].ID]; one != nil {
			shown = append(shown, statusOf(one, chosen[i].SubscriptionName))
		}
	}
	return shown, nil
}

func statusOf(one *triggers.Invocation, name string) status {
	s := status{
		ID: one.ID, TriggerID: one.Trigger, SubscriptionID: one.Subscription, SubscriptionName: name, Type: "REAL_TIME", Created: instant(one.Created),
		Start:    startInput{TriggerID: one.Trigger, Input: one.Event.Data, Content: one.Content},
		Complete: completeOut{Output: one.Output},
		Sluice:   progress{State: one.State, Attempts: one.Attempts, Reason: one.Reason, EventID: one.Event.ID},
	}
	if one.Test {
		s.Type, s.Sluice.EventID = "TEST", ""
	}
	if s.Start.Content == nil {
		s.Start.Content = json.RawMessage("{}")
	}
	if !one.Completed.IsZero() {
		completed := instant(one.Completed)
		s.Completed = &completed
	}
	switch {
	case one.Fault != "":
		s.Complete.LocalizedError = &localized{Locale: "en-US", Message: one.Fault}
	case one.State == triggers.Dead:
		s.Complete.LocalizedError = &localized{Locale: "en-US", Message: one.Reason}
	}
	return s
}

// instant is a time in microseconds, as SailPoint writes it; all are of one length, so that they sort as texts.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// invocation is what is told of a test that was begun.
type invocation struct {
	ID        string          `json:"id"`
	TriggerID string          `json:"triggerId"`
	Secret    string          `json:"secret"`
	Content   json.RawMessage `json:"contentJson"`
}

// testInvocation begins a test. Without a subscriber there is no content; where no filter lets the payload through, or nothing is delivered to any
// subscriber, the list is empty.
func (a *API) testInvocation(v *visit) error {
	var asked struct {
		TriggerID     *string        `json:"triggerId"`
		Input         map[string]any `json:"input"`
		Content       map[string]any `json:"contentJson"`
		Subscriptions []string       `json:"subscriptionIds"`
	}
	text, err := v.text()
	if err != nil {
		return err
	}
	if err := decode(text, &asked); err != nil {
		return err
	}
	if asked.TriggerID == nil {
		return bad("triggerId is required")
	}
	if asked.Content == nil {
		return bad("contentJson is required; it may be {}")
	}
	trigger := a.Catalogue().Trigger(*asked.TriggerID)
	if trigger == nil {
		return bad("there is no trigger %q; GET /triggers lists them", *asked.TriggerID)
	}
	var raw struct{ Input, ContentJSON json.RawMessage } // as it came: numbers keep their digits
	if err := decode(text, &raw); err != nil {
		return err
	}
	input := trigger.ExampleInput
	if asked.Input != nil {
		input = raw.Input
		if err := trigger.CheckInput(input); err != nil {
			return bad("input does not fit the trigger's schema: %s", err)
		}
	}
	made, subscribed, err := a.Invocations.Invoke(v.Context(), trigger.ID, input, raw.ContentJSON, asked.Subscriptions)
	if err != nil {
		return err
	}
	if !subscribed {
		v.WriteHeader(http.StatusNoContent)
		return nil
	}
	shown := make([]invocation, len(made))
	for i := range made {
		shown[i] = invocation{ID: made[i].ID, TriggerID: made[i].Trigger, Secret: made[i].Secret, Content: raw.ContentJSON}
	}
	v.send(http.StatusOK, shown)
	return nil
}

// completeInvocation takes a receiver's answer.
func (a *API) completeInvocation(v *visit) error {
	var said struct {
		Secret *string         `json:"secret"`
		Error  *string         `json:"error"`
		Output json.RawMessage `json:"output"`
	}
	if err := v.body(&said); err != nil {
		return err
	}
	if said.Secret == nil {
		return bad("secret is required")
	}
	fault := or(said.Error, "")
	if said.Output == nil && fault == "" {
		return bad("output is required")
	}
	err := a.Invocations.Complete(v.Context(), v.id, *said.Secret, said.Output, fault, func(one triggers.Invocation) error {
		trigger := a.Catalogue().Trigger(one.Trigger)
		if trigger != nil && trigger.Kind != triggers.RequestResponse {
			return triggers.ErrOver // nobody asks for an answer
		}
		if trigger == nil || fault != "" {
			return nil
		}
		if err := trigger.CheckOutput(said.Output); err != nil {
			return bad("output does not fit the trigger's schema: %s", err)
		}
		return nil
	})
	switch {
	case errors.Is(err, triggers.ErrSecret):
		return refuse(http.StatusForbidden, "wrong_secret", "The server understood the request but refuses to authorize it: the secret is not that of the invocation.")
	case errors.Is(err, aggregation.ErrNone):
		return bad("there is no such invocation")
	case errors.Is(err, triggers.ErrUnclean):
		return bad("output holds the invocation's secret where it cannot be taken out; leave it out")
	case errors.Is(err, triggers.ErrOver):
		return bad("the invocation is completed already, waits for no answer, or its deadline is over")
	case err == nil:
		v.WriteHeader(http.StatusNoContent)
	}
	return err
}
