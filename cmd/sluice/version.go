package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker: make build, Dockerfile.
var version = ""

// build says which binary this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, where the compiler was told
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildOf() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				b.Revision = setting.Value
			}
		}
	}
	if b.Version == "" && ok {
		b.Version = strings.Trim(info.Main.Version, "()") // "(devel)" unless installed as a module
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

func versionCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Say which build this is", Args: cobra.NoArgs}
	output := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		b := buildOf()
		if *output == asJSON {
			return writeJSON(env.stdout, b)
		}
		_, err := fmt.Fprintf(env.stdout, "sluice %s (%s, %s)\n", b.Version, b.Go, b.Platform)
		return err
	}
	return cmd
}
