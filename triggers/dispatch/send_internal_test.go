package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/triggers"
)

func testDispatcher() *Dispatcher {
	return New(Options{
		Check: func(_ string, output json.RawMessage) error {
			if string(output) == `{"approved":true}` {
				return nil
			}
			return errors.New("approved is missing")
		},
		Callback: func(id string) string { return "https://sluice.example/" + id },
		Chance:   func() float64 { return 1 },
		Kind:     func(string) triggers.Kind { return triggers.FireAndForget },
	})
}

// What becomes of an answer, by how its receiver answers.
func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	i := triggers.Invocation{ID: "i", Trigger: "t", Created: now}
	good := triggers.Answer{Status: 200, Body: []byte(` {"approved":true} `)}
	for name, c := range map[string]struct {
		kind   triggers.Kind
		mode   string
		answer triggers.Answer
		err    error
		want   triggers.State
	}{
		"no answer is wanted":         {triggers.FireAndForget, triggers.DispatchSync, triggers.Answer{Status: 204}, nil, triggers.Done},
		"an output":                   {triggers.RequestResponse, triggers.DispatchSync, good, nil, triggers.Done},
		"no JSON":                     {triggers.RequestResponse, triggers.DispatchSync, triggers.Answer{Status: 200, Body: []byte("ok")}, nil, triggers.Dead},
		"an output not in UTF-8":      {triggers.RequestResponse, triggers.DispatchSync, triggers.Answer{Status: 200, Body: []byte("{\"comment\":\"M\xfcller\"}")}, nil, triggers.Dead},
		"an output that is cut":       {triggers.RequestResponse, triggers.DispatchSync, triggers.Answer{Status: 200, Body: good.Body, Cut: true}, nil, triggers.Dead},
		"another output":              {triggers.RequestResponse, triggers.DispatchSync, triggers.Answer{Status: 200, Body: []byte("{}")}, nil, triggers.Dead},
		"an acknowledgement":          {triggers.RequestResponse, triggers.DispatchAsync, triggers.Answer{Status: 200, Body: []byte("{}")}, nil, triggers.Asked},
		"dynamic, an output":          {triggers.RequestResponse, triggers.DispatchDynamic, good, nil, triggers.Done},
		"dynamic, an acknowledgement": {triggers.RequestResponse, triggers.DispatchDynamic, triggers.Answer{Status: 202}, nil, triggers.Asked},
		"an error that may pass":      {triggers.FireAndForget, triggers.DispatchSync, triggers.Answer{Status: 500}, errors.New("status 500"), triggers.Waiting},
		"an error for good":           {triggers.FireAndForget, triggers.DispatchSync, triggers.Answer{}, triggers.Permanent(errors.New("the event is too large")), triggers.Dead},
	} {
		s := &triggers.Subscription{Type: triggers.TypeHTTP, ResponseDeadline: "PT2H", HTTP: &triggers.HTTPConfig{DispatchMode: c.mode}}
		got := testDispatcher().judge(s, i, c.kind, c.answer, c.err, now)
		if got.State != c.want {
			t.Errorf("%s: got %s (%s), want %s", name, got.State, got.Reason, c.want)
		}
		if got.State == triggers.Asked && !got.Deadline.Equal(now.Add(2*time.Hour)) {
			t.Errorf("%s: got the deadline %v, want two hours", name, got.Deadline)
		}
		if got.State == triggers.Done && c.kind == triggers.RequestResponse && string(got.Output) != `{"approved":true}` {
			t.Errorf("%s: got output %s, want the answer's", name, got.Output)
		}
	}
	late := testDispatcher().judge(&triggers.Subscription{Type: triggers.TypeHTTP}, i, triggers.RequestResponse, triggers.Answer{}, errors.New("reset"), now.Add(time.Hour))
	if late.State != triggers.Dead {
		t.Errorf("an error when nobody waits for the answer any more: got %s, want dead", late.State)
	}
}

