package connectors

import "sluice/internal/strict"

// MainSchema returns the JSON Schema of sluice.yaml.
func MainSchema() ([]byte, error) {
	return strict.Schema(mainFile{}, "https://sluice.invalid/schema/sluice.json", "sluice.yaml: what a deployment runs")
}

// ConnectorSchema returns the JSON Schema of connectors/NAME.yaml.
func ConnectorSchema() ([]byte, error) {
	return strict.Schema(connectorFile{}, "https://sluice.invalid/schema/connector.json", "connectors/NAME.yaml: what a vendor is")
}
