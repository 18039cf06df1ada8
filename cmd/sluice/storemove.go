package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"sluice/store"
)

// moveVariable names the environment variable that stands for --to: a command line can be read by everybody on the machine.
const moveVariable = "SLUICE_MOVE_TO"

func storeCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "The database: move it"}
	cmd.AddCommand(storeMoveCommand(env))
	return cmd
}

// moved is what store move prints.
type moved struct {
	From   string           `json:"from"`
	To     string           `json:"to"`
	Tables map[string]int64 `json:"tables"` // rows of each
	Rows   int64            `json:"rows"`
	Sealed int64            `json:"sealed"` // subscriptions with secrets
}

// advice says what is to be done after a move.
func (m moved) advice(folder string) string {
	text := "now name the new one in sluice.yaml, as in database: ${env:DATABASE_URL}, and start sluice serve\n"
	if m.Sealed > 0 {
		text = fmt.Sprintf("%s with secrets: they open with the key that they were sealed with alone; unless triggers.seal has it already, put what %s holds there, as in seal: ${env:SEAL_KEYS}\n",
			count(int(m.Sealed), "subscription"), filepath.Join(folder, sealFile)) + text
	}
	return text
}

func storeMoveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Copy the database of a data folder to PostgreSQL",
		Long: `Copy all that the SQLite database in the folder of --data holds to an empty PostgreSQL, and count both afterwards: the new one is
whole or still empty. Stop serve first; while one has the folder in use, nothing is copied. The old database stays as it is, and runs that are
under way go on in the new one. Then start serve
with database naming the new one, and triggers.seal holding what seal.key in the folder does, if subscriptions have secrets. As --to stands where everybody on the machine can read it, give a URL with a password in $` + moveVariable + `.
Exits with 1 when the new database is not empty or the old one has jobs that do not move, with 3 when one cannot be opened.`,
		Args: cobra.NoArgs,
	}
	data := dataFlag(cmd, env)
	to := cmd.Flags().String("to", "", "postgres://USER:PASSWORD@HOST:5432/NAME of an empty database; $"+moveVariable+" stands for it")
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *to == "" {
			*to = env.lookup(moveVariable)
		}
		switch {
		case *data == "":
			return usagef("name the data folder to move from with --data")
		case *to == "":
			return usagef("name the database to move to with --to or $%s", moveVariable)
		case !strings.HasPrefix(*to, "postgres://") && !strings.HasPrefix(*to, "postgresql://"):
			return usagef("the database to move to must be a URL that begins with postgres://")
		}
		if err := haveSQLite(*data); err != nil {
			return err
		}
		folder, err := openData(*data, doesMove, nil)
		if err != nil {
			return exitWith(exitBlocked, err)
		}
		defer folder.close()
		done, err := move(cmd.Context(), store.Options{Dir: *data}, store.Options{URL: *to}, env.stderr)
		switch {
		case err != nil:
			return err
		case *output == asJSON:
			return writeJSON(env.stdout, done)
		}
		_, err = fmt.Fprintf(env.stdout, "moved %s of %s from %s to %s, counted on both sides\n%s",
			count(int(done.Rows), "row"), count(len(done.Tables), "table"), done.From, done.To, done.advice(*data))
		return err
	}
	return cmd
}

func move(ctx context.Context, old, fresh store.Options, progress io.Writer) (moved, error) {
	from, err := store.Open(ctx, old)
	if err != nil {
		return moved{}, exitWith(exitBlocked, err)
	}
	defer from.Close()
	to, err := store.Open(ctx, fresh)
	if err != nil {
		return moved{}, exitWith(exitBlocked, err)
	}
	defer to.Close()
	done := moved{From: from.Where(), To: to.Where(), Tables: map[string]int64{}}
	shown := moveProgress{w: progress}
	err = store.Move(ctx, from, to, func(s store.MoveStep) {
		done.Tables[s.Table], done.Rows = s.Done, s.Moved
		shown.step(s)
	})
	shown.finish()
	switch {
	case errors.Is(err, store.ErrNotEmpty):
		return moved{}, fmt.Errorf("%w; name an empty database", err)
	case errors.Is(err, store.ErrNotDrained):
		return moved{}, fmt.Errorf("%w; start sluice serve and let it finish them", err)
	case err != nil:
		return moved{}, err
	}
	done.Sealed, err = to.Sealed(ctx)
	return done, err
}

// moveProgress shows how far a move is: one bar for all tables on a terminal, a line for each table elsewhere.
type moveProgress struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func (p *moveProgress) step(s store.MoveStep) {
	if !isTerminal(p.w) {
		if s.Done == s.Total {
			_, _ = fmt.Fprintf(p.w, "  … %s: %s, %d %% of all\n", s.Table, count(int(s.Total), "row"), 100*s.Moved/max(1, s.InAll))
		}
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(s.InAll, progressbar.OptionSetWriter(p.w), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(s.Table)
	_ = p.bar.Set64(s.Moved) // a terminal that went away is no reason to stop
}

// finish takes the bar away.
func (p *moveProgress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