// The payload goes as it is, and _metadata at its end to those who get it.
func TestBody(t *testing.T) {
	t.Parallel()
	const meta = `"_metadata":{"callbackURL":"https://sluice.example/i","secret":"x","triggerId":"t",`
	for name, c := range map[string]struct {
		kind     triggers.Kind
		mode     string
		bus      bool
		metadata bool
		payload  string
		want     string
	}{
		"as it is":        {triggers.FireAndForget, triggers.DispatchSync, false, false, `{"b": 1,"a":2}`, `{"b": 1,"a":2}`},
		"a list":          {triggers.FireAndForget, triggers.DispatchSync, false, false, `[1]`, `[1]`},
		"asynchronous":    {triggers.RequestResponse, triggers.DispatchAsync, false, false, `{"b": 1 }`, `{"b": 1,` + meta + `"triggerType":"requestResponse","responseMode":"async","invocationId":"i"}}`},
		"an empty one":    {triggers.RequestResponse, triggers.DispatchAsync, false, false, `{}`, `{` + meta + `"triggerType":"requestResponse","responseMode":"async","invocationId":"i"}}`},
		"an event bus":    {triggers.FireAndForget, "", true, false, `{"b":1}`, `{"b":1,` + meta + `"triggerType":"fireAndForget","responseMode":"async","invocationId":"i"}}`},
		"who asks for it": {triggers.FireAndForget, triggers.DispatchSync, false, true, `{"b":1}`, `{"b":1,` + meta + `"triggerType":"fireAndForget","responseMode":"sync","invocationId":"i"}}`},
	} {
		s := &triggers.Subscription{Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{DispatchMode: c.mode}}
		if c.bus {
			s = &triggers.Subscription{Type: triggers.TypeEventBridge}
		}
		s.Sluice.Metadata = c.metadata
		i := triggers.Invocation{ID: "i", Trigger: "t", Secret: "x", Event: triggers.Event{Data: []byte(c.payload)}}
		if got, err := testDispatcher().body(s, i, c.kind); string(got) != c.want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
	s := &triggers.Subscription{Type: triggers.TypeEventBridge}
	if _, err := testDispatcher().body(s, triggers.Invocation{Event: triggers.Event{Data: []byte("[1]")}}, triggers.FireAndForget); err == nil {
		t.Error("a list for an event bus: got no error, want one")
	}
}

// The circuit opens when nothing has worked for a while, in one drain or in several, and not because of what is final. That an attempt was the
// last in time makes no success of it.
func TestCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := circuit{}
		c.rule.fill()
		n := 0
		attempt := func(state triggers.State, failed bool) {
			n++
			c.note(landing{subject: fmt.Sprint("=", n%2), result: triggers.Result{State: state, Reason: "status 503"}, failed: failed, created: time.Now(), at: time.Now()})
		}
		attempt(triggers.Done, false)
		<-time.After(c.rule.After)
		for range c.rule.Failures {
			attempt(triggers.Waiting, true)
		}
		if c.open() {
			t.Error("ten failures in a moment: got it open, want it closed")
		}
		<-time.After(c.rule.After)
		if !c.open() || c.last != "status 503" {
			t.Errorf("after %v: got open %v for %q, want it open", c.rule.After, c.open(), c.last)
		}
		attempt(triggers.Dead, true)
		if !c.open() {
			t.Error("after the last attempt in time has failed: got it closed, want it open")
		}
		attempt(triggers.Dead, false)
		if c.open() {
			t.Error("after an answer that is final: got it open, want it closed")
		}
		attempt(triggers.Waiting, true)
		<-time.After(c.rule.After)
		if c.open() {
			t.Error("one failure, long ago: got it open, want it closed")
		}
	})
}

// What fails while others work does not keep those from the receiver, however often it fails when nothing else comes; nor does one subject alone.
func TestCircuitOfStuckSubjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := testDispatcher().paceOf(triggers.Claim{})
		c := &p.circuit
		c.rule.fill()
		made := time.Now()
		fail := func(subject string, again bool, created time.Time) {
			for range 2 * c.rule.Failures {
				<-time.After(c.rule.After / 10)
				c.note(landing{subject: subject, failed: true, again: again, created: created, at: time.Now()})
			}
		}
		<-time.After(time.Second)
		c.note(landing{subject: "=good", at: time.Now()})
		fail("=a", true, made)
		fail("=b", true, made)
		if c.open() || c.failed > 0 {
			t.Errorf("what had failed before another worked: got it open %v after %d failures, want none counted", c.open(), c.failed)
		}
		late := time.Now()
		fail("=c", true, late)
		if c.open() {
			t.Error("one subject alone: got it open, want it closed")
		}
		next := testDispatcher().paceOf(triggers.Claim{Health: p.health(time.Now())})
		if next.circuit.only != "=c" || next.circuit.failed != c.failed || next.circuit.all != c.all || !next.circuit.worked.Equal(c.worked) || !next.circuit.first.Equal(c.first) {
			t.Errorf("in the next drain: got %+v, want it to go on from %+v", next.circuit, *c)
		}
		<-time.After(c.rule.Alone)
		if !c.open() {
			t.Error("where nothing has worked for an hour: got it closed, want it open")
		}
		c.note(landing{subject: "=good", at: time.Now()})
		late = time.Now()
		fail("=c", true, late)
		fail("=d", false, late)
		if !c.open() {
			t.Error("two subjects, of which nothing worked since: got it closed, want it open")
		}
		before := time.Now()
		<-time.After(time.Second)
		c.note(landing{subject: "=good", at: time.Now()})
		fail("=e", false, before)
		fail("=f", false, before)
		if !c.open() {
			t.Errorf("what is older than the last that worked, and was never tried: got it closed after %d failures, want it open", c.failed)
		}
	})
}

