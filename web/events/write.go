package events

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"sluice/aggregation"
	"sluice/triggers"
)

// written is a subscription as a client writes it. What a client left out, or wrote as null, is nil.
type written struct {
	ID               *string                     `json:"id"`
	Name             *string                     `json:"name"`
	Description      *string                     `json:"description"`
	TriggerID        *string                     `json:"triggerId"`
	Type             *string                     `json:"type"`
	ResponseDeadline *string                     `json:"responseDeadline"`
	HTTP             *triggers.HTTPConfig        `json:"httpConfig"`
	EventBridge      *triggers.EventBridgeConfig `json:"eventBridgeConfig"`
	Workflow         json.RawMessage             `json:"workflowConfig"`
	Enabled          *bool                       `json:"enabled"`
	Filter           *string                     `json:"filter"`
	Sluice           *extension                  `json:"sluice"`
}

// onto replaces all of a subscription that a client can choose. Of what a client of SailPoint does not know, or need not send again, the
// subscription keeps what it had: the name, the type, what is ours, and secrets that are written as null where there was one.
func (w *written) onto(s *triggers.Subscription) error {
	before, err := s.Clone()
	if err != nil {
		return err
	}
	s.Name, s.Type = or(w.Name, s.Name), or(w.Type, s.Type)
	s.Description, s.Filter = w.Description, w.Filter
	if s.Filter != nil && *s.Filter == "" {
		s.Filter = nil
	}
	s.ResponseDeadline = or(w.ResponseDeadline, "PT1H")
	s.Enabled = w.Enabled == nil || *w.Enabled
	s.HTTP, s.EventBridge, s.Workflow = w.HTTP, w.EventBridge, w.Workflow
	if string(s.Workflow) == "null" {
		s.Workflow = nil
	}
	if c := s.HTTP; c != nil {
		c.DispatchMode = orText(c.DispatchMode, triggers.DispatchSync)
		c.Authentication = orText(c.Authentication, triggers.NoAuth)
	}
	if w.Sluice != nil {
		told := s.Sluice
		s.Sluice = triggers.Extension(*w.Sluice)
		s.Sluice.Paused, s.Sluice.Created, s.Sluice.Modified = told.Paused, told.Created, told.Modified
	}
	s.PutSecrets(before.TakeSecrets())
	return nil
}

func or[T any](value *T, otherwise T) T {
	if value != nil {
		return *value
	}
	return otherwise
}

func orText(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

func (a *API) createSubscription(v *visit) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	s, err := a.Create(v.Context(), text)
	if err != nil {
		return err
	}
	v.send(http.StatusCreated, s)
	return nil
}

// Create makes a subscription as a client writes it, and returns it as clients read it. The command line calls it too.
func (a *API) Create(ctx context.Context, text []byte) (triggers.Subscription, error) {
	var w written
	if err := decode(text, &w); err != nil {
		return triggers.Subscription{}, err
	}
	if w.TriggerID == nil {
		return triggers.Subscription{}, bad("triggerId is required")
	}
	if w.Type == nil {
		return triggers.Subscription{}, bad("type is required")
	}
	trigger := a.Catalogue().Trigger(*w.TriggerID)
	if trigger == nil {
		return triggers.Subscription{}, bad("there is no trigger %q; GET /triggers lists them", *w.TriggerID)
	}
	now := a.now()
	s := triggers.Subscription{ID: uuid.NewString(), TriggerID: trigger.ID, TriggerName: trigger.Name}
	s.Sluice.Created, s.Sluice.Modified = now, now
	if err := w.onto(&s); err != nil {
		return s, err
	}
	if err := a.check(&s); err != nil {
		return s, err
	}
	err := a.Subscriptions.CreateSubscription(ctx, s, func(others []triggers.Subscription) error {
		if err := a.room(trigger, others); err != nil {
			return err
		}
		return alone(&s, others)
	})
	s.TakeSecrets()
	return s, err
}

func (a *API) putSubscription(v *visit) error {
	var w written
	if err := v.body(&w); err != nil {
		return err
	}
	return a.change(v, func(s *triggers.Subscription) error {
		if w.ID != nil && *w.ID != s.ID {
			return bad("id cannot be changed")
		}
		if w.TriggerID != nil && *w.TriggerID != s.TriggerID {
			return bad("triggerId cannot be changed; create another subscription")
		}
		return w.onto(s)
	})
}

// change keeps what edit makes of a subscription, if it may be, and answers with it. edit may be called again.
func (a *API) change(v *visit, edit func(s *triggers.Subscription) error) error {
	changed, err := a.Subscriptions.ChangeSubscription(v.Context(), v.id, func(s *triggers.Subscription, others []triggers.Subscription) error {
		if err := edit(s); err != nil {
			return err
		}
		if err := a.check(s); err != nil {
			return err
		}
		s.Sluice.Modified = a.now()
		return alone(s, others)
	})
	switch {
	case errors.Is(err, aggregation.ErrNone):
		return notFound()
	case errors.Is(err, triggers.ErrKey):
		return bad("%s", triggers.ErrKey)
	case err != nil:
		return err
	}
	v.send(http.StatusOK, masked(changed))
	return nil
}

// deleteSubscription reads no body: clients send one all the same.
func (a *API) deleteSubscription(v *visit) error {
	err := a.Subscriptions.DeleteSubscription(v.Context(), v.id)
	if errors.Is(err, aggregation.ErrNone) {
		return notFound()
	}
	if err == nil {
		v.WriteHeader(http.StatusNoContent)
	}
	return err
}
