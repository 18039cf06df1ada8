package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/connectors"
)

func aggregateRunCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run CONNECTION [RESOURCE…]",
		Short: "Read resources of a connection, all unless some are named",
		Long: `Read resources of a connection, one after the other, in the foreground. Ctrl-C leaves a run as it is: sluice aggregate resume
goes on with it. Exits with 1 when a run has failed or is held.`,
		Args: cobra.MinimumNArgs(1),
	}
	f := newAggregateFlags(cmd, env)
	plan := cmd.Flags().String("plan", "", "how to read, instead of what the connection says")
	dry := cmd.Flags().Bool("dry-run", false, "say what each plan would cost, and make no call")
	leave := cmd.Flags().Bool("leave", false, "leave the work to the processes that run already, and do not wait for it")
	accounts := cmd.Flags().Int("accounts", 0, "with --dry-run: how many accounts there are; 0 = as many as were read last")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(cmd.Context(), !*dry && !*leave, func(h *aggregateHouse) error {
			scopes, err := h.scopes(args[0], args[1:])
			if err != nil {
				return err
			}
			if *dry {
				return h.forecast(cmd.Context(), env.stdout, scopes, *accounts)
			}
			if *leave {
				return h.order(cmd.Context(), env.stdout, scopes, *plan)
			}
			return h.runAll(cmd.Context(), env, scopes, *plan)
		})
	}
	return cmd
}

// scopes are the resources of a connection that are meant.
func (h *aggregateHouse) scopes(connection string, names []string) (scopes []aggregation.Scope, err error) {
	conn := h.set.Connections[connection]
	switch {
	case conn == nil:
		return nil, usagef("there is no connection %q in the configuration", connection)
	case conn.Connector == nil || len(conn.Connector.Resources) == 0:
		return nil, usagef("connection %s has nothing that can be aggregated: its connector's file has no resources", connection)
	case len(names) == 0:
		for _, r := range conn.Connector.Resources {
			names = append(names, r.Name)
		}
	}
	for _, name := range names {
		if conn.Connector.Resource(name) == nil {
			return nil, usagef("connector %s has no resource %q; sluice connectors show %s tells which it has", conn.Connector.Name, name, conn.Connector.Name)
		}
		scopes = append(scopes, aggregation.Scope{Connection: connection, Resource: name})
	}
	return scopes, nil
}

// runAll reads one scope after the other, and goes on where one does not end well.
func (h *aggregateHouse) runAll(ctx context.Context, env environment, scopes []aggregation.Scope, plan string) error {
	var bad error
	for _, scope := range scopes {
		run, err := h.start(ctx, scope, plan)
		if err != nil {
			return err
		}
		err = h.watch(ctx, env, run.ID)
		if ctx.Err() != nil {
			return err
		}
		bad = errors.Join(bad, err)
	}
	return bad
}

// start begins a run.
func (h *aggregateHouse) start(ctx context.Context, scope aggregation.Scope, plan string) (aggregation.Run, error) {
	run, err := h.runner.Start(ctx, scope, plan)
	if errors.Is(err, aggregation.ErrOpenRun) {
		err = fmt.Errorf("%s of %s has a run that is not over: sluice aggregate list shows it, and resume, approve or cancel end it", scope.Resource, scope.Connection)
	}
	return run, err
}

// order begins a run of each scope, for other processes to work at.
func (h *aggregateHouse) order(ctx context.Context, out io.Writer, scopes []aggregation.Scope, plan string) error {
	for _, scope := range scopes {
		run, err := h.start(ctx, scope, plan)
		if err == nil {
			_, err = fmt.Fprintf(out, "run %d of %s %s\n", run.ID, scope.Connection, scope.Resource)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watch shows a run until it is over.
func (h *aggregateHouse) watch(ctx context.Context, env environment, id aggregation.RunID) error {
	show := newAggregateProgress(env.stderr)
	defer show.finish()
	for {
		run, err := h.db.Run(ctx, id)
		if err != nil {
			return err
		}
		parts, err := h.db.Partitions(ctx, id)
		if err != nil {
			return err
		}
		if run.Over() {
			show.finish()
			return h.ended(env.stdout, run, aggregation.StandingOf(parts))
		}
		show.at(run, aggregation.StandingOf(parts))
		if err := sleep(ctx, lookAtRun); err != nil {
			show.finish()
			_, _ = fmt.Fprintf(env.stderr, "run %d stays as it is; sluice aggregate resume %d goes on with it\n", id, id)
			return err
		}
	}
}

// ended says how a run ended.
func (h *aggregateHouse) ended(out io.Writer, run aggregation.Run, at aggregation.Standing) error {
	if _, err := fmt.Fprintln(out, aggregateLine(run, at)); err != nil {
		return err
	}
	switch run.State {
	case aggregation.Completed:
		return nil
	case aggregation.Held:
		return fmt.Errorf("run %d is held: %s; sluice aggregate diff %d shows it, and approve or cancel end it", run.ID, run.Note, run.ID)
	}
	return fmt.Errorf("run %d has %s: %s", run.ID, run.State, run.Note)
}

// forecast prints what each plan of some scopes would cost.
func (h *aggregateHouse) forecast(ctx context.Context, out io.Writer, scopes []aggregation.Scope, accounts int) error {
	for _, scope := range scopes {
		resource := h.set.Connections[scope.Connection].Connector.Resource(scope.Resource)
		sizes, err := h.sizes(ctx, scope, accounts)
		if err != nil {
			return err
		}
		for _, plan := range resource.Plans {
			if err := h.forecastPlan(out, scope, plan, sizes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *aggregateHouse) forecastPlan(out io.Writer, scope aggregation.Scope, plan *connectors.Plan, sizes aggregation.Sizes) error {
	if plan.If != nil {
		sizes.Detail = 0 // few need one, and nobody knows how many
	}
	made, err := h.runner.Forecast(scope, plan.Name, sizes, aggregation.Budget{})
	if err != nil {
		return err
	}
	others := []aggregation.Named{}
	if made.Addresses == 1 && made.PerMinute > 0 {
		four, err := h.runner.Forecast(scope, plan.Name, sizes, aggregation.Budget{Addresses: 4})
		if err != nil {
			return err
		}
		others = append(others, aggregation.Named{Name: "on 4", Estimate: four})
	}
	_, err = fmt.Fprintf(out, "%s %s, plan %s: %s (%d calls)\n", scope.Connection, scope.Resource, plan.Name, made.Words(sizes.Accounts, scope.Resource, others...), made.Calls)
	return err
}

// sizes are how many accounts were read last, of a scope and of the other resources.
func (h *aggregateHouse) sizes(ctx context.Context, scope aggregation.Scope, accounts int) (sizes aggregation.Sizes, err error) {
	sizes = aggregation.Sizes{Accounts: accounts, Detail: 1, Rows: map[string]int{}}
	for _, r := range h.set.Connections[scope.Connection].Connector.Resources {
		n := 0
		for _, err := range h.db.Before(ctx, aggregation.Scope{Connection: scope.Connection, Resource: r.Name}) {
			if err != nil {
				return sizes, err
			}
			n++
		}
		sizes.Rows[r.Name] = n
	}
	if accounts == 0 {
		sizes.Accounts = sizes.Rows[scope.Resource]
	}
	return sizes, nil
}
