package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store/storetest"
)

// serve runs sluice serve on the bench's data folder until the test is over or stop is called.
func (b *aggregateBench) serveFolder() (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		vars := append(b.vars(), "SLUICE_ADMIN_ADDRESS=127.0.0.1:0")
		if code := run(ctx, []string{"serve", "--config", b.folder, "--data", b.options.Dir}, vars, nil, io.Discard, b.Output()); code != exitOK {
			b.Errorf("serve: got exit code %d, want %d", code, exitOK)
		}
	})
	for text := ""; !strings.HasSuffix(text, " serve\n"); {
		read, _ := os.ReadFile(filepath.Join(b.options.Dir, lockName)) // it is not there at first
		text = string(read)
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			b.Fatalf("serve has not begun: %v", err)
		}
	}
	stop = func() { cancel(); serving.Wait() }
	b.Cleanup(stop)
	return stop
}

// Where sluice serve has the folder, a foreground run leaves the work to it and shows how far it is; Ctrl-C ends the looking alone.
func TestAggregateFollowsServe(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 30, "workers_per_node: 1")
	b.serveFolder()
	code, stdout, stderr := b.command("run", "tdx", "people")
	if code != exitOK || !strings.Contains(stdout, "30 accounts, 30 new") || !strings.HasPrefix(stderr, "sluice serve (pid ") || !strings.Contains(stderr, ") works at it\n") {
		t.Fatalf("run: got exit code %d, %q and %q, want it done by serve", code, stdout, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait := make(chan struct{})
	b.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/userlist") {
			cancel()
			<-wait
		}
		return false
	})
	var out, errs bytes.Buffer
	code = run(ctx, []string{"aggregate", "run", "tdx", "people", "--config", b.folder, "--data", b.options.Dir}, b.vars(), nil, &out, &errs)
	close(wait)
	if code != exitUnwell || !strings.Contains(errs.String(), "run 2 goes on in sluice serve (pid ") {
		t.Errorf("interrupted: got exit code %d and %q, want %d and that the run goes on", code, &errs, exitUnwell)
	}
	b.over(b.house(false), 2, aggregation.Completed)
}

// Whoever has the folder and does not work at runs is told of by what it does.
func TestAggregateRefusesFolder(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 5, "workers_per_node: 1")
	for does, want := range map[string]string{
		doesMigrate: "(migrate); try again when that is over", doesMove: "(store move); try again", "": "stop that one",
		doesAggregate: "(aggregate), which works at a run of its own", doesServeElse: "(serve); stop that one",
	} {
		lock, err := lockFolder(b.options.Dir, does)
		if err != nil {
			t.Fatal(err)
		}
		b.expect(exitBlocked, want, "run", "tdx", "people")
		_ = lock.Close()
	}
	lock, err := lockFolder(b.options.Dir, doesAggregate)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	b.expect(exitOK, "run 1 of tdx people", "run", "tdx", "people", "--leave")
	b.expect(exitOK, "run 1, tdx people: running", "status")
}

// A run that nobody works at is told of once, and given up when the process that should is gone.
func TestServingLooks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	lock, err := lockFolder(folder, doesServe)
	if err != nil {
		t.Fatal(err)
	}
	_, held := lockFolder(folder, doesAggregate)
	s := servingOf(held)
	if s == nil || servingOf(nil) != nil {
		t.Fatalf("who serves: got %v of %v, want the holder", s, held)
	}
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	look := func(after time.Duration, at aggregation.Standing, want string) {
		t.Helper()
		now = now.Add(after)
		out.Reset()
		err := s.look(&out, aggregation.Run{ID: 7, Scope: tdxPeople}, standing{Standing: at}, now)
		if got := out.String(); (want == "") != (got == "") || !strings.Contains(got, want) || err != nil {
			t.Errorf("look: got %q and %v, want %q", got, err, want)
		}
	}
	look(0, aggregation.Standing{}, "")
	look(idleFor-1, aggregation.Standing{}, "")
	look(1, aggregation.Standing{}, "run 7 waits: nobody works at it for 30s; sluice serve (pid ")
	look(time.Hour, aggregation.Standing{}, "")
	look(time.Hour, aggregation.Standing{Taken: true}, "")
	look(time.Hour, aggregation.Standing{Waiting: "detail-0001: status 500"}, "")
	_ = lock.Close()
	look(time.Hour, aggregation.Standing{}, "")
	err = s.look(&out, aggregation.Run{ID: 7, Scope: tdxPeople}, standing{}, now.Add(idleFor))
	if err == nil || !strings.Contains(err.Error(), "is gone, and run 7 stays as it is") {
		t.Errorf("look when it is gone: got %v, want that it is", err)
	}
}
