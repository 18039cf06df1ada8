package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/sosodev/duration"

	"sluice/triggers"
)

// landing is what became of a delivery, before it is kept.
type landing struct {
	subject string
	result  triggers.Result
	since   time.Duration // from the event's keeping to the answer
	created time.Time     // when the event was kept, or replayed
	at      time.Time     // when the answer came, by the store's clock
	again   bool          // it has failed before
	unsent  bool          // it could not be made, so that the receiver heard nothing of it
	failed  bool          // the receiver did not work, whatever comes of it
	after   time.Duration // how long it has asked to be left alone; 0: it has not
}

// How long an invocation is tried, and an answer is waited for, where the subscription does not say.
const (
	defaultRetryFor = 72 * time.Hour
	defaultDeadline = time.Hour
)

// mostKept is how much of an answer the record keeps.
const mostKept = 4 << 10

// departure is a delivery that is to be made.
type departure struct {
	subject    string
	invocation triggers.Invocation
}

// said is what a receiver said to a delivery.
type said struct {
	answer triggers.Answer
	err    error
	unsent bool // nothing: there was nothing to send
}

// send makes one attempt at each of some, in one call.
func (d *Dispatcher) send(ctx context.Context, s *triggers.Subscription, batch triggers.Batcher, some []departure) []landing {
	began, clock := time.Now(), d.now()
	all := d.call(ctx, s, batch, some)
	took, now := time.Since(began), d.now()
	landings := make([]landing, len(some))
	for n, one := range some {
		i, kind := one.invocation, d.o.Kind(one.invocation.Trigger)
		r := d.judge(s, i, kind, all[n].answer, all[n].err, now)
		r.Seq = i.Seq
		r.Attempt = triggers.Attempt{
			Number: i.Attempts + 1, Time: clock, Took: took, Status: all[n].answer.Status,
			Answer: beginning(all[n].answer.Body), Outcome: outcomeOf(r.State), Reason: r.Reason,
		}
		landings[n] = landing{
			subject: one.subject, result: r, since: max(0, now.Sub(i.Created)), created: i.Created, at: now, again: i.Tries > 0, unsent: all[n].unsent,
			failed: all[n].err != nil && !triggers.IsPermanent(all[n].err), after: triggers.AfterOf(all[n].err),
		}
	}
	return landings
}

// call sends some deliveries and returns what was said to each. One that cannot be sent at all spoils none beside it.
func (d *Dispatcher) call(ctx context.Context, s *triggers.Subscription, batch triggers.Batcher, some []departure) []said {
	all := make([]said, len(some))
	var going []triggers.Delivery
	var places []int
	for n, one := range some {
		delivery := triggers.Delivery{Subscription: s, Invocation: one.invocation, Kind: d.o.Kind(one.invocation.Trigger), Event: one.invocation.Event}
		var err error
		if isLate(s, one.invocation, delivery.Kind, d.now()) {
			err = tooLate(one.invocation)
		} else {
			delivery.Body, err = d.body(s, one.invocation, delivery.Kind)
		}
		if err != nil {
			all[n] = said{err: err, unsent: true}
			continue
		}
		going, places = append(going, delivery), append(places, n)
	}
	switch {
	case len(going) == 1:
		one := &all[places[0]]
		one.answer, one.err = d.o.Sender.Send(ctx, going[0])
	case len(going) > 1:
		for n, err := range batch.SendAll(ctx, going) {
			one := &all[places[n]]
			if one.err = err; err == nil {
				one.answer.Status = http.StatusOK // as a broker's Send says it
			}
		}
	}
	return all
}

// isLate tells whether nobody waits any longer for the answer to an invocation, as when its subscription was paused.
func isLate(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind, now time.Time) bool {
	return kind == triggers.RequestResponse && !now.Before(deadlineOf(s, i))
}

