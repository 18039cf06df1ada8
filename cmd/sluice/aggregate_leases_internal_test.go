package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
)

// Who shares limits by the database is warned of an outage when calls are about to be made, and not for looking or giving an order.
func TestAggregateWarnsOfLeasesBeforeCallsAlone(t *testing.T) {
	t.Parallel()
	b := newAggregateBench(t, storetest.Postgres(t), 3, "workers_per_node: 1")
	var log bytes.Buffer
	h, err := openAggregates(t.Context(), b.set, b.options, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	const warning = "nothing goes under the limits that are shared"
	if got := log.String(); strings.Contains(got, warning) {
		t.Errorf("opened: got %q, want no warning", got)
	}
	if err := h.work(t.Context(), store.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, warning) != 1 {
		t.Errorf("at work: got %q, want the warning once", got)
	}
}
