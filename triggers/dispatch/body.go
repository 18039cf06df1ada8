package dispatch

import (
	"bytes"
	"encoding/json"
	"errors"

	"sluice/triggers"
)

// metadata is what ASYNC and DYNAMIC receivers and event buses get besides the payload, to complete the invocation with.
type metadata struct {
	CallbackURL  string `json:"callbackURL"`
	Secret       string `json:"secret"`
	TriggerID    string `json:"triggerId"`
	TriggerType  string `json:"triggerType"`
	ResponseMode string `json:"responseMode"`
	InvocationID string `json:"invocationId"`
}

// errNoKey passes as soon as an operator has named a key.
var errNoKey = errors.New("there is no key to make the invocation's secret by; name one in triggers.seal")

// body is what is sent: the payload's own bytes, with _metadata at the end where the receiver gets it.
func (d *Dispatcher) body(s *triggers.Subscription, i triggers.Invocation, kind triggers.Kind) (json.RawMessage, error) {
	payload := bytes.TrimSpace(i.Event.Data)
	plain := s.Type == triggers.TypeHTTP && (kind == triggers.FireAndForget || s.HTTP != nil && s.HTTP.DispatchMode == triggers.DispatchSync && s.Sluice.Destination == nil)
	if plain && !s.Sluice.Metadata {
		return payload, nil
	}
	if len(payload) < 2 || payload[0] != '{' {
		return nil, triggers.Permanent(errors.New("the payload is no JSON object, so that it can bear no _metadata"))
	}
	if i.Secret == "" {
		return nil, errNoKey
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
