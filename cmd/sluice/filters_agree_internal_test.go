package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// TestFiltersAgree: what tries a filter says what delivery does. A number of twenty digits tells them apart where one reads it as a float64.
func TestFiltersAgree(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.data = storetest.SQLite(t).Dir
	r.start()
	s := newStock(t, r, nil)
	d := &desk{t: t, args: []string{"--data", r.data}}
	for i, c := range []struct {
		filter, number string
		passes         bool
	}{
		{"$[?(@.attributes.id == 12345678901234567891)]", "12345678901234567891", true},
		{"$[?(@.attributes.id == 12345678901234567891)]", "12345678901234567892", false},
		{"$[?(@.attributes.id == '1.50')]", "1.50", true},
		{"$[?(@.attributes.id == '1.5')]", "1.50", true},
		{"$[?(@.attributes.id > 1e400)]", "2e400", true},
	} {
		name := fmt.Sprint("n", i)
		payload := strings.Replace(deletedOf(name), `"attributes":{}`, `"attributes":{"id":`+c.number+`}`, 1)
		quoted, err := json.Marshal(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		id := d.create(`{"name":"` + name + `","triggerId":"idn:identity-deleted","type":"HTTP","enabled":true,"filter":` + string(quoted) + `,"httpConfig":{"url":"https://a.example"}}`)
		d.do(payload, exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", name)
		delivered, err := r.app.database.Invocations(t.Context(), triggers.Query{Subscription: id})
		if err != nil {
			t.Fatal(err)
		}
		valid := s.call(http.MethodPost, "/beta/trigger-subscriptions/validate-filter", `{"filter":`+string(quoted)+`,"input":`+payload+`}`, 200)
		tried := exitUnwell
		if c.passes {
			tried = exitOK
		}
		(&desk{t: t}).do(payload, tried, "filter", "try", c.filter, "-")
		why := whyFiltered(&triggers.Subscription{Filter: &c.filter}, json.RawMessage(payload))
		for what, got := range map[string]bool{
			"delivery": len(delivered) == 1, "validate-filter": strings.Contains(valid, `"isValid":true`), "the explanation": strings.HasPrefix(why, "It matches"),
			"a test": tests(t, r.app.database.DB, id, payload),
		} {
			if got != c.passes {
				t.Errorf("%s of %s: %s says %t, want %t", c.filter, c.number, what, got, c.passes)
			}
		}
		s.call(http.MethodDelete, "/beta/trigger-subscriptions/"+id, "", http.StatusNoContent)
	}
}

// TestFilterThatFailsKeeps: an event whose filter needs too many steps is dead, and so it is kept; one that a function cannot take does not match.
func TestFilterThatFailsKeeps(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, args: []string{"--data", t.TempDir()}}
	list := strings.TrimSuffix(strings.Repeat("[[[[[[[[1]]]]]]]],", 1500), ",")
	payload := strings.Replace(deletedOf("Ann"), `"attributes":{}`, `"attributes":{"all":[`+list+`]}`, 1)
	for name, c := range map[string]struct {
		filter string
		kept   int
	}{"slow": {"$..[?(@..[?(@..x)])]", 1}, "unfit": {"$.identity.name.sum()", 0}} {
		d.create(`{"name":"` + name + `","triggerId":"idn:identity-deleted","type":"HTTP","enabled":true,"filter":"` + c.filter + `","httpConfig":{"url":"https://a.example"}}`)
		d.do(payload, exitOK, "events", "emit", "idn:identity-deleted", "-", "--id", name)
		var all []shownInvocation
		d.read(&all, "invocations", "list", "--subscription", name)
		if len(all) != c.kept || c.kept > 0 && (all[0].State != triggers.Dead || !strings.HasPrefix(all[0].Reason, triggers.Undecided+"the filter needs more than")) {
			t.Errorf("%s: got %+v, want %d, dead for that reason", name, all, c.kept)
		}
		if got := d.do("", exitOK, "invocations", "replay", "--subscription", name, "--dead"); strings.Contains(got, "1 left out: their filter failed") != (c.kept == 1) || !strings.HasPrefix(got, "0 invocations") {
			t.Errorf("%s: got %s, want %d left out", name, got, c.kept)
		}
	}
}

// tests tells whether a test of a payload makes an invocation.
func tests(t *testing.T, db *store.DB, id, payload string) bool {
	t.Helper()
	made, _, err := db.Invoke(t.Context(), "idn:identity-deleted", json.RawMessage(payload), json.RawMessage("{}"), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return len(made) == 1
}
