package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/store"
)

// snapshot commits accounts as the snapshot of a scope; account gives each its text.
func snapshot(t testing.TB, db *store.DB, resource string, n int, account func(i int) aggregation.Account) {
	t.Helper()
	scope := aggregation.Scope{Connection: "tdx", Resource: resource}
	run, err := db.StartRun(t.Context(), scope, "detail")
	if err != nil {
		t.Fatal(err)
	}
	revision, err := db.Revision(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	var facts iter.Seq2[aggregation.Fact, error] = func(yield func(aggregation.Fact, error) bool) {
		for i := range n {
			a := account(i)
			text, err := aggregation.Encode(a)
			if !yield(aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Created, ID: a.ID, After: text}}, err) {
				return
			}
		}
	}
	if err := db.Commit(t.Context(), run.ID, revision, facts, aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
}

func somebody(i int) aggregation.Account {
	return aggregation.Account{
		ID: fmt.Sprintf("%06d", i), Name: fmt.Sprint("Person ", i), Active: i%2 == 0,
		Attributes:   map[string]any{"UserName": fmt.Sprint("user", i), "PrimaryEmail": fmt.Sprintf("p%d@acme.example", i)},
		Entitlements: map[string][]string{"groups": {"5", "7"}},
	}
}

func keptIn(t testing.TB, folder string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// TestReading reads a snapshot in a real database through the real front, as connectors do.
func TestReading(t *testing.T) {
	t.Parallel()
	key, hash := connectors.NewKey()
	stranger, strangerHash := connectors.NewKey()
	db := keptIn(t, t.TempDir())
	r := newRig(t, plainConfig+fmt.Sprintf(`  other: {connector: teamdynamix, base_url: VENDOR, allow_networks: [127.0.0.0/8]}
consumers:
  iga: {keys: [%q]}
  stranger: {keys: [%q], connections: [other]}
`, hash, strangerHash), teamdynamix.Options{}).start()
	r.app.letRead(db)
	get := func(path string, head ...string) (answer, map[string]any) {
		t.Helper()
		got := r.ask("GET", r.url("main", path), "", append([]string{"X-Sluice-Key", key}, head...)...)
		var document map[string]any
		_ = json.Unmarshal([]byte(got.body), &document)
		return got, document
	}
	if got, _ := get("/aggregations/tdx/people/accounts"); got.status != 404 || !strings.Contains(got.body, "sluice aggregate run tdx people") {
		t.Errorf("before the first run: got %d %s, want 404 with what to do", got.status, got.body)
	}
	snapshot(t, db, "people", 1234, somebody)
	snapshot(t, db, "groups", 8, func(i int) aggregation.Account {
		return aggregation.Account{ID: fmt.Sprint(i), Name: fmt.Sprint("Group ", i)}
	})
	seen := 0
	for offset := 0; offset < 1300; offset += 250 {
		_, page := get(fmt.Sprintf("/aggregations/tdx/people/accounts?limit=250&offset=%d", offset))
		seen += len(page["accounts"].([]any))
	}
	if seen != 1234 {
		t.Errorf("accounts by offset: got %d, want 1234", seen)
	}
	first, page := get("/aggregations/tdx/people/accounts")
	if page["total"] != 1234.0 || first.header.Get("X-Total-Count") != "1234" {
		t.Errorf("total: got %v and %q, want 1234", page["total"], first.header.Get("X-Total-Count"))
	}
	if again, _ := get("/aggregations/tdx/people/accounts", "If-None-Match", first.header.Get("ETag")); again.status != 304 || again.body != "" {
		t.Errorf("with the ETag: got %d, want 304", again.status)
	}
	_, users := get("/scim/tdx/Users?startIndex=1201&count=100&filter=" + url.QueryEscape(`userName sw "user"`))
	if users["totalResults"] != 1234.0 || users["itemsPerPage"] != 34.0 {
		t.Errorf("the last page of users: got %v of %v, want 34 of 1234", users["itemsPerPage"], users["totalResults"])
	}
	if _, group := get("/scim/tdx/Groups/7"); len(group["members"].([]any)) != 1234 {
		t.Errorf("members: got %d, want 1234", len(group["members"].([]any)))
	}
	for path, want := range map[string]string{
		"/scim/tdx/Users":                   `"urn:ietf:params:scim:api:messages:2.0:Error"`,
		"/aggregations/tdx/people/accounts": `"connection_refused"`,
	} {
		if got := r.ask("GET", r.url("main", path), ""); got.status != 401 {
			t.Errorf("%s without a key: got %d, want 401", path, got.status)
		}
		if got := r.ask("GET", r.url("main", path), "", "X-Sluice-Key", stranger); got.status != 403 || !strings.Contains(got.body, want) {
			t.Errorf("%s with another's key: got %d %s, want 403 with %s", path, got.status, got.body, want)
		}
	}
	if got := r.ask("GET", r.url("main", "/scim/tdx/Users?count=1"), "", "Authorization", "Bearer "+key); got.status != 200 {
		t.Errorf("with the key as bearer token, as SCIM clients send it: got %d %s, want 200", got.status, got.body)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	data, target := t.TempDir(), filepath.Join(t.TempDir(), "people.csv")
	db := keptIn(t, data)
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(config, []byte("connections: {tdx: {connector: teamdynamix, base_url: \"https://a.example/TDWebApi\"}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	export := func(args ...string) (int, string, string) {
		t.Helper()
		return command(t, nil, append([]string{"aggregate", "export", "--config", config, "--data", data}, args...)...)
	}
	if code, _, errs := export("tdx", "people"); code != exitUnwell || !strings.Contains(errs, "run sluice aggregate run tdx people") {
		t.Errorf("before the first run: got %d %s, want %d with what to do", code, errs, exitUnwell)
	}
	snapshot(t, db, "people", 300, somebody)
	code, out, errs := export("tdx", "people")
	if code != exitOK || strings.Count(out, "\n") != 300 || !strings.HasPrefix(out, `{"active":true,`) || errs != "300 accounts\n" {
		t.Errorf("jsonl: got %d, %d lines, %.60s, %s; want 0, 300 lines", code, strings.Count(out, "\n"), out, errs)
	}
	code, out, errs = export("tdx", "people", "--format", "csv", "--output", target)
	written, err := os.ReadFile(target)
	want := "id,name,active,PrimaryEmail,UserName,groups\n000000,Person 0,true,p0@acme.example,user0,5;7\n"
	if code != exitOK || out != "" || err != nil || !strings.HasPrefix(string(written), want) {
		t.Errorf("csv to a file: got %d %s, %v, %.120s; want %s", code, errs, err, written, want)
	}
	if code, out, _ := export("tdx", "people", "--format", "csv", "--rows"); code != exitOK || strings.Count(out, "\n") != 601 {
		t.Errorf("csv in rows: got %d and %d lines, want 601", code, strings.Count(out, "\n"))
	}
	if code, _, errs := export("tdx", "people", "--format", "csv", "--separator", "5", "--output", target); code != exitUnwell || !strings.Contains(errs, "choose another separator") {
		t.Errorf("a separator that a value holds: got %d %s, want %d", code, errs, exitUnwell)
	}
	for args, want := range map[string]string{
		"tdx people --format xml":              `--format is "xml", must be jsonl or csv`,
		"tdx people --format csv --separator=": "--separator is empty",
		"acme people":                          `there is no connection "acme"; there are tdx`,
		"tdx cars":                             `connection tdx has no resource "cars"; there are `,
		"tdx people --data=":                   "--data",
		"tdx":                                  "accepts 2 arg(s)",
	} {
		if code, _, errs := export(strings.Fields(args)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("export %s: got %d %s, want %d %s", args, code, errs, exitUsage, want)
		}
	}
	if _, err := os.Stat(target + ".new"); err == nil {
		t.Error("a half-written file is left")
	}
}
