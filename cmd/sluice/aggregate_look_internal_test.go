package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
	"sluice/triggers"
)

// events are those after a sequence number, by type. Each must be what its trigger says that it is.
func (b *aggregateBench) events(h *aggregateHouse, after int64) (byType map[string][]triggers.Event, last int64) {
	b.Helper()
	all, err := h.db.Events(b.Context(), after, 100000)
	if err != nil {
		b.Fatal(err)
	}
	byType, last = map[string][]triggers.Event{}, after
	for _, e := range all {
		byType[e.Type], last = append(byType[e.Type], e.Event), e.Seq
		if trigger := triggers.Shipped().Trigger(e.Type); trigger == nil || trigger.CheckInput(e.Data) != nil {
			b.Errorf("event %s: got %s, want a trigger of the catalogue whose schema it fits", e.Type, e.Data)
		}
	}
	return byType, last
}

// snapshot are the accounts by id.
func (b *aggregateBench) snapshot(h *aggregateHouse) map[string]aggregation.Account {
	b.Helper()
	out := map[string]aggregation.Account{}
	for r, err := range h.db.Before(b.Context(), tdxPeople) {
		if err != nil {
			b.Fatal(err)
		}
		a, err := aggregation.Parse(r.Account)
		if err != nil {
			b.Fatal(err)
		}
		out[r.ID] = a
	}
	return out
}

// ask calls the vendor beside the chain, signed in.
func (b *aggregateBench) ask(method, path string, body, into any) {
	b.Helper()
	send := func(method, path, token string, body any) []byte {
		data, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest(method, teamdynamix.Production+path, bytes.NewReader(data))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		b.vendor.ServeHTTP(w, r)
		answer, err := io.ReadAll(w.Body)
		if err != nil || w.Code > 299 {
			b.Fatalf("%s %s: got %d %s, %v, want it done", method, path, w.Code, answer, err)
		}
		return answer
	}
	o := b.vendor.Options()
	token := send("POST", "/api/auth/loginadmin", "", map[string]string{"BEID": o.BEID, "WebServicesKey": o.WebServicesKey})
	answer := send(method, path, string(token), body)
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			b.Fatal(err)
		}
	}
}
