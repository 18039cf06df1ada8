package events

import (
	"crypto/rand"
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

// patchSubscription runs a JSON Patch on the subscription as it is stored, because clients put new secrets into it so.
func (a *API) patchSubscription(v *visit) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	// The patch that is looked at is the one that is applied. Read a second time, by other rules of which member counts, it could be another.
	var patch jsonpatch.Patch
	if err := decode(text, &patch); err != nil {
		return err
	}
	if patch == nil {
		return bad("the body must be an array, not null")
	}
	if err := checkPatch(patch); err != nil {
		return err
	}
	return a.change(v, func(s *triggers.Subscription) error { return apply(s, patch) })
}

func checkPatch(patch jsonpatch.Patch) error {
	if len(patch) > mostOperations {
		return bad("the patch has more than %d operations", mostOperations)
	}
	for i, op := range patch {
		if err := checkOperation(i+1, op); err != nil {
			return err
		}
	}
	return nil
}

func checkOperation(number int, op jsonpatch.Operation) error {
	kind := op.Kind()
	if !slices.Contains([]string{"add", "remove", "replace", "move", "copy"}, kind) {
		return bad("operation %d: op must be add, remove, replace, move or copy", number)
	}
	if _, err := op.ValueInterface(); err != nil && (kind == "add" || kind == "replace") {
		return bad("operation %d: value is required", number)
	}
	places := []func() (string, error){op.Path}
	if kind == "move" || kind == "copy" {
		places = append(places, op.From)
	}
	for _, place := range places {
		path, err := place()
		if err != nil {
			return bad("operation %d: path is required, and from where op is move or copy, as texts", number)
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		switch {
		case first == "id" || first == "triggerId":
			return bad("operation %d: %s cannot be changed", number, first)
		case !strings.HasPrefix(path, "/") || !slices.Contains(patchable, first):
			return bad("operation %d: only %s can be patched", number, strings.Join(patchable, ", "))
		}
	}
	return nil
}

// apply runs a patch on a subscription in which a text of chance stands for each secret. One that comes to stand where another secret has its
// place becomes its secret again. So whatever a patch does, it moves no secret to where it shows, and cannot tell whether a guess is right.
func apply(s *triggers.Subscription, patch jsonpatch.Patch) error {
	veiled, secrets, err := veil(s)
	if err != nil {
		return err
	}
	before, err := document(veiled)
	if err != nil {
		return err
	}
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit, options.SupportNegativeIndices = mostCopied, false
	after, err := patch.ApplyWithOptions(before, options)
	if err != nil {
		return bad("the patch cannot be applied: one of its paths leads to nothing that is there")
	}
	var w written
	if err := decode(after, &w); err != nil {
		return err
	}
	if w.Name == nil || w.Type == nil {
		return bad("name and type cannot be removed")
	}
	if w.Sluice == nil { // it was removed
		w.Sluice = &extension{}
	}
	if err := w.onto(veiled); err != nil {
		return err
	}
	there := veiled.TakeSecrets()
	for name, text := range there {
		if secret, stood := secrets[text]; stood {
			there[name] = secret
		}
	}
	if shows(veiled, secrets) {
		return bad("the patch would bring a secret to where everybody sees it")
	}
	veiled.PutSecrets(there)
	*s = *veiled
	return nil
}

// veil is a copy of a subscription with a text of chance in place of each secret, and the secrets by those texts.
func veil(s *triggers.Subscription) (veiled *triggers.Subscription, secrets map[string]string, err error) {
	if veiled, err = s.Clone(); err != nil {
		return nil, nil, err
	}
	secrets = map[string]string{}
	texts := veiled.TakeSecrets()
	for name, secret := range texts {
		texts[name] = rand.Text()
		secrets[texts[name]] = secret
	}
	veiled.PutSecrets(texts)
	return veiled, secrets, nil
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

// shows tells whether a text that stands for a secret is anywhere in a subscription whose secrets were taken out.
func shows(s *triggers.Subscription, secrets map[string]string) bool {
	text, err := json.Marshal(s)
	if err != nil {
		return true
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return true
	}
	return holds(tree, func(text string) bool {
		_, is := secrets[text]
		return is
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
