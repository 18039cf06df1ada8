package events

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// record is the status of one invocation with all that is known of it.
type record struct {
	status

	Sluice recorded `json:"sluice"`
}

type recorded struct {
	progress

	Subject  string    `json:"subject,omitempty"`
	Source   string    `json:"source,omitempty"`
	Due      *string   `json:"due,omitempty"`      // when it is sent again
	Behind   string    `json:"behind,omitempty"`   // the id of the one that failed and keeps it
	Deadline *string   `json:"deadline,omitempty"` // by which the receiver must complete it
	Log      []attempt `json:"log"`
}

// attempt is one time that an invocation was sent.
type attempt struct {
	Number  int     `json:"number"`
	Time    string  `json:"time"`
	TookMS  float64 `json:"tookMs"`
	Status  int     `json:"status,omitempty"` // of the answer; none is there where there was none
	Outcome string  `json:"outcome"`          // delivered | asked | retried | dead
	Reason  string  `json:"reason,omitempty"`
	Answer  string  `json:"answer,omitempty"` // its beginning
}

// getInvocation is ours: SailPoint documents no such path.
func (a *API) getInvocation(v *visit) error {
	one, err := a.Invocations.Invocation(v.Context(), v.id)
	if errors.Is(err, aggregation.ErrNone) {
		return notFound()
	}
	if err != nil {
		return err
	}
	attempts, err := a.Invocations.Attempts(v.Context(), one.Seq)
	if err != nil {
		return err
	}
	all, err := a.Subscriptions.Subscriptions(v.Context())
	if err != nil {
		return err
	}
	behind, err := a.Invocations.Behind(v.Context(), one)
	if err != nil {
		return err
	}
	name := ""
	if i := slices.IndexFunc(all, func(s triggers.Subscription) bool { return s.ID == one.Subscription }); i >= 0 {
		name = all[i].Name
	}
	shown := recordOf(&one, name, attempts)
	shown.Sluice.Behind = behind
	v.send(http.StatusOK, shown)
	return nil
}

// recordOf shows an invocation with its attempts. What receivers have said was kept without the secret with which it is completed.
func recordOf(one *triggers.Invocation, name string, attempts []triggers.Attempt) record {
	r := record{status: statusOf(one, name)}
	r.Sluice = recorded{progress: r.status.Sluice, Source: one.Event.Source, Log: []attempt{}}
	if !one.Test {
		r.Sluice.Subject = one.Event.Subject
	}
	if one.State == triggers.Waiting {
		r.Sluice.Due = moment(one.Due)
	}
	r.Sluice.Deadline = moment(one.Deadline)
	for _, t := range attempts {
		r.Sluice.Log = append(r.Sluice.Log, attempt{
			Number: t.Number, Time: instant(t.Time), TookMS: float64(t.Took) / float64(time.Millisecond), Status: t.Status, Outcome: t.Outcome,
			Reason: t.Reason, Answer: string(t.Answer),
		})
	}
	return r
}

// moment is a time; nil where there is none.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := instant(t)
	return &text
}

// filtered is what a subscription's filter has left out.
type filtered struct {
	Count int64         `json:"count"`
	Last  []filteredOut `json:"last"` // the newest first
}

type filteredOut struct {
	EventID string `json:"eventId"`
	Subject string `json:"subject"`
	Source  string `json:"source"`
	Created string `json:"created"`
	Reason  string `json:"reason"`
}

// listFiltered is ours: events that did not come, and why.
func (a *API) listFiltered(v *visit) error {
	switch there, err := a.subscribed(v, v.id); {
	case err != nil:
		return err
	case !there:
		return notFound()
	}
	n, last, err := a.Subscriptions.FilteredOut(v.Context(), v.id)
	if err != nil {
		return err
	}
	shown := filtered{Count: n, Last: []filteredOut{}}
	for _, f := range last {
		shown.Last = append(shown.Last, filteredOut{f.Event.ID, f.Event.Subject, f.Event.Source, instant(f.Event.Time), f.Reason})
	}
	v.send(http.StatusOK, shown)
	return nil
}

// subscribed tells whether there is a subscription.
func (a *API) subscribed(v *visit, id string) (bool, error) {
	all, err := a.Subscriptions.Subscriptions(v.Context())
	return slices.ContainsFunc(all, func(s triggers.Subscription) bool { return s.ID == id }), err
}