// A probe is of what was never tried, where there is any.
func TestProbeOfWhatIsNew(t *testing.T) {
	t.Parallel()
	n := testDispatcher().drainOf(triggers.Claim{}, time.Now())
	n.probe = true
	for seq, tries := range []int{3, 0, 1, 0} {
		subject := fmt.Sprint("=", seq)
		n.queued[subject], n.ready = []triggers.Invocation{{Seq: int64(seq), Tries: tries}}, append(n.ready, subject)
	}
	if some := n.board(); len(some) != 1 || some[0].subject != "=1" || fmt.Sprint(n.ready) != "[=0 =2 =3]" {
		t.Errorf("got %+v, and %v left, want the first that was never tried", some, n.ready)
	}
}

// fails is a sender whose receiver does not work.
type fails struct{}

func (fails) Send(context.Context, triggers.Delivery) (triggers.Answer, error) {
	return triggers.Answer{Status: 500}, errors.New("status 500")
}

// says is a sender whose receiver gives one answer, out of which the sender takes a secret.
type says string

func (s says) Send(context.Context, triggers.Delivery) (triggers.Answer, error) {
	clean := strings.ReplaceAll(string(s), "12345", "[redacted]")
	return triggers.Answer{Status: 200, Body: []byte(clean), Hidden: clean != string(s)}, nil
}

// An output out of which a secret was taken is kept only where it still is one, and why it is not is said.
func TestOutputHoldsNoSecret(t *testing.T) {
	t.Parallel()
	i := triggers.Invocation{ID: "i", Trigger: "t", Created: time.Now(), Event: triggers.Event{Data: []byte(`{"x":1}`)}}
	s := &triggers.Subscription{Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{DispatchMode: triggers.DispatchSync}}
	for answer, want := range map[string]struct {
		state          triggers.State
		output, reason string
	}{
		`{"approved":true}`:                   {triggers.Done, `{"approved":true}`, ""},
		`{"approved":true,"got":"tok 12345"}`: {triggers.Done, `{"approved":true,"got":"tok [redacted]"}`, triggers.SecretHidden},
		`{"approved":true,"got":12345}`:       {triggers.Dead, "", "the answer is no JSON, or holds a secret where JSON has no text"},
		`{"headers":"tok 12345"}`:             {triggers.Dead, "", "the answer is no output of the trigger: approved is missing"},
		`{"approved":true,`:                   {triggers.Dead, "", "the answer is no JSON in UTF-8, and an output is wanted"},
	} {
		d := testDispatcher()
		d.o.Sender = says(answer)
		d.o.Kind = func(string) triggers.Kind { return triggers.RequestResponse }
		d.o.Check = func(_ string, output json.RawMessage) error {
			if !bytes.Contains(output, []byte("approved")) {
				return errors.New("approved is missing")
			}
			return nil
		}
		got := d.send(t.Context(), s, nil, []departure{{"=x", i}})[0].result
		if got.State != want.state || string(got.Output) != want.output || got.Reason != want.reason {
			t.Errorf("%s: got it %s with %s (%s), want %s with %s (%s)", answer, got.State, got.Output, got.Reason, want.state, want.output, want.reason)
		}
	}
}

// What nobody waits for any more is not sent, and says what came of it before.
func TestLateIsNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   triggers.Kind
		age    time.Duration
		tries  int
		before string
		state  triggers.State
		reason string
	}{
		"in time":            {triggers.RequestResponse, 59 * time.Second, 0, "", triggers.Done, ""},
		"late":               {triggers.RequestResponse, time.Minute, 0, "", triggers.Dead, "its deadline was over before it could be sent"},
		"late, and tried":    {triggers.RequestResponse, time.Hour, 1, "status 500", triggers.Dead, "its deadline is over; the attempt before: status 500"},
		"late, and replayed": {triggers.RequestResponse, time.Hour, 0, "replayed", triggers.Dead, "its deadline was over before it could be sent"},
		"nobody waits ever":  {triggers.FireAndForget, time.Hour, 0, "", triggers.Done, ""},
	} {
		d := testDispatcher()
		d.o.Sender, d.o.Check = says(`{}`), func(string, json.RawMessage) error { return nil }
		d.o.Kind = func(string) triggers.Kind { return c.kind }
		s := &triggers.Subscription{Type: triggers.TypeHTTP, ResponseDeadline: "PT1M", HTTP: &triggers.HTTPConfig{DispatchMode: triggers.DispatchSync}}
		i := triggers.Invocation{ID: "i", Trigger: "t", Created: d.now().Add(-c.age), Tries: c.tries, Reason: c.before, Event: triggers.Event{Data: []byte(`{"x":1}`)}}
		got := d.send(t.Context(), s, nil, []departure{{"=x", i}})[0]
		if got.result.State != c.state || got.result.Reason != c.reason || got.unsent != (c.state == triggers.Dead) {
			t.Errorf("%s: got it %s (%s), unsent %t, want it %s (%s)", name, got.result.State, got.result.Reason, got.unsent, c.state, c.reason)
		}
	}
}

