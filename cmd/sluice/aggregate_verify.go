package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/connectors"
)

// mostSample bounds a sample: each account of it is a call, and is in memory.
const mostSample = 1000

func aggregateVerifyCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify CONNECTION [RESOURCE]",
		Short: "Compare a sample of the accounts as they are with the snapshot, or two plans with each other",
		Long: `Read a sample of the accounts one by one, and compare them with the snapshot. With --plans compare two plans instead: the one
that asks for every single account, and another one, whose lists and joins are all read for it, which costs their full number of calls. What
it costs is said before. Nothing is kept: no run, no event, no change of the snapshot. Who changed or left meanwhile is told apart from who
differs. RESOURCE may be left out where only one can be compared. Exits with 1 when any account differs, or none could be compared.`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := newAggregateFlags(cmd, env)
	var o verifyOptions
	cmd.Flags().IntVar(&o.sample, "sample", 50, "how many accounts are compared, drawn by chance")
	cmd.Flags().StringSliceVar(&o.plans, "plans", nil, "two plans that are compared with each other, as detail,inverted, and not with the snapshot")
	cmd.Flags().Uint64Var(&o.seed, "seed", 0, "draw the accounts that were drawn with it before; left out: by chance")
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.sample < 1 || o.sample > mostSample {
			return usagef("--sample is %d, must be 1 to %d", o.sample, mostSample)
		}
		if !cmd.Flags().Changed("seed") {
			o.seed = uint64(rand.Uint32()) // short enough to be typed again
		}
		return f.with(cmd.Context(), false, func(h *aggregateHouse) error {
			check, err := h.check(cmd.Context(), args, o)
			if err != nil {
				return err
			}
			h.calls()
			return h.verify(cmd.Context(), env, *output, check)
		})
	}
	return cmd
}

type verifyOptions struct {
	sample int
	plans  []string
	seed   uint64
}

// check finds what is to be compared, or says why that cannot be.
func (h *aggregateHouse) check(ctx context.Context, args []string, o verifyOptions) (c aggregation.Check, err error) {
	if len(o.plans) != 0 && (len(o.plans) != 2 || o.plans[0] == o.plans[1]) {
		return c, usagef("--plans has %q, must be two plans with a comma between, as detail,inverted", strings.Join(o.plans, ","))
	}
	scope, err := h.verifyScope(args, len(o.plans) > 0)
	if err != nil {
		return c, err
	}
	c = aggregation.Check{Scope: scope, Sample: o.sample, Seed: o.seed}
	resource := h.set.Connections[scope.Connection].Connector.Resource(scope.Resource)
	if len(o.plans) > 0 {
		c.Plan, c.Other, err = twoPlans(resource, o.plans)
		return c, err
	}
	plan := aggregation.PlanOfEach(resource)
	if plan == nil {
		return c, usagef("no plan of %s asks for every single account, so there is nothing to compare its snapshot with", resource.Name)
	}
	c.Plan = plan.Name
	revision, err := h.db.Revision(ctx, scope)
	if err == nil && revision == 0 {
		err = fmt.Errorf("there is no snapshot of %s %s yet: sluice aggregate run makes one, or compare two plans with --plans", scope.Connection, scope.Resource)
	}
	if err == nil {
		c.Made, err = h.madeBy(ctx, scope)
	}
	return c, err
}

// verifyScope is the resource that is meant: the one that is named, or the only one that can be compared.
func (h *aggregateHouse) verifyScope(args []string, plans bool) (aggregation.Scope, error) {
	scopes, err := h.scopes(args[0], args[1:])
	if err != nil || len(args) > 1 {
		return slices.Concat(scopes, []aggregation.Scope{{}})[0], err
	}
	connector := h.set.Connections[args[0]].Connector
	var names []string
	for _, r := range connector.Resources {
		if aggregation.PlanOfEach(r) != nil && (!plans || len(r.Plans) > 1) {
			names = append(names, r.Name)
		}
	}
	switch len(names) {
	case 0:
		return aggregation.Scope{}, usagef("connector %s has no resource that can be compared: that takes a plan that asks for every single account", connector.Name)
	case 1:
		return aggregation.Scope{Connection: args[0], Resource: names[0]}, nil
	}
	return aggregation.Scope{}, usagef("name one of the resources that can be compared: %s", strings.Join(names, ", "))
}

