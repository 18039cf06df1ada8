package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
	"sluice/store"
	"sluice/store/storetest"
)

// runCommand runs one and returns its exit code and all that it printed.
func runCommand(t *testing.T, vars []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, vars, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// withPassword is a URL with one, which a server that trusts its machine takes no notice of.
func withPassword(t *testing.T, url string) string {
	t.Helper()
	before, after, found := strings.Cut(url, "@")
	if name := strings.TrimPrefix(before, "postgres://"); !found || strings.Contains(name, ":") {
		return url
	}
	return before + ":hunter2@" + after
}

func TestMigrateSaysVersions(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(config, []byte("database: ${env:DB}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := []string{"DB=" + withPassword(t, storetest.Postgres(t).URL)}
	for name, args := range map[string][]string{"SQLite": {"migrate", "--data", folder}, "PostgreSQL": {"migrate", "--config", config}} {
		code, out, errs := runCommand(t, vars, args...)
		if code != exitOK || !strings.Contains(out, ": version 0 → ") {
			t.Errorf("%s: got exit code %d, %q and %q, want 0 and the versions", name, code, out, errs)
		}
		if code, out, errs = runCommand(t, vars, args...); code != exitOK || !strings.Contains(out, "nothing to do") {
			t.Errorf("%s again: got exit code %d, %q and %q, want 0 and nothing to do", name, code, out, errs)
		}
		code, out, _ = runCommand(t, vars, append(args, "-o", "json")...)
		var done migrated
		if err := json.Unmarshal([]byte(out), &done); code != exitOK || err != nil || done.From < 1 || done.From != done.To {
			t.Errorf("%s as JSON: got exit code %d and %q, want one version twice", name, code, out)
		}
		if strings.Contains(out+errs, "hunter2") {
			t.Errorf("%s: got the password in %q", name, out+errs)
		}
	}
}

func TestDatabaseCommandsRefuse(t *testing.T) {
	t.Parallel()
	empty, folder := t.TempDir(), t.TempDir()
	lock, err := lockFolder(folder, doesServe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	storetest.Open(t, store.Options{Dir: folder})
	held := fmt.Sprintf("in use by another sluice, process %d", os.Getpid())
	gone := "postgres://sluice:hunter2@127.0.0.1:1/sluice"
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"migrate nothing":      {[]string{"migrate"}, exitUsage, "there is no database: name a data folder with --data"},
		"migrate what serves":  {[]string{"migrate", "--data", folder}, exitBlocked, held},
		"back up nothing":      {[]string{"backup", empty + "/copy"}, exitUsage, "there is no database"},
		"back up an empty one": {[]string{"backup", "--data", empty, empty + "/copy"}, exitBlocked, "there is no database " + empty + "/sluice.db"},
		"back up over a file":  {[]string{"backup", "--data", folder, folder + "/sluice.pid"}, exitBlocked, "is there already"},
		"move from nowhere":    {[]string{"store", "move", "--to", gone}, exitUsage, "--data"},
		"move to nowhere":      {[]string{"store", "move", "--data", folder}, exitUsage, "--to or $SLUICE_MOVE_TO"},
		"move to another kind": {[]string{"store", "move", "--data", folder, "--to", "mysql://sluice:hunter2@db.example/sluice"}, exitUsage, "begins with postgres://"},
		"move what serves":     {[]string{"store", "move", "--data", folder, "--to", gone}, exitBlocked, held},
		"move an empty folder": {[]string{"store", "move", "--data", empty, "--to", gone}, exitBlocked, "there is no database"},
		"no command at all":    {[]string{"store", "moves"}, exitUsage, `no command "sluice store moves"`},
	} {
		code, out, errs := runCommand(t, nil, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(out+errs, "hunter2") {
			t.Errorf("%s: got exit code %d, %q and %q, want %d and %q", name, code, out, errs, c.code, c.want)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("a folder without a database: got %v, %v, want it as it was", left, err)
	}
}

// TestBackupWhileItServes: the copy has what the database has, and is one that can be opened.
func TestBackupWhileItServes(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig, teamdynamix.Options{})
	r.data = t.TempDir()
	r.start()
	run, err := r.app.database.StartRun(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "detail")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	code, out, errs := runCommand(t, []string{"SLUICE_DATA=" + r.data}, "backup", filepath.Join(folder, sqliteName))
	if want := "a copy of " + filepath.Join(r.data, sqliteName); code != exitOK || !strings.Contains(out, want) {
		t.Fatalf("got exit code %d, %q and %q, want 0 and %q", code, out, errs, want)
	}
	if got, err := storetest.Open(t, store.Options{Dir: folder}).Run(t.Context(), run.ID); err != nil || got.Plan != "detail" {
		t.Errorf("the copy's run: got %+v, %v, want that of the database", got, err)
	}
}

func TestStoreMove(t *testing.T) {
	t.Parallel()
	folder, fresh := t.TempDir(), storetest.Postgres(t).URL
	old, err := store.Open(t.Context(), store.Options{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	made, err := old.StartRun(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "detail")
	old.Close()
	if err != nil {
		t.Fatal(err)
	}
	vars := []string{"SLUICE_MOVE_TO=" + withPassword(t, fresh)}
	code, out, errs := runCommand(t, vars, "store", "move", "--data", folder)
	if code != exitOK || !strings.Contains(out, "counted on both sides") || !strings.Contains(errs, "… runs: 1 row, 100 % of all\n") || !strings.Contains(errs, "… events: 0 rows, 100 % of all\n") || strings.Contains(out+errs, "hunter2") {
		t.Fatalf("got exit code %d, %q and %q, want 0, a line for each table and no password", code, out, errs)
	}
	if got, err := storetest.Open(t, store.Options{URL: fresh}).Run(t.Context(), made.ID); err != nil || got.Plan != "detail" {
		t.Errorf("the moved run: got %+v, %v, want it", got, err)
	}
	if code, out, errs = runCommand(t, vars, "store", "move", "--data", folder); code != exitUnwell || !strings.Contains(errs, "name an empty database") {
		t.Errorf("again: got exit code %d, %q and %q, want 1 for a database that is not empty", code, out, errs)
	}
}
