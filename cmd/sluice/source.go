package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice/configs"
	"sluice/connectors"
	"sluice/internal/strict"
)

// configVariable names the environment variable that stands for --config.
const configVariable = "SLUICE_CONFIG"

// builtIn is how faults name the folder of the files that the binary holds.
const builtIn = "built-in"

// source is where a configuration comes from.
type source struct {
	path string   // folder or file; "" = what the binary holds
	vars []string // the environment: overrides and ${env:…}
}

// load reads, checks and compiles the configuration: the one path that serve, reload and check share.
func (s source) load() (*connectors.Set, strict.Faults) {
	env := connectors.Environment{Vars: s.vars, Reserved: []string{configVariable, dataVariable, moveVariable}}
	if s.path == "" {
		env.Folder = builtIn
		return connectors.Load(configs.FS, env)
	}
	return connectors.LoadPath(s.path, configs.FS, env)
}

// set is load for commands that need a configuration and nothing else: its faults exit with exitUsage.
func (s source) set() (*connectors.Set, error) {
	set, faults := s.load()
	if err := faults.Err(); err != nil {
		return nil, exitWith(exitUsage, fmt.Errorf("the configuration has faults:\n%w", err))
	}
	return set, nil
}

// faultf is a fault at a key of the sluice.yaml.
func (s source) faultf(key, format string, args ...any) strict.Fault {
	data, name, err := s.mainFile()
	if doc, faults := strict.Parse(name, data); err == nil && len(faults) == 0 {
		return doc.Faultf(key, format, args...)
	}
	return strict.Fault{File: name, Key: key, Message: fmt.Sprintf(format, args...)}
}

// String names the source for people.
func (s source) String() string {
	if s.path == "" {
		return "the built-in configuration"
	}
	return filepath.Clean(s.path)
}

// sourceFlag gives a command --config.
func sourceFlag(cmd *cobra.Command, env environment) *source {
	s := &source{vars: env.vars}
	cmd.Flags().StringVarP(&s.path, "config", "c", env.lookup(configVariable),
		"folder, sluice.yaml, or file of a connector or a trigger; $"+configVariable+" stands for it, and without either the built-in one is used")
	return s
}

// format is the value of -o: text for people, json for machines.
type format string

const (
	asText format = "text"
	asJSON format = "json"
)

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if text != string(asText) && text != string(asJSON) {
		return fmt.Errorf("must be text or json")
	}
	*f = format(text)
	return nil
}

// Type implements pflag.Value.
func (f *format) Type() string { return "text|json" }

// formatFlag gives a command -o.
func formatFlag(cmd *cobra.Command) *format {
	f := asText
	cmd.Flags().VarP(&f, "output", "o", "how to print: text or json")
	return &f
}

// writeJSON prints v for machines: indented, one document.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print json: %w", err)
	}
	return nil
}
