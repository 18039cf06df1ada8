package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sluice/aggregation"
	"sluice/triggers"
)

// eventsAtOnce is how many events of the outbox are read at once.
const eventsAtOnce = 500

// did prints what the events of a completed run tell.
func (h *aggregateHouse) did(ctx context.Context, out io.Writer, run aggregation.Run) error {
	for after := int64(0); ; {
		events, err := h.db.Events(ctx, after, eventsAtOnce)
		if err != nil {
			return err
		}
		for _, e := range events {
			after = e.Seq
			line, err := didLine(run, e.Event)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
		if len(events) < eventsAtOnce {
			return nil
		}
	}
}

var didSigns = map[string]string{triggers.IdentityCreated: "+ ", triggers.IdentityDeleted: "- ", triggers.IdentityAttributesChanged: "~ "}

// didLine is the line of an event, "" for one that is not of the run's accounts. An event's id says of which run it is.
func didLine(run aggregation.Run, e triggers.Event) (string, error) {
	sign := didSigns[e.Type]
	origin := aggregation.Origin{Tenant: e.Tenant, Scope: run.Scope, Revision: int64(run.ID)}
	if sign == "" || e.Source != run.Scope.Connection || e.ID != origin.ID(e.Type, e.Subject) {
		return "", nil
	}
	var data struct {
		Changes []struct {
			Attribute          string
			OldValue, NewValue json.RawMessage
		}
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return "", fmt.Errorf("event %s: %w", e.ID, err)
	}
	var line strings.Builder
	line.WriteString(sign + shownID(e.Subject))
	for _, c := range data.Changes {
		fmt.Fprintf(&line, "  %s: %s → %s", shownText(c.Attribute), shownText(string(c.OldValue)), shownText(string(c.NewValue)))
	}
	return line.String() + "\n", nil
}
