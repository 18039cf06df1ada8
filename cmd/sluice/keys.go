package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"sluice/connectors"
)

func keysCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Access keys of consumers, and keys that seal secrets"}
	cmd.AddCommand(keysCreateCommand(env), keysCreateSealCommand(env), keysRotateSealCommand(env))
	return cmd
}

// consumerName keeps names fit for a YAML key, a log line and a metric label.
var consumerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// newKey is what keys create prints.
type newKey struct {
	Consumer string `json:"consumer"`
	Key      string `json:"key"`
	Hash     string `json:"hash"`
	YAML     string `json:"yaml"`
}

func keysCreateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an access key for a consumer and print it, this once",
		Long: `Make an access key. It is printed and kept nowhere: give it to whoever runs the connector. sluice.yaml gets its hash, in the
lines that are printed below it; a consumer may have several keys, so that one can follow another without a gap.`,
		Example: "  sluice keys create iga --view sailpoint",
		Args:    cobra.ExactArgs(1),
	}
	output := formatFlag(cmd)
	view := cmd.Flags().String("view", "sailpoint", "view for the consumer")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		for _, name := range []string{args[0], *view} {
			if !consumerName.MatchString(name) {
				return usagef("%q is no name: use letters, digits, and . _ - between them", name)
			}
		}
		made := newKey{Consumer: args[0]}
		made.Key, made.Hash = connectors.NewKey()
		made.YAML = fmt.Sprintf("consumers:\n  %s:\n    keys: [%q]\n    view: %s\n", made.Consumer, made.Hash, *view)
		if *output == asJSON {
			return writeJSON(env.stdout, made)
		}
		_, err := fmt.Fprintf(env.stdout, "The access key of %s. It is shown this once:\n\n  %s\n\nIn sluice.yaml:\n\n%s", made.Consumer, made.Key, made.YAML)
		return err
	}
	return cmd
}
