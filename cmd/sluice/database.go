package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/store"
)

// sqliteName is the file of SQLite in a data folder.
const sqliteName = "sluice.db"

// databaseChoice is where the commands around the database find it: where serve would.
type databaseChoice struct {
	source *source
	data   *string
}

// databaseFlags gives a command --config and --data.
func databaseFlags(cmd *cobra.Command, env environment) databaseChoice {
	return databaseChoice{source: sourceFlag(cmd, env), data: dataFlag(cmd, env)}
}

// dataFlag gives a command --data.
func dataFlag(cmd *cobra.Command, env environment) *string {
	return cmd.Flags().String("data", env.lookup(dataVariable), "data folder of sluice serve; $"+dataVariable+" stands for it")
}

// options say which database it is. That there is none is a mistake of the command line.
func (c databaseChoice) options() (store.Options, error) {
	set, err := c.source.set()
	if err != nil {
		return store.Options{}, err
	}
	return storeOptions(set, *c.data)
}

// haveSQLite refuses a data folder without a database, where opening it would make one.
func haveSQLite(folder string) error {
	name := filepath.Join(folder, sqliteName)
	switch _, err := os.Stat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return exitWith(exitBlocked, fmt.Errorf("there is no database %s; name the data folder of sluice serve with --data", name))
	case err != nil:
		return exitWith(exitBlocked, fmt.Errorf("the database cannot be read: %w", err))
	}
	return nil
}
