package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// verifyJSON is a verify of the whole tenant, as -o json shows it.
func (b *aggregateBench) verifyJSON(code int, args ...string) verified {
	b.Helper()
	got, stdout, stderr := b.command(append([]string{"verify", "tdx", "-o", "json"}, args...)...)
	var v verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || got != code {
		b.Fatalf("verify %v: got exit code %d, %q and %q, %v; want %d and JSON", args, got, stdout, stderr, err, code)
	}
	return v
}

// keepsNothing sees that a verify left neither a run nor an event.
func (b *aggregateBench) keepsNothing(revision, events int64) {
	b.Helper()
	h := b.house(false)
	runs, err := h.db.Runs(b.Context(), tdxPeople, 9)
	now, err2 := h.db.Revision(b.Context(), tdxPeople)
	_, last := b.events(h, 0)
	if err != nil || err2 != nil || int64(len(runs)) != revision || now != revision || last != events {
		b.Errorf("after a verify: got %d runs, revision %d, %d events, %v, %v; want %d, %d, %d", len(runs), now, last, err, err2, revision, revision, events)
	}
}

// plain takes the org applications from everybody, so that the plan inverted reads nobody by a call of their own.
func (b *aggregateBench) plain() {
	b.vendor.Set(func(o *teamdynamix.Options) { o.OrgApplicationShare = -1 })
	b.vendor.Reset()
}

// Two plans that agree cost one call for each of the sample and the other plan's lists, and the same seed draws the same people.
func TestVerifyPlansAgree(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 60, "workers_per_node: 1")
	b.plain()
	b.expect(exitOK, "12 of tdx people compared: 12 the same, 0 different, 0 changed meanwhile, 0 gone, 0 unreadable; listed 60 by plan detail and 60 by plan inverted",
		"verify", "tdx", "--sample", "12", "--plans", "inverted,detail", "--seed", "5")
	drawn := func() (people []string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for call := range b.calls {
			if id, single := strings.CutPrefix(call, "GET /TDWebApi/api/people/"); single && id != "userlist" {
				people = append(people, id)
			}
		}
		slices.Sort(people)
		return people
	}
	first := drawn()
	b.setFault(nil)
	b.expect(exitOK, "lists of plan inverted: not known, because groups, applications, security_roles were never read", "verify", "tdx", "people", "--sample", "12", "--plans", "detail,inverted", "--seed", "5")
	if again := drawn(); len(first) != 12 || !slices.Equal(first, again) {
		t.Errorf("people that were drawn: got %v and with the same seed %v, want the same twelve", first, again)
	}
	b.setFault(nil)
	if v := b.verifyJSON(exitOK, "--sample", "1000", "--plans", "detail,inverted"); v.Sample != 60 || v.Same != 60 || len(v.Findings) != 0 {
		t.Errorf("a sample of all: got %+v, want 60 who are the same", v)
	}
	if _, twice := b.called(); slices.ContainsFunc(twice, func(call string) bool { return strings.HasPrefix(call, "GET") && !strings.HasSuffix(call, "userlist") }) {
		t.Errorf("people who were read twice: got %v, want none", twice)
	}
	b.keepsNothing(0, 0)
}

// Of those that differ it says in what; who changed or left while it read is told apart.
func TestVerifyTellsDifferences(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 40, "workers_per_node: 1")
	b.plain()
	h := b.house(true)
	b.read(h)
	accounts := b.snapshot(h)
	var group string
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		if held := accounts[id].Entitlements["groups"]; len(held) > 0 {
			group = held[0]
			break
		}
	}
	var outside []string
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		if !slices.Contains(accounts[id].Entitlements["groups"], group) {
			outside = append(outside, id)
		}
	}
	members := len(accounts) - len(outside)
	h.close()
	h.queue = nil
	changes, leaves := outside[0], outside[1]
	var once sync.Once
	b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/groups/"+group+"/members"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("[]"))
			return true
		case strings.HasSuffix(r.URL.Path, "/people/"+leaves) && r.Method == http.MethodGet:
			http.Error(w, "{}", http.StatusNotFound)
			return true
		case strings.HasSuffix(r.URL.Path, "/people/search"): // after the sample was read
			once.Do(func() {
				b.ask("PATCH", "/api/people/"+changes, []map[string]string{{"op": "replace", "path": "/Title", "value": "Astronaut"}}, nil)
			})
		}
		return false
	})
	v := b.verifyJSON(exitUnwell, "people", "--plans", "detail,inverted", "--sample", "40")
	if v.Differ != members || v.Changed != 1 || v.Gone != 1 || v.Same != 40-members-2 {
		t.Errorf("counts: got %+v, want %d who differ, one who changed and one who left", v, members)
	}
	for _, f := range v.Findings {
		want := map[string]string{changes: "changed", leaves: "gone"}[f.ID]
		if want == "" {
			want = "differs"
		}
		if f.Verdict != want || want == "differs" && (len(f.Attributes) != 1 || f.Attributes[0].Name != "groups" || !strings.Contains(string(f.Attributes[0].Plan), group)) {
			t.Errorf("account %s: got %+v, want %s, of the group %s", f.ID, f, want, group)
		}
	}
	b.expect(exitUnwell, "groups: [", "verify", "tdx", "--plans", "detail,inverted", "--sample", "40")
	b.keepsNothing(1, 2*40+2) // two of each person, and two of the run
}