// deadlineOf is until when an answer is waited for.
func deadlineOf(s *triggers.Subscription, i triggers.Invocation) time.Time {
	return i.Created.Add(spanOf(s.ResponseDeadline, defaultDeadline))
}

// tooLate says of one that is late why it is not sent: what its receiver says would be refused.
func tooLate(i triggers.Invocation) error {
	if i.Tries > 0 {
		return triggers.Permanent(fmt.Errorf("its deadline is over; the attempt before: %s", i.Reason))
	}
	return triggers.Permanent(errors.New("its deadline was over before it could be sent"))
}

// failed says what comes of an attempt that did not work.
func (d *Dispatcher) failed(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind, err error, now time.Time) triggers.Result {
	span := spanOf(s.Sluice.RetryFor, defaultRetryFor)
	next := triggers.Schedule(now, i.Created, i.Tries+1, err, span, d.o.Chance())
	if next.Dead || isLate(s, i, kind, now) {
		return triggers.Result{State: triggers.Dead, Reason: err.Error()}
	}
	if kind == triggers.RequestResponse {
		next.At = inTime(now, next.At, deadlineOf(s, i))
	}
	return triggers.Result{State: triggers.Waiting, Due: next.At, Reason: err.Error()}
}

// lastCall is how long before a deadline the last attempt is made, so that an answer to it comes in time.
const lastCall = 15 * time.Second

// inTime is at, or the last time before a deadline to try, or that deadline, when it is dead, where it is too late for that.
func inTime(now, at, deadline time.Time) time.Time {
	switch last := deadline.Add(-lastCall); {
	case now.Before(last) && at.After(last):
		return last
	case at.After(deadline):
		return deadline
	}
	return at
}

// judge says what comes of an answer.
func (d *Dispatcher) judge(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind, a triggers.Answer, err error, now time.Time) triggers.Result {
	if err != nil {
		return d.failed(s, i, kind, err, now)
	}
	if kind != triggers.RequestResponse {
		return triggers.Result{State: triggers.Done}
	}
	mode := triggers.DispatchAsync
	if s.Type == triggers.TypeHTTP && s.Sluice.Destination == nil && s.HTTP != nil {
		mode = s.HTTP.DispatchMode
	}
	if mode == triggers.DispatchAsync || mode == triggers.DispatchDynamic && a.Status == http.StatusAccepted {
		return triggers.Result{State: triggers.Asked, Deadline: deadlineOf(s, i)}
	}
	if a.Cut {
		return triggers.Result{State: triggers.Dead, Reason: "the answer is longer than an output may be, or it broke off"}
	}
	output := json.RawMessage(bytes.TrimSpace(a.Body))
	if a.Hidden && !json.Valid(output) { // one may have been a number
		return triggers.Result{State: triggers.Dead, Reason: "the answer is no JSON, or holds a secret where JSON has no text"}
	}
	if !utf8.Valid(output) || !json.Valid(output) { // a database keeps no text that is not UTF-8
		return triggers.Result{State: triggers.Dead, Reason: "the answer is no JSON in UTF-8, and an output is wanted"}
	}
	if err := d.o.Check(i.Trigger, output); err != nil {
		return triggers.Result{State: triggers.Dead, Reason: "the answer is no output of the trigger: " + err.Error()}
	}
	if a.Hidden {
		return triggers.Result{State: triggers.Done, Output: output, Reason: triggers.SecretHidden}
	}
	return triggers.Result{State: triggers.Done, Output: output}
}

// Outcomes of an attempt.
const (
	delivered = "delivered"
	asked     = "asked"
	retried   = "retried"
	dead      = "dead"
)

func outcomeOf(s triggers.State) string {
	switch s {
	case triggers.Done:
		return delivered
	case triggers.Asked:
		return asked
	case triggers.Waiting:
		return retried
	}
	return dead
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

// beginning is what the record keeps of an answer.
func beginning(text []byte) []byte {
	return bytes.ToValidUTF8(text[:min(len(text), mostKept)], []byte("\uFFFD"))
}
