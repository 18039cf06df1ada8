package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/store"
)

// saved is what backup prints.
type saved struct {
	Database string `json:"database"`
	File     string `json:"file"`
	Bytes    int64  `json:"bytes"`
}

func backupCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a new file, also while serve runs",
		Long: `Write a copy of the SQLite database in the folder of --data, as it is at this moment, to FILE, which must not be there yet. serve
may be running on it. The copy is whole and on the disk when the command ends with 0, and there is no FILE when it does not. To
put it in place, stop serve and name it sluice.db. PostgreSQL is backed up by pg_dump. Exits with 3 when the machine does not permit it.`,
		Args: cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options, err := where.options()
		if err != nil {
			return err
		}
		if options.Dir == "" {
			return usagef("the database is PostgreSQL, which is backed up by its own tools: run pg_dump")
		}
		if err := haveSQLite(options.Dir); err != nil {
			return err
		}
		done, err := backup(cmd.Context(), options, args[0])
		switch {
		case err != nil:
			return exitWith(exitBlocked, err)
		case *output == asJSON:
			return writeJSON(env.stdout, done)
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %d bytes, a copy of %s\n", done.File, done.Bytes, done.Database)
		return err
	}
	return cmd
}

func backup(ctx context.Context, options store.Options, file string) (done saved, err error) {
	options.NoMigrate = true
	db, err := store.Open(ctx, options)
	if err != nil {
		return done, err
	}
	defer db.Close()
	if err := db.Backup(ctx, file); err != nil {
		return done, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return done, err
	}
	return saved{Database: db.Where(), File: file, Bytes: info.Size()}, nil
}
