package events

import (
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
		Input  map[string]any `json:"input"`
		Filter *string        `json:"filter"`
	}
	if err := v.body(&asked); err != nil {
		return err
	}
	switch {
	case asked.Filter == nil:
		return bad("filter is required")
	case asked.Input == nil:
		return bad("input is required")
	case len(*asked.Filter) > mostFilter:
		return bad("filter is longer than %d bytes", mostFilter)
	}
	var says validity
	says.IsValid, says.IsValidJSONPath, says.IsPathExist = a.Filters.Check(*asked.Filter, any(asked.Input))
	v.send(http.StatusOK, says)
	return nil
}
