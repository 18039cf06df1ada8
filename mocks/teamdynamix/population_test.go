package teamdynamix_test

import (
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
)

// TestLargePopulationIsLazy bounds what 55,000 people take before anybody asks for one: allocations, because a clock would lie
// on a busy machine.
//
//nolint:paralleltest // AllocsPerRun counts the whole process: it must run alone
func TestLargePopulationIsLazy(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := teamdynamix.New(teamdynamix.Options{People: 55000})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("memory of 55,000 people: got %d bytes, want at most 4 MB", grown)
	}
	if n := testing.AllocsPerRun(1, v.Reset); n > 5000 {
		t.Errorf("allocations to start: got %.0f, want no more than 5000", n)
	}
}

// TestLargePopulationIsWhole reads 55,000 people in one call: each is there once, and its UID and name lead back to it.
func TestLargePopulationIsWhole(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{People: 55000, Seed: -3})))
	all := everybody(c)
	seen := map[string]bool{}
	for _, p := range all {
		for _, key := range []string{p.UID, p.UserName, p.ExternalID, p.AlternateID} {
			if seen[key] {
				t.Fatalf("key %s: got it twice, want it once", key)
			}
			seen[key] = true
		}
	}
	if len(all) != 55000 {
		t.Errorf("people: got %d, want 55000", len(all))
	}
	for _, p := range []person{all[0], all[1], all[27500], all[54999]} {
		if got := load[person](c, "GET", "/api/people/"+p.UID, nil).UserName; got != p.UserName {
			t.Errorf("person by UID: got %s, want %s", got, p.UserName)
		}
		if got := load[person](c, "GET", "/api/people/"+p.UserName, nil).UID; got != p.UID {
			t.Errorf("person by user name: got %s, want %s", got, p.UID)
		}
	}
}

func TestNoPopulation(t *testing.T) {
	t.Parallel()
	c := admin(t, teamdynamix.New(unlimited(teamdynamix.Options{
		People: -1, Applications: -1, Groups: -1, SecurityRoles: -1, FunctionalRoles: -1, Accounts: -1,
	})))
	for _, path := range []string{"POST /api/people/search", "POST /api/groups/search", "POST /api/securityroles/search",
		"POST /api/functionalroles/search", "GET /api/accounts", "GET /api/people/userlist"} {
		method, path, _ := strings.Cut(path, " ")
		if got := c.must(200, method, path, `{}`); got != "[]" {
			t.Errorf("%s: got %s, want []", path, got)
		}
	}
}

// FuzzPersonKey holds that whatever stands in the path, a person found by it has it as UID or user name.
func FuzzPersonKey(f *testing.F) {
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 1000}))
	o := v.Options()
	login, _ := json.Marshal(map[string]string{"BEID": o.BEID, "WebServicesKey": o.WebServicesKey})
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/TDWebApi/api/auth/loginadmin", strings.NewReader(string(login)))
	r.Header.Set("Content-Type", "application/json")
	v.ServeHTTP(w, r)
	token := w.Body.String()
	for _, key := range []string{"zchen5", "9e3779b1-0000-4000-8000-000000000000", "5", "", "%2e%2e", "a/b", "search", strings.Repeat("9", 40)} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL.Path = "/TDWebApi/api/people/" + key
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		if w.Code != 200 || strings.ContainsAny(key, "/") || strings.EqualFold(key, "userlist") || strings.EqualFold(key, "lookup") {
			return
		}
		var p person
		decode(t, w.Body.String(), &p)
		if !strings.EqualFold(p.UID, key) && !strings.EqualFold(p.UserName, key) {
			t.Errorf("person for %q: got %s %s, want one of that key", key, p.UID, p.UserName)
		}
	})
}

// BenchmarkNew is the start of a demo with a large campus; BenchmarkSearch55000 one search of it by application.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		teamdynamix.New(teamdynamix.Options{People: 55000})
	}
}

func BenchmarkSearch55000(b *testing.B) {
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 55000}))
	o := v.Options()
	ask := func(path, body, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.Context(), "POST", teamdynamix.Production+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		return w
	}
	token := ask("/api/auth/loginadmin", `{"BEID":"`+o.BEID+`","WebServicesKey":"`+o.WebServicesKey+`"}`, "").Body.String()
	for b.Loop() {
		if w := ask("/api/people/search", `{"AppName":"TDFinance"}`, token); w.Code != 200 {
			b.Fatalf("search: got %d, want 200", w.Code)
		}
	}
}
