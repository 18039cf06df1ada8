// Command sluice is the whole house in one binary: the proxy (serve), and what an operator needs around it.
//
// main is the only place that ends the process. run does all the work with what it is given, so that a test runs the very
// commands an operator runs. Each subcommand has a file of its own; app.go builds the running proxy from the packages
// below, and nothing below knows of a command line. It decides nothing about a request: that is the business of the packages below.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	logLibraries(newLogs(os.Stderr).logger())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// environment is what a command meets outside its arguments.
type environment struct {
	vars   []string // NAME=value
	stdin  io.Reader
	stdout io.Writer // data
	stderr io.Writer // log, progress, errors
}

// lookup returns a variable, or "".
func (e environment) lookup(name string) string {
	for _, pair := range slices.Backward(e.vars) {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

// run executes a command line and returns its exit code. It ends early, without error, when ctx does.
func run(ctx context.Context, args, vars []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(environment{vars: vars, stdin: stdin, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), stderr)
}

// newRoot is the list of commands.
func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "An adapter proxy between identity governance and SaaS APIs",
		Long: `Sluice stands between identity governance (IGA) connectors and SaaS APIs. A connector calls a Sluice URL; Sluice calls
the vendor, paces, signs in, and rewrites the answer so that the connector understands it.

Exit codes: 0 well, 1 not well, 2 command line or configuration not understood, 3 not permitted by this machine.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.AddCommand(
		serveCommand(env),
		checkCommand(env),
		tryCommand(env),
		demoCommand(env),
		mockCommand(env),
		connectorsCommand(env),
		triggersCommand(env),
		keysCommand(env),
		clientsCommand(env),
		subscriptionsCommand(env),
		eventsCommand(env),
		invocationsCommand(env),
		listenCommand(env),
		configCommand(env),
		healthCommand(env),
		limitsCommand(env),
		aggregateCommand(env),
		filterCommand(env),
		migrateCommand(env),
		backupCommand(env),
		storeCommand(env),
		versionCommand(env),
	)
	root.InitDefaultCompletionCmd()
	markUsage(root)
	return root
}

// markUsage makes the complaints of the command line library exit with exitUsage, and a group of commands say which it has.
func markUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	check := cmd.Args
	if cmd.HasSubCommands() && cmd.RunE == nil && cmd.Run == nil {
		check = nil
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q; see %s --help", strings.Join([]string{cmd.CommandPath(), args[0]}, " "), cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usagef("%w; see %s --help", err, cmd.CommandPath())
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}
