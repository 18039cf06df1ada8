package events

import (
	"encoding/json"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"sluice/triggers"
)

// Bounds of a patch. A copy can double a document, so what copies add up to is bounded too.
const (
	mostOperations = 100
	mostCopied     = 1 << 20
)

// patchable are the members that a client may patch; sluice is ours.
var patchable = []string{"name", "description", "enabled", "type", "filter", "responseDeadline", "httpConfig", "eventBridgeConfig", "workflowConfig", "sluice"}

// step is one operation of a patch.
type step struct {
	Op   string  `json:"op"`
	Path *string `json:"path"`
	From *string `json:"from"`
}

// patchSubscription runs a JSON Patch on the subscription as it is stored, because clients put new secrets into it so.
func (a *API) patchSubscription(v *visit) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	var steps []step
	if err := decode(text, &steps); err != nil {
		return err
	}
	if err := checkSteps(steps); err != nil {
		return err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return bad("the patch cannot be read")
	}
	return a.change(v, func(s *triggers.Subscription) error {
		return apply(s, patch, steps)
	})
}

func checkSteps(steps []step) error {
	if len(steps) > mostOperations {
		return bad("the patch has more than %d operations", mostOperations)
	}
	for i, s := range steps {
		if !slices.Contains([]string{"add", "remove", "replace", "move", "copy"}, s.Op) {
			return bad("operation %d: op must be add, remove, replace, move or copy", i+1)
		}
		paths := []*string{s.Path}
		if s.Op == "move" || s.Op == "copy" {
			paths = append(paths, s.From)
		}
		for _, path := range paths {
			if path == nil {
				return bad("operation %d: path is required, and from where op is move or copy", i+1)
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(*path, "/"), "/")
			switch {
			case first == "id" || first == "triggerId":
				return bad("operation %d: %s cannot be changed", i+1, first)
			case !strings.HasPrefix(*path, "/") || !slices.Contains(patchable, first):
				return bad("operation %d: only %s can be patched", i+1, strings.Join(patchable, ", "))
			}
		}
	}
	return nil
}

// apply runs a patch on a subscription with its secrets.
func apply(s *triggers.Subscription, patch jsonpatch.Patch, steps []step) error {
	before, err := document(s)
	if err != nil {
		return err
	}
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit = mostCopied
	after, err := patch.ApplyWithOptions(before, options)
	if err != nil {
		return bad("the patch cannot be applied: one of its paths leads to nothing that is there")
	}
	had, err := s.Clone()
	if err != nil {
		return err
	}
	var w written
	if err := decode(after, &w); err != nil {
		return err
	}
	if w.Name == nil || w.Type == nil {
		return bad("name and type cannot be removed")
	}
	if w.Sluice == nil { // it was removed
		w.Sluice = &triggers.Extension{}
	}
	if err := w.onto(s); err != nil {
		return err
	}
	if slices.ContainsFunc(steps, func(s step) bool { return s.Op == "move" || s.Op == "copy" }) && shows(s, had.TakeSecrets()) {
		return bad("the patch would bring a secret to where everybody sees it")
	}
	return nil
}

// document is a subscription as a patch sees it: a member that can be patched is there, if only as null, so that it can be replaced.
func document(s *triggers.Subscription) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	for _, name := range patchable {
		if members[name] == nil {
			members[name] = json.RawMessage("null")
		}
	}
	return json.Marshal(members)
}

// shows tells whether one of the secrets is anywhere in what is shown of a subscription.
func shows(s *triggers.Subscription, secrets map[string]string) bool {
	shown, err := s.Clone()
	if err != nil {
		return true
	}
	shown.TakeSecrets()
	text, err := json.Marshal(shown)
	if err != nil {
		return true
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return true
	}
	return holds(tree, func(text string) bool {
		for _, secret := range secrets {
			if secret != "" && secret == text {
				return true
			}
		}
		return false
	})
}

// holds tells whether a text of a tree, a member's name included, is one of those that is looks for.
func holds(tree any, is func(string) bool) bool {
	switch t := tree.(type) {
	case string:
		return is(t)
	case []any:
		return slices.ContainsFunc(t, func(item any) bool { return holds(item, is) })
	case map[string]any:
		for name, value := range t {
			if is(name) || holds(value, is) {
				return true
			}
		}
	}
	return false
}
