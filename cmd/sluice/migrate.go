package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sluice/store"
)

// migrated is what migrate prints.
type migrated struct {
	Database string `json:"database"`
	From     int64  `json:"from"` // 0: there were no tables
	To       int64  `json:"to"`
}

func migrateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's tables to this version",
		Long: `Bring the tables to this version, and print from which one and to which, also when nothing was to be done. serve does the same
when it starts; this is for whoever wants it done beforehand. The database is the one that serve would open: that of database in the
configuration, else sluice.db in the folder of --data, which no serve may have in use. Exits with 3 when the database cannot be
opened, or is a newer sluice's.`,
		Args: cobra.NoArgs,
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options, err := where.options()
		if err != nil {
			return err
		}
		if options.Dir != "" {
			data, err := openData(options.Dir, doesMigrate, nil)
			if err != nil {
				return exitWith(exitBlocked, err)
			}
			defer data.close()
		}
		done, err := migrate(cmd.Context(), options)
		switch {
		case err != nil:
			return exitWith(exitBlocked, err)
		case *output == asJSON:
			return writeJSON(env.stdout, done)
		case done.From == done.To:
			_, err = fmt.Fprintf(env.stdout, "%s: version %d, nothing to do\n", done.Database, done.To)
		default:
			_, err = fmt.Fprintf(env.stdout, "%s: version %d → %d\n", done.Database, done.From, done.To)
		}
		return err
	}
	return cmd
}

func migrate(ctx context.Context, options store.Options) (done migrated, err error) {
	options.NoMigrate = true
	db, err := store.Open(ctx, options)
	if err != nil {
		return done, err
	}
	defer db.Close()
	done.Database = db.Where()
	if done.From, _, err = db.Version(ctx); err != nil {
		return done, err
	}
	if err := db.Migrate(ctx); err != nil {
		return done, err
	}
	done.To, _, err = db.Version(ctx)
	return done, err
}
