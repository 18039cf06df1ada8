//go:build unix

package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
)

// killedVariable holds what a child process is to do; killsVariable says how many are killed on each database, 6 when it is not set.
const (
	killedVariable = "STORE_COMMIT"
	killsVariable  = "STORE_KILLS"
)

// doomed is a commit in a process of its own, which dies.
type doomed struct {
	Dir, URL string
	Run      aggregation.RunID
	Step     int // before which it kills itself; past the last, it waits to be killed while it goes on
	Fact     int // a kill in the midst of the facts: after so many of them; -1: none
}

// The steps of a commit, between which a child dies, and the accounts that it commits.
const (
	commitSteps    = 6
	commitAccounts = 350
)

// TestCommitChild is no test but the process that TestCommitSurvivesKills starts and kills.
func TestCommitChild(t *testing.T) { //nolint:paralleltest // alone in its process
	text := os.Getenv(killedVariable)
	if text == "" {
		t.Skip("only another test runs this")
	}
	var d doomed
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, store.Options{Dir: d.Dir, URL: d.URL, NoMigrate: true})
	steps := 0
	db.StopAt(func(string) error {
		if steps++; steps == d.Step {
			die()
		}
		return nil
	})
	all := facts(t, db, d.Run, "created ")
	if err := db.Commit(t.Context(), d.Run, 0, func(yield func(aggregation.Fact, error) bool) {
		n := 0
		all(func(f aggregation.Fact, err error) bool {
			if n++; n-1 == d.Fact {
				die()
			}
			return yield(f, err)
		})
	}, aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	die() // when all is done, and before anybody heard of it
}

// die ends this process as an operator's kill -9 or the kernel would.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal has come
}

// TestCommitSurvivesKills: a process that is killed between two steps of a commit, in the midst of its facts, or at any moment, has done all
// of it or nothing, and what another process then commits is there once.
func TestCommitSurvivesKills(t *testing.T) {
	t.Parallel()
	kills := 6
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		done, undone := 0, 0
		for range kills {
			options := fresh()
			db := storetest.Open(t, options)
			run := staged(t, db, commitAccounts)
			d := doomed{Dir: options.Dir, URL: options.URL, Run: run.ID, Step: 1 + rand.IntN(commitSteps+1), Fact: -1}
			after := time.Minute
			switch rand.IntN(4) {
			case 0:
				d.Step, d.Fact = 0, rand.IntN(commitAccounts)
			case 1: // by somebody else, at any moment of its life
				d.Step, after = 0, time.Duration(rand.Int64N(int64(200*time.Millisecond)))
			}
			d.execute(t, after)
			if d.survived(t, db) {
				done++
			} else {
				undone++
			}
			count(t, db, map[string]int64{"accounts": commitAccounts, "events": commitAccounts, "runs WHERE state = 'completed'": 1, "scopes WHERE revision = 1": 1})
			db.Close()
		}
		t.Logf("%d processes killed: %d had done all of their commit, %d nothing", kills, done, undone)
	})
}

// survived commits again what the dead process may have done, and says whether it had.
func (d doomed) survived(t *testing.T, db *store.DB) bool {
	t.Helper()
	if d.Fact >= 0 || d.Step > 0 && d.Step <= commitSteps { // it has not come to its end
		count(t, db, map[string]int64{"accounts": 0, "events": 0, "runs WHERE state = 'completed'": 0, "scopes WHERE revision = 0": 1})
	}
	// A server may be at the dead process's last statement still: whoever commits waits for it, and is told.
	switch err := db.Commit(t.Context(), d.Run, 0, facts(t, db, d.Run, "created "), aggregation.Closing{}); {
	case err == nil && d.Step > commitSteps:
		t.Errorf("%+v: a commit was done, and could be done again", d)
		return false
	case err == nil:
		return false
	case errors.Is(err, aggregation.ErrState) && d.Fact < 0 && (d.Step == 0 || d.Step > commitSteps):
		return true
	default:
		t.Fatalf("%+v: commit again: %v", d, err)
		return false
	}
}

// execute runs a commit in a process that ends by a kill, after a time from outside if not before by itself.
func (d doomed) execute(t *testing.T, after time.Duration) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	what, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), after) // at whose end the process is killed
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run", "^TestCommitChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", killedVariable, what))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%+v: got %v, want the process killed: %s", d, err, out)
	}
}
