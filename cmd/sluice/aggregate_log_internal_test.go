package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/store/storetest"
)

// Each line of a call that an aggregation makes tells of which run and partition it is.
func TestAggregateCallsHaveIDs(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.SQLite(t), 15, "workers_per_node: 1")
	var log bytes.Buffer
	h, err := openAggregates(t.Context(), b.set, b.options, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	run := b.start(h)
	// The log is read when nobody writes to it any more.
	func() {
		defer h.close()
		node := newAggregateNode(h.db, h.upstreams, slog.New(slog.DiscardHandler))
		node.begin(t.Context(), true)
		b.over(h, run.ID, aggregation.Completed)
		if err := node.stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	ids := map[string]int{}
	for lines := bufio.NewScanner(&log); lines.Scan(); {
		var line struct{ Msg, ID, Route string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("line %s: %v", lines.Text(), err)
		}
		if line.Msg == "request" {
			ids[line.ID]++
			if !strings.HasPrefix(line.ID, "run-1.") {
				t.Errorf("a call: got %s, want an id of run 1", lines.Text())
			}
		}
	}
	if ids["run-1.list"] < 1 || ids["run-1.detail-0001"] < 1 {
		t.Errorf("calls by id: got %v, want some of the list and of a detail partition", ids)
	}
}
