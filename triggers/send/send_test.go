package send_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

// loopback is what tests allow, because their receivers stand there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

const body = `{"identity":{"id":"p1","name":"Ada"}}`

func ptr(s string) *string { return &s }

// senders are closed with the test.
func senders(t *testing.T, o send.Options) *send.Senders {
	t.Helper()
	if o.Allow == nil {
		o.Allow = loopback
	}
	s := send.New(o)
	t.Cleanup(s.Close)
	return s
}

// subscriber is an HTTP subscription to url.
func subscriber(url string) *triggers.Subscription {
	return &triggers.Subscription{
		ID: "0f11f2a4-1111-4222-8333-444455556666", Name: "test", TriggerID: triggers.IdentityCreated, Type: triggers.TypeHTTP, Enabled: true,
		HTTP: &triggers.HTTPConfig{URL: url, DispatchMode: triggers.DispatchSync, Authentication: triggers.NoAuth},
	}
}

// broker is a subscription to a destination of Sluice's own.
func broker(to triggers.Destination) *triggers.Subscription {
	sub := subscriber("https://unused.example")
	sub.Sluice.Destination = &to
	return sub
}

func deliver(sub *triggers.Subscription, id string) triggers.Delivery {
	return triggers.Delivery{
		Subscription: sub,
		Invocation:   triggers.Invocation{ID: id, Subscription: sub.ID, Trigger: sub.TriggerID},
		Kind:         triggers.FireAndForget,
		Body:         json.RawMessage(body),
		Event:        triggers.Event{ID: "e-" + id, Type: sub.TriggerID, Source: "tdx", Subject: "p1", Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
	}
}

// receiver is an HTTP server that ends with the test, whatever its handlers wait for.
func receiver(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// drain reads what r brought.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