// twoPlans tells which of two plans asks for every single account.
func twoPlans(r *connectors.Resource, names []string) (each, other string, err error) {
	if len(r.Plans) == 1 {
		return "", "", usagef("%s has one plan only, %s, so there is nothing to compare it with", r.Name, r.Plans[0].Name)
	}
	for _, name := range names {
		if r.Plan(name) == nil || name == "" {
			var has []string
			for _, p := range r.Plans {
				has = append(has, p.Name)
			}
			return "", "", usagef("%s has no plan %q; it has %s", r.Name, name, strings.Join(has, ", "))
		}
	}
	for i, name := range names {
		if p := r.Plan(name); p.Detail != nil && p.If == nil {
			return name, names[1-i], nil
		}
	}
	return "", "", usagef("neither %s nor %s asks for every single account: one of the two must have a detail without if", names[0], names[1])
}

// madeRuns is how many of a scope's runs are looked at for the one that made the snapshot.
const madeRuns = 20

// madeBy is the plan by which all of a snapshot was read last; "" where that is not known.
func (h *aggregateHouse) madeBy(ctx context.Context, scope aggregation.Scope) (string, error) {
	runs, err := h.db.Runs(ctx, scope, madeRuns)
	for _, run := range runs {
		if run.State == aggregation.Completed && run.Whole() {
			return run.Plan, err
		}
	}
	return "", err
}

// verify compares, and says what it found.
func (h *aggregateHouse) verify(ctx context.Context, env environment, output format, c aggregation.Check) error {
	if err := h.announceVerify(ctx, env.stderr, c); err != nil {
		return err
	}
	c.Say = func(text string) { _, _ = fmt.Fprintln(env.stderr, "  … "+shownText(text)) } // a terminal that went away is no reason to stop
	told := verified{Connection: c.Scope.Connection, Resource: c.Scope.Resource, Plan: c.Plan, Other: c.Other, Seed: c.Seed, Findings: []verifiedAccount{}}
	c.Found = func(f aggregation.Finding) error {
		told.Findings = append(told.Findings, verifiedOf(f))
		if output == asJSON {
			return nil
		}
		_, err := fmt.Fprintln(env.stdout, findingLine(c, f, time.Now()))
		return err
	}
	out, err := h.runner.Verify(ctx, c)
	if err != nil {
		return err
	}
	told.count(out)
	if output == asJSON {
		err = writeJSON(env.stdout, told)
	} else {
		_, err = fmt.Fprintln(env.stdout, told.line())
	}
	switch {
	case err != nil:
		return err
	case told.Differ > 0:
		return unwell()
	case told.Same == 0:
		return errors.New("no account could be compared")
	}
	return nil
}

// announceVerify says what a check costs before it begins.
func (h *aggregateHouse) announceVerify(ctx context.Context, out io.Writer, c aggregation.Check) error {
	sizes, err := h.sizes(ctx, c.Scope, accountsGiven{read: -1})
	if err != nil {
		return err
	}
	each, err := h.runner.Left(aggregation.Run{Scope: c.Scope, Plan: c.Plan}, c.Sample)
	if err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("verify %s %s, %d accounts, seed %d", c.Scope.Connection, c.Scope.Resource, c.Sample, c.Seed),
		fmt.Sprintf("  accounts of the sample, and one call more for each that differs: %s", each)}
	for _, name := range []string{c.Plan, c.Other} {
		if name == "" {
			continue
		}
		sizes.Detail = 0
		lists, err := h.runner.Forecast(c.Scope, name, sizes, aggregation.Budget{})
		if err != nil {
			return err
		}
		text := lists.String()
		if len(lists.Unknown) > 0 {
			text = notKnown(lists)
		}
		lines = append(lines, fmt.Sprintf("  lists of plan %s: %s", name, text))
	}
	_, err = fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}
