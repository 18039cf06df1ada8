package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sluice/store/storetest"
)

// A run in the foreground whose store cannot be written ends, and can be resumed.
func TestAggregateEndsOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 3, "workers_per_node: 1")
	h := b.house(false)
	run := b.start(h)
	h.unwritten = func() error { return errors.New("the disk is full") }
	var out bytes.Buffer
	err := h.watch(t.Context(), environment{stdout: &out, stderr: &out}, run.ID)
	if err == nil || exitCode(err, &out) != exitBlocked || !strings.Contains(err.Error(), "run 1 stays as it is") || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v, want exit code %d, what became of the run, and why", err, exitBlocked)
	}
	if h := b.house(true); h.unwritten == nil || h.unwritten() != nil {
		t.Error("a node that works does not look whether it can write, or believes at once that it cannot")
	}
}
