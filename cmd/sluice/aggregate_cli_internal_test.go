package main

import (
	"bytes"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/store/storetest"
)

// command runs a command line over the bench's configuration and data folder.
func (b *aggregateBench) command(args ...string) (code int, stdout, stderr string) {
	b.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"aggregate"}, append(args, "--config", b.folder, "--data", b.options.Dir)...)
	code = run(b.Context(), args, b.vars(), nil, &out, &errs)
	return code, out.String(), errs.String()
}

// expect runs a command line and holds its exit code and what it printed, on either output.
func (b *aggregateBench) expect(code int, want string, args ...string) {
	b.Helper()
	got, stdout, stderr := b.command(args...)
	if text := stdout + stderr; got != code || !strings.Contains(text, want) {
		b.Errorf("sluice aggregate %s: got exit code %d and %q, want %d and %q in it", strings.Join(args, " "), got, text, code, want)
	}
}

func TestAggregateCommands(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 50, "workers_per_node: 2, guard: {percent: 10, minimum: 5}")
	b.expect(exitUnwell, "there is no run yet", "status")
	b.expect(exitOK, "RUN", "list")
	b.expect(exitOK, "plan detail: 55,000 people, 120000/min on 1 address: 28 s; on 4: 7 s (55,001 calls)", "run", "tdx", "people", "--dry-run", "--accounts", "55000")
	if all, _ := b.called(); all != 0 {
		t.Errorf("calls of a dry run: got %d, want none", all)
	}
	b.expect(exitUsage, "there is no connection", "run", "nobody")
	b.expect(exitUsage, "has no resource", "run", "tdx", "ghosts")
	b.expect(exitUsage, "there is no run 9", "diff", "9")
	b.expect(exitUsage, "must be a number", "cancel", "x")

	b.expect(exitOK, "run 1, tdx people: completed", "run", "tdx", "people")
	b.expect(exitOK, "50 accounts, 50 new", "status")
	b.expect(exitOK, "+ ", "diff", "1")
	b.expect(exitOK, `"added": 50`, "status", "1", "-o", "json")
	b.expect(exitUnwell, "only a held run is approved", "approve", "1")
	b.expect(exitUnwell, "there is none", "retry", "1")
	b.expect(exitUnwell, "it is completed", "cancel", "1")

	b.vendor.Set(func(o *teamdynamix.Options) { o.People = 40 })
	b.vendor.Reset()
	b.expect(exitUnwell, "10 of 50 accounts are gone at once", "run", "tdx", "people")
	code, out, _ := b.command("diff", "2")
	if code != exitOK || strings.Count(out, "- ") != 10 {
		t.Errorf("diff of the held run: got %d and %q, want ten who are gone", code, out)
	}
	b.expect(exitUnwell, "resume, approve or cancel end it", "run", "tdx", "people")
	b.expect(exitOK, "40 accounts, 0 new, 0 changed, 10 gone", "approve", "2")
	code, out, _ = b.command("diff", "2")
	if code != exitOK || strings.Count(out, "- ") != 10 || strings.Contains(out, "+") {
		t.Errorf("diff of the run that was approved: got %d and %q, want ten who are gone", code, out)
	}
	b.expect(exitOK, "groups: completed", "run", "tdx", "groups", "departments")

	b.expect(exitOK, "run 5 of tdx groups", "run", "tdx", "groups", "--leave")
	b.expect(exitOK, "", "cancel", "5")
	b.expect(exitOK, "run 5, tdx groups: completed", "resume", "5")
	b.expect(exitOK, "run 6 of tdx groups", "run", "tdx", "groups", "--leave")
	b.expect(exitOK, "", "cancel", "6")
	b.expect(exitOK, "run 7, tdx groups: completed", "run", "tdx", "groups")
	b.expect(exitUnwell, "it cannot be resumed any more: it is over for 7 days, or another run has completed since it began; begin a new one with sluice aggregate run tdx groups", "resume", "6")
}

func TestAggregateNeedsAPlace(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"aggregate", "list"}, nil, nil, &stderr, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "--data") {
		t.Errorf("without a data folder: got %d and %q, want %d and what to do", code, stderr.String(), exitUsage)
	}
}
