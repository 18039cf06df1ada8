package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestProcessesShareALimit: four processes of the real binary on one PostgreSQL are not refused, and get calls through; without the database
// they are, so the bar could be missed. How many calls, and what happens when a process dies or the database is gone, is for the bench to say.
func TestProcessesShareALimit(t *testing.T) {
	t.Parallel()
	database, err := makeDatabase(t.Context())
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if err := database.drop(t.Context()); err != nil {
		t.Error(err)
	}
	binary := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "../sluice").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("on one database", func(t *testing.T) {
		t.Parallel()
		marks := watchTown(t, binary, shared)
		if got := refusals(marks); got != 0 {
			t.Errorf("got %d of %d calls refused, want none", got, len(marks))
		}
		if got := permitted(marks, marks[0].at, processWindow); got < calls/2 || got > calls {
			t.Errorf("calls of the first window: got %d, want %d to %d", got, calls/2, calls)
		}
	})
	t.Run("each by itself", func(t *testing.T) {
		t.Parallel()
		if marks := watchTown(t, binary, ""); refusals(marks) == 0 {
			t.Errorf("got none of %d calls refused, want some", len(marks))
		}
	})
}

// watchTown is what the vendor of a town sees in its first window and a little more.
func watchTown(t *testing.T, binary, sharing string) []mark {
	t.Helper()
	town, err := startTown(t.Context(), binary, sharing)
	defer town.close()
	if err != nil {
		t.Fatal(err)
	}
	begun, err := town.first(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), begun, 1.2); err != nil {
		t.Fatal(err)
	}
	return town.marks()
}
