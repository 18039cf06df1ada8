package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
)

// scimPerson and scimGroup are what the client found of an account.
type scimPerson struct {
	ID       string
	UserName string
	Active   bool
	Name     struct{ FamilyName string }
	Groups   []struct{ Value string }
}

type scimGroup struct {
	ID          string
	DisplayName string
	Members     []struct{ Value string }
}

// TestScimClient reads people and groups of the played vendor, as they were aggregated, with a SCIM library that is not ours.
func TestScimClient(t *testing.T) {
	t.Parallel()
	client := scimClient(t)
	b := newAggregateBench(t, storetest.SQLite(t), 300, "workers_per_node: 4")
	people, groups := aggregated(b)

	key, hash := connectors.NewKey()
	r := newRig(t, plainConfig+fmt.Sprintf("consumers: {iga: {keys: [%q]}}\n", hash), teamdynamix.Options{})
	r.data = b.options.Dir
	r.start()
	said, err := scimRun(t, client, "node", "read.js", r.url("main", "/scim/tdx"), key)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Users  []scimPerson
		Groups []scimGroup
		Found  map[string]int
	}
	if err := json.Unmarshal(said, &found); err != nil {
		t.Fatalf("what the client found: %v", err)
	}
	if len(found.Users) != len(people) || len(found.Groups) != len(groups) {
		t.Fatalf("the client found %d people and %d groups, want %d and %d", len(found.Users), len(found.Groups), len(people), len(groups))
	}
	holders := samePeople(t, found.Users, people)
	for _, got := range found.Groups {
		if want, known := groups[got.ID]; !known || got.DisplayName != want.Name || len(got.Members) != holders[got.ID] {
			t.Errorf("group %s: got %q with %d members, want %q with %d", got.ID, got.DisplayName, len(got.Members), want.Name, holders[got.ID])
		}
	}
	inactive := 0
	for _, a := range people {
		if !a.Active {
			inactive++
		}
	}
	if got := found.Found["active eq false"]; got != inactive || inactive == 0 || len(holders) == 0 {
		t.Errorf("filter active eq false: got %d, want the %d who are not, some; and some groups held, got %d", got, inactive, len(holders))
	}
	scimJudges(t, r, client, key)
}

// samePeople holds what the client found against the snapshot, and counts who holds each group.
func samePeople(t *testing.T, found []scimPerson, people map[string]aggregation.Account) (holders map[string]int) {
	t.Helper()
	holders = map[string]int{}
	for _, got := range found {
		want := people[got.ID]
		var held []string
		for _, g := range got.Groups {
			held = append(held, g.Value)
			holders[g.Value]++
		}
		if got.UserName != want.Attributes["UserName"] || got.Name.FamilyName != want.Attributes["LastName"] || got.Active != want.Active ||
			!slices.Equal(held, want.Entitlements["groups"]) {
			t.Errorf("person %s: got %+v, want what was aggregated: %+v", got.ID, got, want)
		}
	}
	return holders
}

// scimJudges shows that the client refuses what is not as the schemas say: each fault is planted on the way to it.
func scimJudges(t *testing.T, r *rig, client, key string) {
	t.Helper()
	for name, fault := range map[string]struct{ old, planted, want string }{
		"a kind":          {`"active":false`, `"active":"no"`, "Attribute 'active' expected value type 'boolean'"},
		"an attribute":    {`"userName":`, `"nickName":"x","userName":`, "is as its schemas say"},
		"a page too few":  {`"totalResults":300`, `"totalResults":301`, "says 301 and ends after 300"},
		"a kind of error": {`"status":"404"`, `"state":"404"`, "validation function"},
	} {
		planted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			got, err := ask(r.client, "GET", r.url("main", req.URL.RequestURI()), "", "Authorization", req.Header.Get("Authorization"))
			if err != nil {
				t.Errorf("GET %s: %v", req.URL.Path, err)
			}
			w.Header().Set("Content-Type", got.header.Get("Content-Type"))
			w.WriteHeader(got.status)
			_, _ = io.WriteString(w, strings.ReplaceAll(got.body, fault.old, fault.planted))
		}))
		_, err := scimRun(t, client, "node", "read.js", planted.URL+"/scim/tdx", key)
		planted.Close()
		if err == nil || !strings.Contains(err.Error(), fault.want) {
			t.Errorf("%s: got %v, want the client to stop with %q", name, err, fault.want)
		}
	}
}

// aggregated reads people and groups of the vendor once, and closes the database again.
func aggregated(b *aggregateBench) (people, groups map[string]aggregation.Account) {
	b.Helper()
	h := b.house(true)
	b.read(h)
	run, err := h.runner.Start(b.Context(), tdxGroups, "")
	if err != nil {
		b.Fatal(err)
	}
	b.over(h, run.ID, aggregation.Completed)
	people, groups = b.snapshot(h), accountsOf(b.T, h.db, tdxGroups)
	h.close()
	return people, groups
}

var tdxGroups = aggregation.Scope{Connection: "tdx", Resource: "groups"}

func accountsOf(t *testing.T, db *store.DB, scope aggregation.Scope) map[string]aggregation.Account {
	t.Helper()
	out := map[string]aggregation.Account{}
	for r, err := range db.Before(t.Context(), scope) {
		if err != nil {
			t.Fatal(err)
		}
		a, err := aggregation.Parse(r.Account)
		if err != nil {
			t.Fatal(err)
		}
		out[r.ID] = a
	}
	return out
}

// scimClient is a folder with the client and its library. Who has no Node.js goes without this test; CI does not.
func scimClient(t *testing.T) (folder string) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not here, and CI skips nothing: install Node.js 20 or later with npm", program)
		}
		t.Skipf("%s is not here: a SCIM client from npm does not read what was aggregated; install Node.js 20 or later with npm to see it", program)
	}
	folder = t.TempDir()
	source := os.DirFS("../../web/testdata/scimclient")
	files, err := fs.Glob(source, "*.js*")
	if err != nil || len(files) != 3 {
		t.Fatalf("the client's files: got %q, %v, want read.js, package.json and package-lock.json", files, err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(source, name)
		if err == nil {
			err = os.WriteFile(folder+"/"+name, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := scimRun(t, folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"); err != nil {
		t.Fatal(err)
	}
	return folder
}

// scimRun runs a program in the client's folder and returns what it prints; an error has all that it said.
func scimRun(t *testing.T, folder, program string, args ...string) ([]byte, error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", program, args[0], err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}
