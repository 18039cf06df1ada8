package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sluice/internal/strict"
)

// faultJSON is a fault for machines. Line and column count from 1; 0 is a place without a line, such as an environment variable.
type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Message string `json:"message"`
}

func jsonFaults(faults strict.Faults) []faultJSON {
	out := make([]faultJSON, len(faults))
	for i, f := range faults {
		out[i] = faultJSON(f)
	}
	return out
}

// report is what check prints.
type report struct {
	OK     bool        `json:"ok"`
	Faults []faultJSON `json:"faults"`
	Tests  testCount   `json:"tests"`

	found strict.Faults
	what  source
}

type testCount struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
}

func checkCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [PATH]",
		Short: "Say all that is wrong with a configuration, and run its connectors' tests",
		Long: `Read a configuration the way serve does, without taking it into force, and run the tests block of every connector: what a
caller gets for a recorded answer of the vendor. PATH is a folder, a sluice.yaml, or a lone file of a connector or a trigger; it stands for --config.
Every fault is printed as file:line:column: key: what is wrong and what would be right. Exits with 1 when there is any.`,
		Args: cobra.MaximumNArgs(1),
	}
	from := sourceFlag(cmd, env)
	output := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			from.path = args[0]
		}
		r := report{what: *from}
		set, faults := from.load()
		if r.found = faults; set != nil {
			r.found, r.Tests = prove(cmd.Context(), set)
		}
		r.OK, r.Faults = len(r.found) == 0, jsonFaults(r.found)
		write := r.text
		if *output == asJSON {
			write = func(w io.Writer) error { return writeJSON(w, r) }
		}
		if err := write(env.stdout); err != nil {
			return err
		}
		if !r.OK {
			return unwell()
		}
		return nil
	}
	return cmd
}

// text writes the faults, one to a line, and a summary.
func (r report) text(w io.Writer) error {
	for _, f := range r.found {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	verdict := "ok"
	if !r.OK {
		verdict = count(len(r.found), "fault")
	}
	ran := "no tests were run"
	if n := r.Tests.Passed + r.Tests.Failed; n > 0 {
		ran = fmt.Sprintf("%d of %s passed", r.Tests.Passed, count(n, "test"))
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s\n", r.what, verdict, ran)
	return err
}

// count says how many there are of a thing.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
