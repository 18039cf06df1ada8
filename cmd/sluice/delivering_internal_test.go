package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"sluice/mocks/teamdynamix"
	"sluice/triggers"
)

// An event that is written to the outbox of a serving process is at the subscriber's soon after, with the ids by which it tells events apart; one
// that the filter does not let through is not.
func TestServeDelivers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]http.Header{}
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got[string(body)] = r.Header
		w.WriteHeader(http.StatusOK)
	}))
	defer sink.Close()
	r := newRig(t, plainConfig+"triggers: {allow_networks: [127.0.0.0/8]}\n", teamdynamix.Options{People: 5})
	r.data = t.TempDir()
	r.start()
	app := r.app
	filter := `$[?(@.identity.name == "Ann")]`
	err := app.database.CreateSubscription(t.Context(), triggers.Subscription{
		ID: "s", Name: "s", TriggerID: triggers.IdentityDeleted, Type: triggers.TypeHTTP, Enabled: true, Filter: &filter,
		HTTP: &triggers.HTTPConfig{URL: sink.URL, DispatchMode: triggers.DispatchSync, Authentication: triggers.NoAuth},
	}, func([]triggers.Subscription) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	payload := func(name string) string {
		text, err := json.Marshal(map[string]any{"identity": map[string]string{"type": "IDENTITY", "id": name, "name": name}, "attributes": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, name := range []string{"Bob", "Ann"} {
		if err := app.database.Emit(t.Context(), triggers.Event{ID: name, Type: triggers.IdentityDeleted, Subject: name, Time: time.Now(), Data: []byte(payload(name))}); err != nil {
			t.Fatal(err)
		}
	}
	var all []triggers.Invocation
	for len(all) == 0 && err == nil { // the test's deadline bounds it
		all, err = app.database.Invocations(t.Context(), triggers.Query{States: []triggers.State{triggers.Done}})
		if err == nil && len(all) == 0 {
			err = sleep(t.Context(), 5*time.Millisecond)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	header := got[payload("Ann")]
	if len(got) != 1 || header.Get("X-Sluice-Invocation-Id") != all[0].ID || header.Get("Webhook-Id") == "" {
		t.Errorf("got %v, want Ann's event alone, with the ids of invocation %s", got, all[0].ID)
	}
}
