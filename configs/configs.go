// Package configs holds the configuration that Sluice starts with when it is given none: sluice.yaml, a file for each
// shipped connector, and the JSON Schemas that editors check them by. cmd/sluice hands FS to package connectors, which
// reads and checks it like any other folder. Nothing here is code.
package configs

import "embed"

// FS holds sluice.yaml, connectors/*.yaml and schema/*.json.
//
//go:embed sluice.yaml connectors/*.yaml schema/*.json
var FS embed.FS
