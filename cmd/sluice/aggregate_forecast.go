package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
)

// accountsGiven is how many accounts an operator says there are: of the resources that are read, -1 where that was not said, and of some by
// name.
type accountsGiven struct {
	read int
	by   map[string]int
}

// parseAccounts reads --accounts: N, or RESOURCE=N, several of them with commas between.
func parseAccounts(text string, resources []*connectors.Resource) (accountsGiven, error) {
	given := accountsGiven{-1, map[string]int{}}
	if text == "" || text == "0" {
		return given, nil
	}
	known := map[string]bool{}
	for _, r := range resources {
		known[r.Name] = true
	}
	for part := range strings.SplitSeq(text, ",") {
		name, number, named := strings.Cut(strings.TrimSpace(part), "=")
		if !named {
			name, number = "", name
		}
		n, err := strconv.Atoi(number)
		switch {
		case err != nil || n < 0:
			return given, usagef("--accounts has %q, must be a number, or RESOURCE=NUMBER, several of them with commas between", part)
		case named && !known[name]:
			return given, usagef("--accounts has %q, and the connector has no resource of that name", name)
		case named:
			given.by[name] = n
		default:
			given.read = n
		}
	}
	return given, nil
}

// sizes are how many accounts an operator says there are, or else were read last, of a scope and of the other resources. What was never
// read is not known.
func (h *aggregateHouse) sizes(ctx context.Context, scope aggregation.Scope, given accountsGiven) (sizes aggregation.Sizes, err error) {
	sizes = aggregation.Sizes{Accounts: -1, Detail: 1, Rows: map[string]int{}}
	snapshots := h.db.Reader()
	for _, r := range h.set.Connections[scope.Connection].Connector.Resources {
		if n, said := given.by[r.Name]; said {
			sizes.Rows[r.Name] = n
			continue
		}
		revision, _, total, err := snapshots.Edition(ctx, aggregation.Scope{Connection: scope.Connection, Resource: r.Name})
		if err != nil {
			return sizes, err
		}
		if revision > 0 {
			sizes.Rows[r.Name] = int(total)
		}
	}
	if n, known := sizes.Rows[scope.Resource]; known {
		sizes.Accounts = n
	}
	if _, said := given.by[scope.Resource]; !said && given.read >= 0 {
		sizes.Accounts = given.read
	}
	return sizes, nil
}

