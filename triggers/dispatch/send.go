package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"sluice/triggers"
)

// landing is what became of a delivery, before it is kept.
type landing struct {
	subject string
	result  triggers.Result
	since   time.Duration // from the event's keeping to the answer
}

// How long an invocation is tried, and an answer is waited for, where the subscription does not say.
const (
	defaultRetryFor = 72 * time.Hour
	defaultDeadline = time.Hour
)

// mostKept is how much of an answer the record keeps.
const mostKept = 4 << 10

// send makes one attempt.
func (d *Dispatcher) send(ctx context.Context, s *triggers.Subscription, i triggers.Invocation, subject string) landing {
	kind := d.o.Kind(i.Trigger)
	began := time.Now()
	answer, err := triggers.Answer{}, error(nil)
	delivery := triggers.Delivery{Subscription: s, Invocation: i, Kind: kind, Event: i.Event}
	if delivery.Body, err = d.body(s, i, kind); err != nil {
		err = triggers.Permanent(err)
	} else {
		answer, err = d.o.Sender.Send(ctx, delivery)
	}
	now := time.Now()
	r := d.judge(s, i, kind, answer, err, now)
	r.Seq = i.Seq
	r.Attempt = triggers.Attempt{
		Number: i.Attempts + 1, Time: began.UTC(), Took: now.Sub(began), Status: answer.Status,
		Answer: d.beginning(s, answer.Body), Outcome: outcomeOf(r.State), Reason: r.Reason,
	}
	return landing{subject, r, now.Sub(i.Created)}
}

// judge says what comes of an answer.
func (d *Dispatcher) judge(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind, a triggers.Answer, err error, now time.Time) triggers.Result {
	deadline := spanOf(s.ResponseDeadline, defaultDeadline)
	if err != nil {
		span := spanOf(s.Sluice.RetryFor, defaultRetryFor)
		if kind == triggers.RequestResponse {
			span = min(span, deadline) // nobody waits any longer for the answer
		}
		next := triggers.Schedule(now, i.Created, i.Tries+1, err, span, d.o.Chance())
		if next.Dead {
			return triggers.Result{State: triggers.Dead, Reason: err.Error()}
		}
		return triggers.Result{State: triggers.Waiting, Due: next.At.UTC(), Reason: err.Error()}
	}
	if kind != triggers.RequestResponse {
		return triggers.Result{State: triggers.Done}
	}
	mode := triggers.DispatchAsync
	if s.Type == triggers.TypeHTTP && s.Sluice.Destination == nil && s.HTTP != nil {
		mode = s.HTTP.DispatchMode
	}
	if mode == triggers.DispatchAsync || mode == triggers.DispatchDynamic && a.Status == http.StatusAccepted {
		return triggers.Result{State: triggers.Asked, Deadline: i.Created.Add(deadline)}
	}
	output := json.RawMessage(bytes.TrimSpace(a.Body))
	if !json.Valid(output) {
		return triggers.Result{State: triggers.Dead, Reason: "the answer is no JSON, and an output is wanted"}
	}
	if err := d.o.Check(i.Trigger, output); err != nil {
		return triggers.Result{State: triggers.Dead, Reason: "the answer is no output of the trigger: " + err.Error(), Output: output}
	}
	return triggers.Result{State: triggers.Done, Output: output}
}

func outcomeOf(s triggers.State) string {
	switch s {
	case triggers.Done:
		return "delivered"
	case triggers.Asked:
		return "asked"
	case triggers.Waiting:
		return "retried"
	}
	return "dead"
}

// spanOf reads an ISO 8601 duration, which was looked at when the subscription was kept.
func spanOf(text string, otherwise time.Duration) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := duration.Parse(text)
	if err != nil || d.ToTimeDuration() <= 0 {
		return otherwise
	}
	return d.ToTimeDuration()
}

// metadata is what ASYNC and DYNAMIC receivers and event buses get besides the payload, to complete the invocation with.
type metadata struct {
	CallbackURL  string `json:"callbackURL"`
	Secret       string `json:"secret"`
	TriggerID    string `json:"triggerId"`
	TriggerType  string `json:"triggerType"`
	ResponseMode string `json:"responseMode"`
	InvocationID string `json:"invocationId"`
}

// body is what is sent: the payload's own bytes, with _metadata at the end where the receiver gets it.
func (d *Dispatcher) body(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind) (json.RawMessage, error) {
	payload := bytes.TrimSpace(i.Event.Data)
	plain := s.Type == triggers.TypeHTTP && (kind == triggers.FireAndForget || s.HTTP != nil && s.HTTP.DispatchMode == triggers.DispatchSync && s.Sluice.Destination == nil)
	if plain && !s.Sluice.Metadata {
		return payload, nil
	}
	if len(payload) < 2 || payload[0] != '{' {
		return nil, fmt.Errorf("the payload is no JSON object, so that it can bear no _metadata")
	}
	meta := metadata{d.o.Callback(i.ID), i.Secret, i.Trigger, "fireAndForget", "async", i.ID}
	if kind == triggers.RequestResponse {
		meta.TriggerType = "requestResponse"
	}
	if plain {
		meta.ResponseMode = "sync"
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	head := bytes.TrimRight(payload[:len(payload)-1], " \t\r\n")
	out := append([]byte(nil), head...)
	if len(head) > 1 {
		out = append(out, ',')
	}
	return append(append(append(out, `"_metadata":`...), text...), '}'), nil
}

// beginning is what the record keeps of an answer.
func (d *Dispatcher) beginning(s *triggers.Subscription, answer []byte) []byte {
	text := d.o.Redact(s, answer)
	return []byte(strings.ToValidUTF8(string(text[:min(len(text), mostKept)]), "\uFFFD"))
}
