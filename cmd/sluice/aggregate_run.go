package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/aggregation"
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
	accounts := cmd.Flags().String("accounts", "", "with --dry-run: how many accounts there are, as 55000 or people=55000,groups=400; else as many as were read last")
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
		if err := h.announce(ctx, env.stderr, scope, plan); err != nil {
			return err
		}
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

// ended says how a run ended.
func (h *aggregateHouse) ended(out io.Writer, run aggregation.Run, at standing) error {
	if _, err := fmt.Fprintln(out, aggregateLine(run, at)); err != nil {
		return err
	}
	switch run.State {
	case aggregation.Completed:
		return nil
	case aggregation.Held:
		return fmt.Errorf("run %d is held: %s; sluice aggregate diff %d shows it, and approve or cancel end it", run.ID, shownText(run.Note), run.ID)
	}
	return fmt.Errorf("run %d has %s: %s", run.ID, run.State, shownText(run.Note))
}