// forecast prints what each plan of some scopes would cost.
func (h *aggregateHouse) forecast(ctx context.Context, out io.Writer, scopes []aggregation.Scope, accounts string) error {
	for _, scope := range scopes {
		connector := h.set.Connections[scope.Connection].Connector
		given, err := parseAccounts(accounts, connector.Resources)
		if err != nil {
			return err
		}
		sizes, err := h.sizes(ctx, scope, given)
		if err != nil {
			return err
		}
		for _, plan := range connector.Resource(scope.Resource).Plans {
			text, made, err := h.forecastPlan(ctx, scope, plan, sizes)
			if err != nil {
				return err
			}
			if len(made.Unknown) > 0 {
				text += "; --accounts " + strings.Join(made.Unknown, "=N,") + "=N tells how many there are"
			}
			if _, err := fmt.Fprintf(out, "%s %s, plan %s: %s\n", scope.Connection, scope.Resource, plan.Name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// ofPlan are the sizes as far as they tell of a plan. How many accounts need a call by the plan's condition is as it was in the last run by
// that plan; before one was made nobody knows, and known is false.
func (h *aggregateHouse) ofPlan(ctx context.Context, scope aggregation.Scope, plan *connectors.Plan, sizes aggregation.Sizes) (of aggregation.Sizes, known bool, err error) {
	if plan.If == nil {
		return sizes, true, nil
	}
	sizes.Detail = 0
	runs, err := h.db.Runs(ctx, scope, mostRuns)
	if err != nil {
		return sizes, false, err
	}
	for _, run := range runs {
		if run.State != aggregation.Completed || run.Plan != plan.Name || !run.Whole() || run.Counts.Scanned == 0 {
			continue
		}
		parts, err := h.db.Partitions(ctx, run.ID)
		if err != nil {
			return sizes, false, err
		}
		sizes.Detail = min(1, float64(aggregation.StandingOf(parts).Total)/float64(run.Counts.Scanned))
		return sizes, true, nil
	}
	return sizes, false, nil
}

// forecastPlan says what a plan would cost, and on four addresses where there is one, and by some other plans. What is not known is said,
// because a number without it would be too small.
func (h *aggregateHouse) forecastPlan(ctx context.Context, scope aggregation.Scope, plan *connectors.Plan, sizes aggregation.Sizes, besides ...*connectors.Plan) (string, aggregation.Estimate, error) {
	of, known, err := h.ofPlan(ctx, scope, plan, sizes)
	if err != nil {
		return "", aggregation.Estimate{}, err
	}
	made, err := h.runner.Forecast(scope, plan.Name, of, aggregation.Budget{})
	if err != nil {
		return "", made, err
	}
	if len(made.Unknown) > 0 {
		return notKnown(made), made, nil
	}
	var others []aggregation.Named
	if made.Addresses == 1 && made.PerMinute > 0 {
		four, err := h.runner.Forecast(scope, plan.Name, of, aggregation.Budget{Addresses: 4})
		if err != nil {
			return "", made, err
		}
		if four.Duration < made.Duration {
			others = append(others, aggregation.Named{Name: "on 4", Estimate: four})
		}
	}
	for _, p := range besides {
		of, _, err := h.ofPlan(ctx, scope, p, sizes)
		if err != nil {
			return "", made, err
		}
		other, err := h.runner.Forecast(scope, p.Name, of, aggregation.Budget{})
		if err == nil && len(other.Unknown) == 0 {
			others = append(others, aggregation.Named{Name: p.Name, Estimate: other})
		}
	}
	text := made.Words(sizes.Accounts, scope.Resource, others...) + fmt.Sprintf(" (%s)", made.HowMany())
	if !known {
		text += ", and a call for each account that the plan's condition picks"
	}
	return text, made, nil
}

// notKnown says why nobody knows what a plan costs.
func notKnown(made aggregation.Estimate) string {
	return fmt.Sprintf("not known, because %s were never read, and it makes calls for each of them (%s at least)", strings.Join(made.Unknown, ", "), made.HowMany())
}

// announce says what a run that begins now will cost, as far as that is known, and what the other plans would.
func (h *aggregateHouse) announce(ctx context.Context, out io.Writer, scope aggregation.Scope, name string) error {
	connection := h.set.Connections[scope.Connection]
	resource := connection.Connector.Resource(scope.Resource)
	plan := connection.Plan(resource)
	if name != "" {
		plan = resource.Plan(name)
	}
	if plan == nil {
		return nil // which starting it says better
	}
	sizes, err := h.sizes(ctx, scope, accountsGiven{read: -1})
	if err != nil {
		return err
	}
	var besides []*connectors.Plan
	for _, p := range resource.Plans {
		if p != plan {
			besides = append(besides, p)
		}
	}
	text, made, err := h.forecastPlan(ctx, scope, plan, sizes, besides...)
	if err != nil {
		return err
	}
	if len(made.Unknown) == 0 {
		text += expectedBy(time.Now(), made.Duration)
		if connection.Aggregation.ChangedOnly && made.Calls > 1 {
			text += ", or sooner, as only what has changed is read"
		}
	}
	_, err = fmt.Fprintf(out, "%s %s by plan %s: %s\n", scope.Connection, scope.Resource, plan.Name, text)
	return err
}

// expectedBy says when something that takes so long is over.
func expectedBy(now time.Time, d time.Duration) string {
	if d < time.Minute {
		return ""
	}
	return ", expected by " + now.Add(d).Format("2006-01-02 15:04 MST")
}