// The snapshot is held against single documents; who changed since it was read is known by the row in the list.
func TestVerifySnapshot(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 30, "workers_per_node: 1")
	b.expect(exitUnwell, "there is no snapshot of tdx people yet", "verify", "tdx")
	b.expect(exitOK, "completed", "run", "tdx", "people")
	b.setFault(nil)
	b.expect(exitOK, "10 of tdx people compared: 10 the same", "verify", "tdx", "--sample", "10")
	if all, _ := b.called(); all != 11 {
		t.Errorf("calls: got %d, want ten people and the list", all)
	}
	ids := slices.Sorted(maps.Keys(b.snapshot(b.house(false))))
	b.ask("PATCH", "/api/people/"+ids[0], []map[string]string{{"op": "replace", "path": "/Title", "value": "Astronaut"}}, nil)
	b.ask("PATCH", "/api/people/"+ids[1], []map[string]string{{"op": "replace", "path": "/PrimaryEmail", "value": "else@example.edu"}}, nil)
	b.without(ids[2])
	v := b.verifyJSON(exitUnwell, "--sample", "30")
	if v.Same != 27 || len(v.Findings) != 3 {
		t.Fatalf("counts: got %+v, want 27 who are the same", v)
	}
	for i, want := range []string{"differs", "changed", "gone"} {
		if f := v.Findings[i]; f.ID != ids[i] || f.Verdict != want || f.ReadAt.IsZero() {
			t.Errorf("finding %d: got %+v, want that %s is %s", i, f, ids[i], want)
		}
	}
	b.keepsNothing(1, 2*30+2)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 5, "workers_per_node: 1")
	for want, args := range map[string][]string{
		"--sample is 0, must be 1 to 1000":                    {"tdx", "--sample", "0"},
		"must be two plans":                                   {"tdx", "--plans", "detail"},
		"groups has one plan only, search":                    {"tdx", "groups", "--plans", "search,other"},
		"people has no plan \"sideways\"; it has detail":      {"tdx", "people", "--plans", "detail,sideways"},
		"no plan of groups asks for every single account":     {"tdx", "groups"},
		"there is no connection \"nobody\"":                   {"nobody"},
		"has no resource \"ghosts\"":                          {"tdx", "ghosts"},
		"--plans has \"detail,detail\", must be two plans wi": {"tdx", "--plans", "detail,detail"},
	} {
		b.expect(exitUsage, want, append([]string{"verify"}, args...)...)
	}
	if all, _ := b.called(); all != 0 {
		t.Errorf("calls: got %d, want none", all)
	}
}

// A vendor that fails for a while is asked again; an account that it refuses is no difference, and nothing compared is not well.
func TestVerifyTriesAgain(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 10, "workers_per_node: 1")
	h := b.house(false)
	var failing atomic.Int64
	failing.Store(2)
	b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/userlist") && failing.Add(-1) >= 0:
			http.Error(w, "{}", http.StatusInternalServerError)
			return true
		case strings.Contains(r.URL.Path, "/people/") && !strings.HasSuffix(r.URL.Path, "/userlist") && r.Method == http.MethodGet:
			http.Error(w, "{}", http.StatusBadRequest)
			return true
		}
		return false
	})
	check, err := h.check(t.Context(), []string{"tdx"}, verifyOptions{sample: 3, plans: []string{"detail", "inverted"}})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	err = h.verify(t.Context(), environment{stdout: &out, stderr: &errs}, asText, check)
	if err == nil || !strings.Contains(err.Error(), "no account could be compared") || strings.Count(out.String(), "could not be read: plan detail: GET /api/people/{key}: status 400") != 3 {
		t.Errorf("verify: got %v and %q, want that none of three could be read", err, &out)
	}
	if failing.Load() >= 0 {
		t.Error("the list was not asked for again, want it")
	}
}
