package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func serveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the proxy until it is told to stop",
		Long: `Run the proxy. SIGTERM or Ctrl-C stops it: deliveries and requests under way finish within limits.shutdown. SIGHUP, a changed file and
POST /-/reload on the admin listener read the configuration again; a faulty one is refused and the old one stays. With --data
a restart knows what the vendors' limits had left, and what was read is kept in SQLite, in that folder, for this process alone; where
the configuration says database, several processes share a PostgreSQL instead.`,
		Args: cobra.NoArgs,
	}
	from := sourceFlag(cmd, env)
	data := cmd.Flags().String("data", env.lookup(dataVariable),
		"folder for what must survive a restart; $"+dataVariable+" stands for it, and without either nothing does")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
		app, err := newApp(cmd.Context(), options{source: *from, data: *data, log: env.stderr})
		if err != nil {
			return err
		}
		tuneMemory(cmd.Context())
		go app.reloadOn(cmd.Context(), hangups)
		return app.Run(cmd.Context())
	}
	return cmd
}
