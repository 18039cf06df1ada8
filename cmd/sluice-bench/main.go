// Command sluice-bench measures what docs/performance.md claims, in one run on one machine, so that anyone can check it:
//
//	sluice-bench proxy   CPU per request and p99 latency of Sluice, a plain httputil.ReverseProxy and nginx
//	sluice-bench memory  resident memory of Sluice with idle and held consumers
//	sluice-bench reload  requests lost under reloads and a stop
//	sluice-bench pacing  the governor before every kind of limiter, in virtual time: refusals, and how much of the limit is used
//	sluice-bench nodes   four nodes that share one limit, in virtual time: refusals, and how much of the limit they use
//	sluice-bench processes  four processes of Sluice that share one limit by a PostgreSQL, one killed, and the database cut off
//	sluice-bench lanes   an aggregation, urgent calls in between and unequal consumers, in virtual time: who waits, and for how long
//	sluice-bench http    pacing over real HTTP, the limit configured, partly configured and not at all: refusals, and how much is used
//	sluice-bench aggregation  the aggregation over real HTTP: how much of the limits it uses, by how few calls it can do, one connection beside a slow one
//	sluice-bench scale   the aggregation where nothing is limited, on both databases: memory and time by the number of people
//	sluice-bench delivery  events to one subscription, on both databases: how many a second, at what cost, and how late
//	sluice-bench badsink  how long a good receiver waits for its events beside bad ones of each sort, on both databases
//
// It starts everything itself on free loopback ports, bounds every load in count and time, and ends what it started.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sluice-bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// benches is what can be measured; httputil is what the proxy bench runs in a process of its own.
var benches = map[string]func(ctx context.Context, args []string) error{
	"proxy":     benchProxy,
	"memory":    benchMemory,
	"reload":    benchReload,
	"pacing":    benchPacing,
	"nodes":     benchNodes,
	"processes": benchProcesses,
	"lanes":     benchLanes,
	"http":      benchHTTP,
	"httputil":  serveHTTPUtil,

	"aggregation": benchAggregation,
	"scale":       benchScale,
	"delivery":    benchDelivery,
	"badsink":     benchBadSink,
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || benches[args[0]] == nil {
		return fmt.Errorf("usage: sluice-bench proxy|memory|reload|pacing|nodes|processes|lanes|http|aggregation|scale|delivery|badsink [path of the sluice binary], not %q", strings.Join(args, " "))
	}
	return benches[args[0]](ctx, args[1:])
}