// What is late costs its receiver nothing, and so it does not wait for its turn at a rate; what waits for an answer is tried until its deadline.
func TestLateWaitsForNothing(t *testing.T) {
	t.Parallel()
	d := testDispatcher()
	d.o.Kind = func(string) triggers.Kind { return triggers.RequestResponse }
	s := triggers.Subscription{Sluice: triggers.Extension{RatePerSecond: 0.001}}
	n := d.drainOf(triggers.Claim{Subscription: s}, time.Now())
	for seq, age := range []time.Duration{2 * time.Hour, 0, 2 * time.Hour, 0} {
		subject := fmt.Sprint("=", seq)
		n.queued[subject], n.ready = []triggers.Invocation{{Seq: int64(seq), Created: d.now().Add(-age)}}, append(n.ready, subject)
	}
	var went []string
	for some := n.board(); len(some) > 0; some = n.board() {
		went = append(went, some[0].subject)
	}
	if got := fmt.Sprint(went); got != "[=0 =2 =1]" {
		t.Errorf("got %s sent, want the two that are late and one at the rate", got)
	}
	n.pace.quiet = time.Now().Add(time.Hour)
	n.queued["=4"], n.ready = []triggers.Invocation{{Seq: 4, Created: d.now().Add(-2 * time.Hour)}}, append(n.ready, "=4")
	if some := n.board(); len(some) != 1 || some[0].subject != "=4" {
		t.Errorf("while the receiver wants quiet: got %+v, want the one that is late", some)
	}
	now := time.Now()
	i := triggers.Invocation{Created: now.Add(-30 * time.Minute)}
	for after, want := range map[time.Duration]time.Duration{24 * time.Hour: 30*time.Minute - lastCall, time.Minute: time.Minute} {
		got := d.judge(&s, i, triggers.RequestResponse, triggers.Answer{}, triggers.RetryAfter(after, errors.New("status 429")), now)
		if got.State != triggers.Waiting || got.Due.Sub(now) != want {
			t.Errorf("asked to wait for %s: got it %s, again in %s, want it in %s", after, got.State, got.Due.Sub(now), want)
		}
	}
}

// What must bear a secret waits until there is a key to make one by.
func TestNoKey(t *testing.T) {
	t.Parallel()
	d := testDispatcher()
	d.o.Kind = func(string) triggers.Kind { return triggers.RequestResponse }
	s := &triggers.Subscription{Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{DispatchMode: triggers.DispatchAsync}}
	i := triggers.Invocation{ID: "i", Trigger: "t", Created: time.Now(), Event: triggers.Event{Data: []byte(`{"x":1}`)}}
	kept := d.send(t.Context(), s, nil, []departure{{"=x", i}})[0].result
	if kept.State != triggers.Waiting || !strings.Contains(kept.Reason, "triggers.seal") {
		t.Errorf("got %s, %s, want it to wait and to say what is missing", kept.State, kept.Reason)
	}
}

// late is a store whose clock is an hour behind.
type late struct{ Store }

func (late) Due(context.Context) ([]triggers.Due, error) { return nil, nil }

func (late) Ahead(context.Context) (time.Duration, error) { return -time.Hour, nil }

// When an event is sent again, and how old it is, goes by the store's clock, whatever the node's says.
func TestClockIsTheStores(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := testDispatcher()
		d.o.Store, d.o.Sender = late{}, fails{}
		d.o.Kind = func(string) triggers.Kind { return triggers.FireAndForget }
		if _, err := d.due(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := time.Now().Add(-time.Hour)
		s := &triggers.Subscription{Type: triggers.TypeHTTP, Sluice: triggers.Extension{RetryFor: "PT30M"}}
		i := triggers.Invocation{ID: "i", Trigger: "t", Created: now.Add(-time.Second), Event: triggers.Event{Data: []byte(`{"x":1}`)}}
		got := d.send(t.Context(), s, nil, []departure{{"=x", i}})[0]
		if want := now.Add(time.Second); got.result.State != triggers.Waiting || !got.result.Due.Equal(want) {
			t.Errorf("got it %s, due %v, want it waiting until %v", got.result.State, got.result.Due, want)
		}
		if got.since != time.Second || !got.result.Attempt.Time.Equal(now) {
			t.Errorf("got it sent at %v, %v after it was kept; want %v and a second", got.result.Attempt.Time, got.since, now)
		}
	})
}
