package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/store"
	"sluice/web"
)

// aggregateExportCommand is sluice aggregate export.
func aggregateExportCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export CONNECTION RESOURCE",
		Short: "Write the accounts of the latest snapshot as JSON lines or CSV",
		Long: `Write the accounts of the latest snapshot: as JSON lines, or as CSV for a source that reads delimited files, with a row of titles, a
row for each account, and what it has several of joined in a cell. Values are written as they are, also those that a spreadsheet would take
for a formula. It may run beside sluice serve.`,
		Args: cobra.ExactArgs(2),
	}
	from := sourceFlag(cmd, env)
	data := cmd.Flags().String("data", env.lookup(dataVariable), "folder of the database; $"+dataVariable+" stands for it")
	kind := cmd.Flags().String("format", "jsonl", "jsonl or csv")
	file := cmd.Flags().String("output", "", "file to write, which is replaced when all is written; without it standard output")
	separator := cmd.Flags().String("separator", ";", "what stands between the values of a cell (csv)")
	rows := cmd.Flags().Bool("rows", false, "give each value a row of its own, to be merged by id, instead of joining them (csv)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sheet, err := sheetOf(*kind, *separator, *rows)
		if err != nil {
			return err
		}
		set, err := from.set()
		if err != nil {
			return err
		}
		scope, err := exportScope(set, args[0], args[1])
		if err != nil {
			return err
		}
		options, err := storeOptions(set, *data)
		if err != nil {
			return err
		}
		db, err := store.Open(cmd.Context(), options)
		if err != nil {
			return exitWith(exitBlocked, err)
		}
		defer db.Close()
		return writeExport(env, *file, func(out io.Writer) (int64, error) { return export(cmd.Context(), db, scope, sheet, out) })
	}
	return cmd
}

// sheetOf reads the options of a format; nil is JSON lines.
func sheetOf(kind, separator string, rows bool) (*web.Sheet, error) {
	switch {
	case kind == "jsonl":
		return nil, nil
	case kind != "csv":
		return nil, usagef("--format is %q, must be jsonl or csv", kind)
	case rows:
		return &web.Sheet{}, nil
	case separator == "":
		return nil, usagef("--separator is empty; name one, or say --rows")
	}
	return &web.Sheet{Separator: separator}, nil
}

// exportScope finds what is meant by a connection and a resource.
func exportScope(set *connectors.Set, connection, resource string) (scope aggregation.Scope, err error) {
	conn := set.Connections[connection]
	if conn == nil {
		return scope, usagef("there is no connection %q; there are %s", connection, cmp.Or(strings.Join(slices.Sorted(maps.Keys(set.Connections)), ", "), "none"))
	}
	if conn.Connector.Resource(resource) == nil {
		var names []string
		for _, r := range conn.Connector.Resources {
			names = append(names, r.Name)
		}
		return scope, usagef("connection %s has no resource %q; there are %s", connection, resource, cmp.Or(strings.Join(names, ", "), "none"))
	}
	return aggregation.Scope{Connection: connection, Resource: resource}, nil
}

// export writes a snapshot, all of it of one revision.
func export(ctx context.Context, db *store.DB, scope aggregation.Scope, sheet *web.Sheet, out io.Writer) (written int64, err error) {
	revision, err := db.Revision(ctx, scope)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		return 0, fmt.Errorf("nothing was read of %s %s yet; run sluice aggregate run %[1]s %[2]s", scope.Connection, scope.Resource)
	}
	accounts := func() iter.Seq2[aggregation.Record, error] { return db.Before(ctx, scope) }
	if sheet == nil {
		written, err = web.WriteLines(out, accounts)
	} else {
		written, err = sheet.Write(out, accounts)
	}
	if err != nil {
		return written, err
	}
	now, err := db.Revision(ctx, scope)
	if err == nil && now != revision {
		err = errors.New("the snapshot was replaced by a newer one meanwhile, so that what was written is of both; run it again")
	}
	return written, err
}

// writeExport writes to standard output, or to a file that takes its name when all of it is there.
func writeExport(env environment, name string, write func(io.Writer) (int64, error)) (err error) {
	out := env.stdout
	var file *os.File
	if name != "" {
		if file, err = os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return exitWith(exitBlocked, err)
		}
		out = file
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	written, err := write(buffered)
	err = errors.Join(err, buffered.Flush())
	if file != nil {
		if err = errors.Join(err, file.Close()); err == nil {
			err = os.Rename(name+".new", name)
		} else {
			_ = os.Remove(name + ".new") // the error says more than this one would
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "%d accounts\n", written)
	return err
}
