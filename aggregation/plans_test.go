package aggregation_test

import (
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

func TestPlansGiveTheSameAccounts(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{Seed: 3, People: 300})
	results := map[string]map[string]string{}
	calls := map[string]int{}
	for _, plan := range []string{"detail", "inverted"} {
		d := &draft{}
		v.calls = nil
		tally, err := read(t.Context(), t, v.reader(plan), d, aggregation.ChangedOnly{})
		if err != nil {
			t.Fatalf("plan %s: %v", plan, err)
		}
		if tally.Rows != 300 || tally.Failed != 0 || tally.Strays != 0 || tally.Doubled != 0 {
			t.Errorf("plan %s: got %+v, want 300 rows and no faults", plan, tally)
		}
		results[plan], calls[plan] = d.accounts(), len(v.calls)
		t.Logf("plan %s: %d calls, %d of them for one person", plan, len(v.calls), tally.Pending)
	}
	if got, want := calls["detail"], 301; got != want {
		t.Errorf("calls of plan detail: got %d, want %d", got, want)
	}
	compare(t, results["inverted"], results["detail"])
	for id, account := range results["detail"] {
		a, err := aggregation.Parse([]byte(account))
		if err != nil || a.ID != id {
			t.Fatalf("account %s: got id %s, %v", id, a.ID, err)
		}
	}
}

// Without the roles that people have within organisation applications, the searches tell everything.
func TestInvertedNeedsNoDetailWithoutRolesOfApplications(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{Seed: 3, People: 300})
	results := map[string]map[string]string{}
	for _, plan := range []string{"detail", "inverted"} {
		r, d := v.reader(plan), &draft{}
		r.Resource.Map.Entitlements["orgApplications"] = q("[(.OrgApplications // [])[] | .ID]")
		if plan == "inverted" {
			r.Plan.Detail = nil
		}
		v.calls = nil
		if _, err := read(t.Context(), t, r, d, aggregation.ChangedOnly{}); err != nil {
			t.Fatalf("plan %s: %v", plan, err)
		}
		results[plan] = d.accounts()
	}
	// userlist, 3 lists that joins go over, 40 groups, 17 applications and 8 roles twice, both plain searches
	if got, want := len(v.calls), 1+3+40+2*(17+8)+2; got != want {
		t.Errorf("calls of plan inverted: got %d, want %d", got, want)
	}
	compare(t, results["inverted"], results["detail"])
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("accounts: got %d, want %d", len(got), len(want))
	}
	for id, account := range want {
		if got[id] != account || account == "" {
			t.Fatalf("account %s: got %s, want %s", id, got[id], account)
		}
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	v := newTenant(t, teamdynamix.Options{People: 10})
	sizes := aggregation.Sizes{
		Accounts: 55_000, Detail: 1, Rows: map[string]int{"groups": 400, "applications": 17, "roles": 8},
	}
	for plan, want := range map[string]int{"detail": 55_001, "inverted": 1 + 3 + 400 + 2*(17+8) + 2 + 55_000} {
		needs, err := v.reader(plan).Needs(sizes)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, need := range needs {
			got += need.Calls
		}
		if got != want {
			t.Errorf("calls of plan %s: got %d, want %d (%+v)", plan, got, want, needs)
		}
	}
	r := v.reader("inverted")
	r.Others = func(string) *connectors.Resource { return nil }
	if _, err := r.Needs(sizes); err == nil {
		t.Error("a join over an unknown resource: got no error")
	}
}
