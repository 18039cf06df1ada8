package events

import (
	"encoding/json"
	"net/http"
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
	case !isObject(asked.Input):
		return bad("input is required, and must be an object")
	}
	var says validity
	if a.Filters.Compile(*asked.Filter) == nil {
		says.IsValidJSONPath = true
		says.IsPathExist, says.IsValid = a.Filters.Try(*asked.Filter, asked.Input)
	}
	v.send(http.StatusOK, says)
	return nil
}

func isObject(text json.RawMessage) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(text, &object) == nil && object != nil
}
