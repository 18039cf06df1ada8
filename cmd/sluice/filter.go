package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/triggers"
	"sluice/triggers/filter"
)

// filterCommand is what can be done with the filters of subscriptions.
func filterCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "filter",
		Short: "Try the filter of a subscription to a trigger",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(filterTryCommand(env))
	return cmd
}

// filterTryCommand holds a filter against a document, without a server.
func filterTryCommand(env environment) *cobra.Command {
	var output *format
	var from *source
	var trigger string
	cmd := &cobra.Command{
		Use:   "try FILTER [FILE|-]",
		Short: "Say whether a filter lets an event pass, and why",
		Long: `Read a filter as SailPoint's event triggers do (Jayway JsonPath), hold it against the JSON of FILE, or of standard input, or,
with --trigger, against the trigger's example, and say what validate-filter would answer, and which comparisons were made with which values. Exits with 0 when the event
passes, 1 when it does not, and 2 when the filter is none.`,
		Example: `  sluice filter try '$.changes[?(@.attribute == "department")]' event.json
  sluice filter try '$[?($.identity.name contains "john")]' - -o json
  sluice filter try '$.identity.id' --trigger idn:identity-created`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			document := func() (any, error) { return filterDocument(env, append(args, "-")[1]) }
			switch {
			case trigger != "" && len(args) == 2:
				return usagef("give a document or --trigger, not both")
			case trigger != "":
				document = func() (any, error) { return exampleDocument(*from, trigger) }
			}
			return tryFilter(env, *output, args[0], document)
		},
	}
	output, from = formatFlag(cmd), sourceFlag(cmd, env)
	cmd.Flags().StringVar(&trigger, "trigger", "", "hold it against the example of a trigger instead of a document")
	return cmd
}

// filterTrial is what validate-filter answers, and why.
type filterTrial struct {
	IsValid         bool   `json:"isValid"`
	IsValidJSONPath bool   `json:"isValidJSONPath"`
	IsPathExist     bool   `json:"isPathExist"`
	Explanation     string `json:"explanation,omitempty"`
	Error           string `json:"error,omitempty"`
	Position        int    `json:"position,omitempty"` // of the character in the filter, from 1
}

func tryFilter(env environment, output format, text string, document func() (any, error)) error {
	compiled, err := filter.Compile(text)
	if err != nil {
		trial := filterTrial{Error: err.Error()}
		if e, ok := errors.AsType[*filter.SyntaxError](err); ok {
			trial.Error, trial.Position = e.Message, e.Position
		}
		return errors.Join(printFilterTrial(env, output, trial), usagef("the filter: %w%s", err, pointer(text, trial.Position)))
	}
	doc, err := document()
	if err != nil {
		return err
	}
	trial := filterTrial{Explanation: compiled.Explain(doc)}
	trial.IsValid, trial.IsValidJSONPath, trial.IsPathExist = filter.Check(text, doc)
	if err := printFilterTrial(env, output, trial); err != nil {
		return err
	}
	if !trial.IsValid {
		return unwell()
	}
	return nil
}

// pointer shows the place in a filter that fits a line of a terminal.
func pointer(text string, position int) string {
	if position < 1 || len(text) > 200 || strings.ContainsFunc(text, unseen) {
		return ""
	}
	return "\n  " + text + "\n  " + strings.Repeat(" ", position-1) + "^"
}

// exampleDocument is the example payload of a trigger.
func exampleDocument(from source, id string) (any, error) {
	set, err := from.set()
	if err != nil {
		return nil, err
	}
	trigger, err := triggerOf(set, id)
	if err != nil {
		return nil, err
	}
	return triggers.Decode(trigger.ExampleInput)
}

// filterDocument reads one JSON document and keeps its numbers as they are written.
func filterDocument(env environment, name string) (any, error) {
	from := env.stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, exitWith(exitBlocked, fmt.Errorf("read the document: %w", err))
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, exitWith(exitBlocked, fmt.Errorf("read the document: %w", err))
	}
	doc, err := triggers.Decode(text)
	switch {
	case errors.Is(err, triggers.ErrMore):
		return nil, usagef("%s has more behind its JSON document: give one event", name)
	case err != nil:
		return nil, usagef("%s must be a JSON document, and %s (%w)", name, triggers.WhyNotJSON(text, err), err)
	}
	return doc, nil
}

func printFilterTrial(env environment, output format, trial filterTrial) error {
	if output == asJSON {
		return writeJSON(env.stdout, trial)
	}
	_, err := fmt.Fprintf(env.stdout, "isValid          %v\nisValidJSONPath  %v\nisPathExist      %v\n", trial.IsValid, trial.IsValidJSONPath, trial.IsPathExist)
	if err == nil && trial.Explanation != "" {
		_, err = fmt.Fprintf(env.stdout, "\n%s", trial.Explanation)
	}
	return err
}
