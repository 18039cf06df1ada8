package events

import (
	"encoding/json"
	"net/http"

	"sluice/triggers"
)

// validity is what validate-filter says.
type validity struct {
	IsValid         bool `json:"isValid"`         // the input passes
	IsValidJSONPath bool `json:"isValidJSONPath"` // the filter compiles
	IsPathExist     bool `json:"isPathExist"`     // it finds something in the input
}

func (a *API) validateFilter(v *visit) error {
	var asked struct {
		Input  json.RawMessage `json:"input"`
		Filter *string         `json:"filter"`
	}
	if err := v.body(&asked); err != nil {
		return err
	}
	switch {
	case asked.Filter == nil:
		return bad("filter is required")
	case asked.Input == nil:
		return bad("input is required")
	case asked.Input[0] != '{':
		return bad("input must be an object")
	case len(*asked.Filter) > mostFilter:
		return bad("filter is longer than %d bytes", mostFilter)
	}
	input, err := triggers.Decode(asked.Input)
	if err != nil {
		return bad("input must be an object")
	}
	var says validity
	says.IsValid, says.IsValidJSONPath, says.IsPathExist = a.Filters.Check(*asked.Filter, input)
	v.send(http.StatusOK, says)
	return nil
}
