package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"sluice/connectors"
	"sluice/triggers"
)

func configCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "The configuration: its schema, and what runs"}
	cmd.AddCommand(configSchemaCommand(env), configShowCommand(env))
	return cmd
}

func configSchemaCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [sluice|connector|trigger]",
		Short:     "Print the JSON Schema of sluice.yaml, of a connector's or of a trigger's file, for editors",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"sluice", "connector", "trigger"},
		RunE: func(_ *cobra.Command, args []string) error {
			kind := append(args, "sluice")[0]
			text, err := map[string]func() ([]byte, error){
				"sluice": connectors.MainSchema, "connector": connectors.ConnectorSchema, "trigger": triggers.FileSchema,
			}[kind]()
			if err != nil {
				return fmt.Errorf("write the schema: %w", err)
			}
			_, err = env.stdout.Write(text)
			return err
		},
	}
}

func configShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print what runs: defaults filled in, the environment laid over, secrets as their references",
		Args:  cobra.NoArgs,
	}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := from.set()
		if err != nil {
			return err
		}
		text, err := set.Show()
		if err != nil {
			return err
		}
		if *output == asJSON {
			return showJSON(env.stdout, text)
		}
		_, err = env.stdout.Write(text)
		return err
	}
	return cmd
}

// showJSON prints YAML as JSON.
func showJSON(w io.Writer, text []byte) error {
	var v map[string]any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("print what runs as json: %w", err)
	}
	return writeJSON(w, v)
}
