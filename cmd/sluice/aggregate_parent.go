package main

import (
	"github.com/spf13/cobra"

	"sluice/connectors"
	"sluice/store"
)

// aggregateCommand holds the commands about what is read from vendors.
func aggregateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "aggregate", Short: "What was read from vendors"}
	cmd.AddCommand(aggregateExportCommand(env))
	return cmd
}

// storeOptions say where the database is.
func storeOptions(_ *connectors.Set, data string) (store.Options, error) {
	if data == "" {
		return store.Options{}, usagef("there is no database: name its folder with --data or $%s", dataVariable)
	}
	return store.Options{Dir: data}, nil
}
