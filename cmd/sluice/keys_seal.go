package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/internal/seal"
	"sluice/store"
)

func keysCreateSealCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "create-seal",
		Short: "Make a key that seals secrets, and print it",
		Long: `Make a key for triggers.seal. Keep it in a file that only sluice reads, and name that as in seal: ${file:/run/secrets/seal}. Whoever has it and
the database has the secrets of all subscriptions, and can make tokens; without it they are lost.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.stdout, seal.NewKey())
			return err
		},
	}
}

func keysRotateSealCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate-seal",
		Short: "Seal every secret in the database again, with the first key",
		Long: `Seal every secret in the database again, with the first key, which is the one in use. Where triggers.seal names the keys and several sluice serve
share a database: put the new key behind the old one and restart every one; put the new key first and restart every one; run this with the same
keys; take the old key out and restart every one. A process that does not have a key yet can read nothing that another has made with it, so the
new key may be first only when all have it. With one sluice serve, put the new key first at once. What was made with a key ends when it is taken
out: tokens, and the secrets with which receivers complete what they were sent. With the file seal.key of a data folder, --new makes the new key
there, first, and no sluice serve may have the folder meanwhile; the old key stays behind it until you take it out.`,
		Args: cobra.NoArgs,
	}
	where := databaseFlags(cmd, env)
	fresh := cmd.Flags().Bool("new", false, "make a new key in the data folder first")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		set, err := where.source.set()
		if err != nil {
			return err
		}
		options, err := storeOptions(set, *where.data)
		if err != nil {
			return err
		}
		if *fresh {
			if !set.Events.Seal.IsZero() || options.Dir == "" {
				return usagef("the keys are not in a data folder: put a new one, of sluice keys create-seal, into triggers.seal instead of --new, as sluice keys rotate-seal --help says")
			}
			folder, err := openData(options.Dir, doesReseal, nil)
			if err != nil {
				return exitWith(exitBlocked, err)
			}
			defer folder.close()
			if err := prependKey(options.Dir); err != nil {
				return exitWith(exitBlocked, err)
			}
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			return rotateSeal(cmd.Context(), env, db, newSealer(set, options.Dir))
		})
	}
	return cmd
}

func rotateSeal(ctx context.Context, env environment, db *store.DB, sealer *sealer) error {
	ring, err := sealer.ring()
	if err != nil {
		return exitWith(exitUsage, err)
	}
	done, err := db.Reseal(ctx, ring.Newest)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s of subscriptions with secrets, %d sealed again; the old keys can be taken out\n", count(done.Rows, "row"), done.Sealed)
	return err
}

// prependKey puts a new key before those of a folder.
func prependKey(folder string) error {
	if _, err := folderRing(folder); err != nil {
		return err
	}
	name := filepath.Join(folder, sealFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return replace(name, append([]byte(seal.NewKey()+"\n"), text...))
}
