package events

import (
	"errors"
	"net/http"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// replayInvocation is ours: it sends one invocation again, under its id, also before its time.
func (a *API) replayInvocation(v *visit) error {
	n, err := a.Invocations.Replay(v.Context(), triggers.Query{IDs: []string{v.id}})
	return a.changed(v, n, err, func(one triggers.Invocation) error {
		switch one.State {
		case triggers.Waiting:
			return bad("the invocation is on its way already")
		case triggers.Asked:
			return bad("the invocation waits for the receiver's answer until %s", instant(one.Deadline))
		}
		return bad("the invocation's subscription is gone, so that there is nobody to send it to")
	})
}

// abandonInvocation is ours: it gives one invocation up, so that what waits behind it goes on.
func (a *API) abandonInvocation(v *visit) error {
	n, err := a.Invocations.Abandon(v.Context(), v.id)
	return a.changed(v, n, err, func(one triggers.Invocation) error {
		return bad("the invocation is %s since %s, so that there is nothing to give up", one.State, instant(one.Completed))
	})
}

// changed answers with the invocation of a visit where it is n > 0 that were changed, and otherwise with why it is not.
func (a *API) changed(v *visit, n int64, err error, whyNot func(triggers.Invocation) error) error {
	switch {
	case err != nil:
		return err
	case n > 0:
		return a.getInvocation(v)
	}
	one, err := a.Invocations.Invocation(v.Context(), v.id)
	switch {
	case errors.Is(err, aggregation.ErrNone):
		return notFound()
	case err != nil:
		return err
	}
	return whyNot(one)
}

// replayInvocations is ours: it sends again what is over, of one subscription or all that is dead. Tests are left out.
func (a *API) replayInvocations(v *visit) error {
	var asked struct {
		Subscription *string `json:"subscriptionId"`
		From         *string `json:"from"`
		To           *string `json:"to"`
		Dead         bool    `json:"dead"`
		Undecided    bool    `json:"undecided"`
	}
	if err := v.ours(&asked); err != nil {
		return err
	}
	if asked.Subscription == nil && !asked.Dead {
		return bad("subscriptionId is required, or dead as true, which means all that is dead; from and to narrow either")
	}
	q := triggers.Query{Subscription: or(asked.Subscription, ""), Real: true, Undecided: asked.Undecided}
	if asked.Dead {
		q.States = []triggers.State{triggers.Dead}
	}
	for _, one := range []struct {
		member string
		text   *string
		into   *time.Time
	}{{"from", asked.From, &q.After}, {"to", asked.To, &q.Before}} {
		if one.text == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, *one.text)
		if err != nil {
			return bad("%s must be a time such as 2006-01-02T15:04:05Z", one.member)
		}
		*one.into = at
	}
	if asked.Subscription != nil {
		switch there, err := a.subscribed(v, q.Subscription); {
		case err != nil:
			return err
		case !there:
			return bad("there is no subscription %q", q.Subscription)
		}
	}
	n, err := a.Invocations.Replay(v.Context(), q)
	if err != nil {
		return err
	}
	v.send(http.StatusOK, map[string]int64{"replayed": n})
	return nil
}
