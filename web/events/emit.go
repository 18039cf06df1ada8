package events

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"sluice/triggers"
)

// Bounds of what an event is known by. The id's is that of triggers.Event.
const (
	mostEventID = 64
	mostSource  = 256
	mostSubject = 1024
)

// Emission is an event of a user's own.
type Emission struct {
	Trigger string          // its id
	ID      string          // equal for the same fact, so that it is told once; "": one is made up
	Subject string          // whom it is about: events of one subject are told in order; "": nobody, and it waits for no other
	Source  string          // who says so
	Input   json.RawMessage // its payload
}

// Emit emits an event, once it fits the trigger's schema. One that is there already, the same in all, is no second one. The command line calls it
// too.
func (a *API) Emit(ctx context.Context, e Emission) (triggers.Told, error) {
	trigger := a.Catalogue().Trigger(e.Trigger)
	if trigger == nil {
		return triggers.Told{}, bad("there is no trigger %q; GET /triggers lists them", e.Trigger)
	}
	for _, text := range []struct {
		member, value string
		most          int
	}{{"id", e.ID, mostEventID}, {"subject", e.Subject, mostSubject}, {"source", e.Source, mostSource}} {
		if !utf8.ValidString(text.value) || len(text.value) > text.most || strings.ContainsFunc(text.value, unicode.IsControl) {
			return triggers.Told{}, bad("%s must be text of %d bytes at most, without control characters", text.member, text.most)
		}
	}
	if !utf8.Valid(e.Input) {
		return triggers.Told{}, bad("input is not UTF-8")
	}
	if err := trigger.CheckInput(e.Input); err != nil {
		return triggers.Told{}, bad("input does not fit the trigger's schema: %s", err)
	}
	var input bytes.Buffer
	if err := json.Compact(&input, e.Input); err != nil {
		return triggers.Told{}, bad("input is not JSON")
	}
	event := triggers.Event{ID: e.ID, Type: trigger.ID, Source: e.Source, Subject: e.Subject, Time: a.now(), Data: input.Bytes()}
	if event.ID == "" {
		event.ID = uuid.NewString()
	}
	if event.Subject == "" {
		event.Subject = event.ID
	}
	told, err := a.Invocations.Tell(ctx, event)
	if err == nil && !told.Fresh && !same(told.Event, event) {
		return told, bad("the id %q is that of another event, of %s, that was told at %s; choose another id", event.ID, told.Type, instant(told.Time))
	}
	return told, err
}

// same tells whether two events say the same.
func same(a, b triggers.Event) bool {
	return a.Type == b.Type && a.Source == b.Source && a.Subject == b.Subject && reflect.DeepEqual(decoded(a.Data), decoded(b.Data))
}

// decoded reads JSON that is known to be some.
func decoded(text json.RawMessage) any {
	out, _ := triggers.Decode(text)
	return out
}

// emitted is what is told of an event. Of one that was there before, no invocations are.
type emitted struct {
	EventID     string       `json:"eventId"`
	TriggerID   string       `json:"triggerId"`
	Subject     string       `json:"subject"`
	Source      string       `json:"source"`
	Created     string       `json:"created"`
	Invocations []madeOfThat `json:"invocations"`
}

type madeOfThat struct {
	ID             string `json:"id"`
	SubscriptionID string `json:"subscriptionId"`
}

// startInvocation is ours: it emits an event, where SailPoint only tests. 201: it is new; 200: it was told before.
func (a *API) startInvocation(v *visit) error {
	var asked struct {
		TriggerID *string         `json:"triggerId"`
		ID        *string         `json:"id"`
		Subject   *string         `json:"subject"`
		Source    *string         `json:"source"`
		Input     json.RawMessage `json:"input"`
	}
	if err := v.ours(&asked); err != nil {
		return err
	}
	switch {
	case asked.TriggerID == nil:
		return bad("triggerId is required")
	case asked.Input == nil:
		return bad("input is required")
	}
	told, err := a.Emit(v.Context(), Emission{
		Trigger: *asked.TriggerID, ID: or(asked.ID, ""), Subject: or(asked.Subject, ""), Source: or(asked.Source, v.grant.Name), Input: asked.Input,
	})
	if err != nil {
		return err
	}
	shown := emitted{EventID: told.ID, TriggerID: told.Type, Subject: told.Subject, Source: told.Source, Created: instant(told.Time), Invocations: []madeOfThat{}}
	for i := range told.Invocations {
		shown.Invocations = append(shown.Invocations, madeOfThat{told.Invocations[i].ID, told.Invocations[i].Subscription})
	}
	status := http.StatusOK
	if told.Fresh {
		status = http.StatusCreated
	}
	v.send(status, shown)
	return nil
}
