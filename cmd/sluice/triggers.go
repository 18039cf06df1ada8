package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/triggers"
)

func triggersCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "triggers", Short: "The kinds of events that there are, shipped ones and your own"}
	cmd.AddCommand(triggersListCommand(env), triggersShowCommand(env))
	return cmd
}

// triggerLine is a trigger in a list.
type triggerLine struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Kind        triggers.Kind `json:"type"` // as SailPoint's API calls it
	Description string        `json:"description,omitempty"`
	File        string        `json:"file"`
}

// triggerPage is all there is to show of a trigger. The schemas are texts, as SailPoint's API has them.
type triggerPage struct {
	triggerLine
	InputSchema   string          `json:"inputSchema"`
	ExampleInput  json.RawMessage `json:"exampleInput"`
	OutputSchema  *string         `json:"outputSchema"`
	ExampleOutput json.RawMessage `json:"exampleOutput"`
}

func triggersListCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the triggers", Args: cobra.NoArgs}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, err := from.set()
		if err != nil {
			return err
		}
		lines := []triggerLine{}
		for _, t := range set.Triggers().All() {
			lines = append(lines, triggerLineOf(t))
		}
		if *output == asJSON {
			return writeJSON(env.stdout, lines)
		}
		rows := [][]string{{"ID", "NAME", "TYPE", "FILE"}}
		for _, l := range lines {
			rows = append(rows, []string{l.ID, l.Name, string(l.Kind), l.File})
		}
		return writeTable(env.stdout, rows)
	}
	return cmd
}

func triggersShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a trigger with its examples, or print one of its schemas",
		Args:  cobra.ExactArgs(1),
	}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	var schema schemaFormat
	cmd.Flags().Var(&schema, "schema", "print the schema of its payload and nothing else: json-schema or avro")
	ofOutput := cmd.Flags().Bool("answer", false, "with --schema: that of the answer instead")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, err := from.set()
		if err != nil {
			return err
		}
		t, err := triggerOf(set, args[0])
		switch {
		case err != nil:
			return err
		case *ofOutput && schema == "":
			return usagef("--answer says of which payload --schema is: name json-schema or avro")
		case schema != "":
			return printSchema(env.stdout, t, schema, *ofOutput)
		}
		page := triggerPageOf(t)
		if *output == asJSON {
			return writeJSON(env.stdout, page)
		}
		return page.text(env.stdout)
	}
	return cmd
}

// schemaFormat is the value of --schema.
type schemaFormat string

const (
	asJSONSchema schemaFormat = "json-schema"
	asAvro       schemaFormat = "avro"
)

// String implements pflag.Value.
func (f *schemaFormat) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *schemaFormat) Set(text string) error {
	if text != string(asJSONSchema) && text != string(asAvro) {
		return errors.New("must be json-schema or avro")
	}
	*f = schemaFormat(text)
	return nil
}

// Type implements pflag.Value.
func (f *schemaFormat) Type() string { return "json-schema|avro" }

func printSchema(out io.Writer, t *triggers.Trigger, format schemaFormat, ofOutput bool) error {
	s := t.Input
	if ofOutput {
		s = t.Output
	}
	if s == nil {
		return usagef("%s has no answer: its type is %s", t.ID, t.Kind)
	}
	text := s.JSONSchema()
	if format == asAvro {
		text = s.Avro()
	}
	if text == "" {
		return usagef("%s has no Avro schema, because its file has a JSON Schema of its own; describe it by fields", t.ID)
	}
	return writeIndented(out, []byte(text))
}

// writeIndented prints JSON for people, its members in their order.
func writeIndented(out io.Writer, text []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("print json: %w", err)
	}
	b.WriteByte('\n')
	_, err := out.Write(b.Bytes())
	return err
}

func triggerLineOf(t *triggers.Trigger) triggerLine {
	return triggerLine{ID: t.ID, Name: t.Name, Kind: t.Kind, Description: t.Description, File: t.File}
}

func triggerPageOf(t *triggers.Trigger) triggerPage {
	p := triggerPage{triggerLine: triggerLineOf(t), InputSchema: t.Input.JSONSchema(), ExampleInput: t.ExampleInput, ExampleOutput: t.ExampleOutput}
	if t.Output != nil {
		text := t.Output.JSONSchema()
		p.OutputSchema = &text
	}
	return p
}

// text writes the page for people.
func (p triggerPage) text(out io.Writer) error {
	facts := [][]string{{"ID", p.ID}, {"Name", p.Name}, {"Type", string(p.Kind)}, {"File", p.File}}
	if p.Description != "" {
		facts = append(facts, []string{"Fires", p.Description})
	}
	err := writeTable(out, append(facts, []string{}, []string{"A payload:"}))
	if err = errors.Join(err, writeIndented(out, p.ExampleInput)); p.ExampleOutput == nil {
		return err
	}
	_, failed := io.WriteString(out, "\nAn answer:\n")
	return errors.Join(err, failed, writeIndented(out, p.ExampleOutput))
}
