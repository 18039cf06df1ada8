package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/aggregation"
	"sluice/internal/client"
	"sluice/store"
)

func clientsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clients",
		Short: "Clients of the API of event triggers",
		Long: `Clients sign in to the API of event triggers with an id and a secret, as SailPoint's do. They are kept in the database, so that all nodes
know them at once; these commands may run beside sluice serve.`,
	}
	cmd.AddCommand(clientsCreateCommand(env), clientsListCommand(env), clientsRevokeCommand(env))
	return cmd
}

// withStore opens the database that a command's flags name.
func withStore(ctx context.Context, where databaseChoice, do func(db *store.DB) error) error {
	options, err := where.options()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, options)
	if err != nil {
		return exitWith(exitBlocked, err)
	}
	defer db.Close()
	return do(db)
}

// shownClient is a client as -o json shows it. The secret is there when it has just been made.
type shownClient struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret,omitempty"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
}

func clientsCreateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a client and print its secret, this once",
		Long: `Make a client. Its secret is printed and kept nowhere; the database has its hash. Without --scope it may do everything. The scopes are
SailPoint's:

  ` + strings.Join(client.Known, "\n  "),
		Example: "  sluice clients create terraform --scope " + client.SubscriptionsWrite,
		Args:    cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	scopes := cmd.Flags().StringArray("scope", []string{client.All}, "what it may do; may be given several times")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !consumerName.MatchString(args[0]) {
			return usagef("%q is no name: use letters, digits, and . _ - between them", args[0])
		}
		for _, scope := range *scopes {
			if !slices.Contains(client.Known, scope) {
				return usagef("there is no scope %q; choose of %s", scope, strings.Join(client.Known, ", "))
			}
		}
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			made, secret := client.New(args[0], *scopes, time.Now().UTC().Truncate(time.Microsecond))
			if err := db.CreateClient(cmd.Context(), made); err != nil {
				return err
			}
			if *output == asJSON {
				return writeJSON(env.stdout, shownClient{ID: made.ID, Secret: secret, Name: made.Name, Scopes: made.Scopes, Created: made.Created})
			}
			_, err := fmt.Fprintf(env.stdout, "The client %s. Its secret is shown this once:\n\n  client_id      %s\n  client_secret  %s\n\nIt fetches a token by POST /oauth/token.\n",
				made.Name, made.ID, secret)
			return err
		})
	}
	return cmd
}

func clientsListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List clients, revoked ones too", Args: cobra.NoArgs}
	where := databaseFlags(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			clients, err := db.Clients(cmd.Context())
			if err != nil {
				return err
			}
			all := []shownClient{}
			rows := [][]string{{"ID", "NAME", "STATE", "CREATED", "SCOPES"}}
			for _, c := range clients {
				state := "active"
				if !c.Revoked.IsZero() {
					state = "revoked " + c.Revoked.Format(time.RFC3339)
				}
				all = append(all, shownClient{ID: c.ID, Name: c.Name, Scopes: c.Scopes, Created: c.Created, Revoked: c.Revoked})
				rows = append(rows, []string{c.ID, c.Name, state, c.Created.Format(time.RFC3339), strings.Join(c.Scopes, " ")})
			}
			if *output == asJSON {
				return writeJSON(env.stdout, all)
			}
			return writeTable(env.stdout, rows)
		})
	}
	return cmd
}

func clientsRevokeCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Shut a client out for good, with the tokens that it has",
		Args:  cobra.ExactArgs(1),
	}
	where := databaseFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), where, func(db *store.DB) error {
			err := db.RevokeClient(cmd.Context(), args[0])
			if errors.Is(err, aggregation.ErrNone) {
				return usagef("there is no client %s; sluice clients list shows them", args[0])
			}
			if err == nil {
				_, err = fmt.Fprintf(env.stdout, "client %s is revoked\n", args[0])
			}
			return err
		})
	}
	return cmd
}
