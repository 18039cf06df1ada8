package send_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/triggers"
	"sluice/triggers/send"
)

func bridge() *triggers.Subscription {
	sub := subscriber("")
	sub.Type, sub.HTTP = triggers.TypeEventBridge, nil
	sub.EventBridge = &triggers.EventBridgeConfig{Account: "123456789012", Region: "eu-west-1"}
	return sub
}

// putEvents is what arrives at EventBridge.
type putEvents struct{ Entries []map[string]any }

func TestEnvelopeOfEventBridge(t *testing.T) {
	t.Parallel()
	var got putEvents
	key, _ := amazon(t, "events", func(w http.ResponseWriter, r *http.Request, body string) {
		if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
			t.Errorf("got %s, want PutEvents", target)
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Error(err)
		}
		io.WriteString(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`)
	})
	s := senders(t, send.Options{EventBridge: send.EventBridgeOptions{AccessKey: key}})
	d := deliver(bridge(), "i-1")
	d.Body = json.RawMessage(`{"identity":{"id":"p1"},"_metadata":{"triggerId":"idn:identity-created","invocationId":"i-1"}}`)
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"Detail": string(d.Body), "DetailType": "idn:identity-created", "EventBusName": "arn:aws:events:eu-west-1:123456789012:event-bus/default",
		"Source": "aws.partner/sailpoint.com/" + d.Subscription.ID + "/idn/identity-created", "Time": 1772366400.0,
	}}
	if diff := cmp.Diff(want, got.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestEntriesHaveOutcomesOfTheirOwn(t *testing.T) {
	t.Parallel()
	key, asked := amazon(t, "events", func(w http.ResponseWriter, _ *http.Request, body string) {
		var got putEvents
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Error(err)
		}
		out := make([]string, len(got.Entries))
		for i := range out {
			out[i] = map[int]string{2: `{"ErrorCode":"ThrottlingException","ErrorMessage":"x"}`, 5: `{"ErrorCode":"MalformedDetail"}`, 7: `{"ErrorCode":"InternalFailure"}`}[i]
			if out[i] == "" {
				out[i] = `{"EventId":"e"}`
			}
		}
		_, _ = fmt.Fprintf(w, `{"FailedEntryCount":3,"Entries":[%s]}`, strings.Join(out, ","))
	})
	s := senders(t, send.Options{EventBridge: send.EventBridgeOptions{AccessKey: key}})
	errs := s.SendAll(t.Context(), several(bridge(), 12)) // ten, and then two
	if len(errs) != 12 || asked.Load() != 2 || s.Batcher(bridge()) == nil {
		t.Fatalf("got %d outcomes in %d calls, want 12 in 2", len(errs), asked.Load())
	}
	for i, err := range errs {
		failed, final := i == 2 || i == 5 || i == 7, i == 5
		if failed != (err != nil) || final != triggers.IsPermanent(err) {
			t.Errorf("entry %d: got %v, want failed %t, final %t", i, err, failed, final)
		}
	}
}

// One entry that makes EventBridge refuse the call must not hold the others up.
func TestSpoiltBatchIsSentOneByOne(t *testing.T) {
	t.Parallel()
	key, asked := amazon(t, "events", func(w http.ResponseWriter, r *http.Request, body string) {
		if strings.Contains(body, "poison") {
			refusing(400, "ValidationException")(w, r, body)
			return
		}
		io.WriteString(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}`)
	})
	s := senders(t, send.Options{EventBridge: send.EventBridgeOptions{AccessKey: key}})
	all := several(bridge(), 3)
	all[1].Body = json.RawMessage(`{"poison":true}`)
	errs := s.SendAll(t.Context(), all)
	if errs[0] != nil || errs[2] != nil || !triggers.IsPermanent(errs[1]) || asked.Load() != 4 {
		t.Errorf("got %v in %d calls, want the second alone refused for good", errs, asked.Load())
	}
}

// Events that together are too heavy for one call go in several.
func TestHeavyBatchIsCut(t *testing.T) {
	t.Parallel()
	key, asked := amazon(t, "events", func(w http.ResponseWriter, _ *http.Request, body string) {
		n := strings.Count(body, "DetailType")
		_, _ = fmt.Fprintf(w, `{"FailedEntryCount":0,"Entries":[%s]}`, strings.Join(strings.Split(strings.Repeat("{}", n), "}{"), "},{"))
	})
	s := senders(t, send.Options{EventBridge: send.EventBridgeOptions{AccessKey: key}})
	all := several(bridge(), 5)
	for i := range all {
		all[i].Body = json.RawMessage(`{"x":"` + strings.Repeat("x", 100<<10) + `"}`)
	}
	for i, err := range s.SendAll(t.Context(), all) {
		if err != nil {
			t.Errorf("event %d: %v", i, err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("got %d calls, want 3", asked.Load())
	}
}
