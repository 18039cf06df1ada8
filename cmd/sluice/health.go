package main

import (
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func healthCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running Sluice whether it is alive, for Docker and the like",
		Long: `Ask the admin listener's /healthz, or /readyz with --ready. Its address is that of --url, else SLUICE_ADMIN_ADDRESS, else
admin.address of the configuration, which need not be free of faults. Exits with 0 when the answer is 200, else with 1.`,
		Args: cobra.NoArgs,
	}
	door := adminDoorFlags(cmd, env)
	ready := cmd.Flags().Bool("ready", false, "ask whether it takes requests, and why not")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		page := "healthz"
		if *ready {
			page = "readyz"
		}
		return door.ask(cmd.Context(), page, nil, func(resp *http.Response) error {
			return copyAnswer(env.stdout, resp)
		})
	}
	return cmd
}

// copyAnswer prints what the admin listener says, and fails unless it says that all is well.
func copyAnswer(out io.Writer, resp *http.Response) error {
	if _, err := io.Copy(out, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return cutAnswer(resp, err)
	}
	return notOK(resp)
}
