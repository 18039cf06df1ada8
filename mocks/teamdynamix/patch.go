package teamdynamix

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// operation is one step of a PATCH. It looks like RFC 6902, with differences [S]: there is no test, the elements of a
// collection are addressed by their ID and not by their place, "/-" is unavailable, and the standard applications can only be
// replaced as a whole [V]. No source lists replace; it is taken as add to a member that exists.
type operation struct {
	Op, Path, From string
	Value          json.RawMessage
}

// byID are the collections whose elements have an ID to be addressed by.
var byID = []string{"Attributes", "OrgApplications"}

// frozen are the members that PATCH cannot change: password, organisation and type [V], and what is read-only.
var frozen = []string{
	"UID", "ReferenceID", "BEID", "BEIDInt", "TypeID", "Password", "FullName", "GroupIDs", "Permissions", "SecurityRoleName",
	"DefaultAccountName",
}

// patch applies ops to u in order and returns the outcome; u stays as it is. All faults are the caller's.
func patch(u user, ops []operation) (user, error) {
	doc, err := document(u)
	if err != nil {
		return user{}, err
	}
	for i, op := range ops {
		if err := op.apply(doc); err != nil {
			return user{}, badRequest("Operation %d (%s %s): %v.", i, op.Op, op.Path, err)
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return user{}, err
	}
	var out user
	if err := json.Unmarshal(b, &out); err != nil {
		return user{}, badRequest("A value has the wrong type for its member.")
	}
	return out, nil
}

// document is u as a tree that operations can walk.
func document(u user) (map[string]any, error) {
	b, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	err = json.Unmarshal(b, &doc)
	return doc, err
}

func (op operation) apply(doc map[string]any) error {
	switch strings.ToLower(op.Op) {
	case "add", "replace":
		var value any
		if len(op.Value) == 0 {
			return badRequest("a value is required")
		}
		if err := json.Unmarshal(op.Value, &value); err != nil {
			return badRequest("the value is not JSON")
		}
		return set(doc, op.Path, value)
	case "remove":
		return set(doc, op.Path, nil)
	case "copy", "move":
		value, err := get(doc, op.From)
		if err != nil {
			return err
		}
		if strings.EqualFold(op.Op, "move") {
			if err := set(doc, op.From, nil); err != nil {
				return err
			}
		}
		return set(doc, op.Path, value)
	}
	return badRequest("the operation is not supported")
}

// place is where a path leads: a member, or an element of a collection with an ID, or a member of that.
type place struct {
	member, field string
	id            int // 0: the member itself
}

func parsePlace(doc map[string]any, path string) (place, error) {
	parts := strings.Split(path, "/")
	if len(parts) < 2 || parts[0] != "" || len(parts) > 4 {
		return place{}, badRequest("the path '%s' leads nowhere", path)
	}
	member, ok := memberOf(doc, parts[1])
	if !ok {
		return place{}, badRequest("there is no member '%s'", parts[1])
	}
	if len(parts) == 2 {
		return place{member: member}, nil
	}
	id, err := strconv.Atoi(parts[2])
	if err != nil || id <= 0 || !slices.Contains(byID, member) {
		return place{}, badRequest("the elements of '%s' cannot be addressed by '%s'", member, parts[2])
	}
	at := place{member: member, id: id}
	if len(parts) == 4 {
		at.field = parts[3]
	}
	return at, nil
}

// memberOf finds the member of that name, whatever its case.
func memberOf(m map[string]any, name string) (string, bool) {
	if _, ok := m[name]; ok {
		return name, true
	}
	for key := range m {
		if strings.EqualFold(key, name) {
			return key, true
		}
	}
	return "", false
}

func get(doc map[string]any, path string) (any, error) {
	at, err := parsePlace(doc, path)
	if err != nil || at.id == 0 {
		return doc[at.member], err
	}
	i, list := at.element(doc)
	if i < 0 {
		return nil, badRequest("'%s' has no element %d", at.member, at.id)
	}
	if at.field == "" {
		return list[i], nil
	}
	fields, _ := list[i].(map[string]any)
	key, ok := memberOf(fields, at.field)
	if !ok {
		return nil, badRequest("there is no member '%s'", at.field)
	}
	return fields[key], nil
}

// set puts value at path; nil takes away what is there.
func set(doc map[string]any, path string, value any) error {
	at, err := parsePlace(doc, path)
	if err != nil {
		return err
	}
	if slices.Contains(frozen, at.member) {
		return badRequest("'%s' cannot be changed", at.member)
	}
	if at.id == 0 {
		doc[at.member] = value
		return nil
	}
	return at.put(doc, value)
}

// put changes, adds or removes one element of a collection. It copies on the way: the element may stand elsewhere too.
func (at place) put(doc map[string]any, value any) error {
	i, list := at.element(doc)
	list = slices.Clone(list)
	switch {
	case i < 0 && (value == nil || at.field != ""):
		return badRequest("'%s' has no element %d", at.member, at.id)
	case at.field != "":
		old, _ := list[i].(map[string]any)
		fields := maps.Clone(old)
		key, ok := memberOf(fields, at.field)
		if !ok || key == "ID" {
			return badRequest("'%s' of element %d cannot be changed", at.field, at.id)
		}
		fields[key] = value
		list[i] = fields
	case value == nil:
		list = slices.Delete(list, i, i+1)
	default:
		fields, ok := value.(map[string]any)
		if !ok {
			return badRequest("an element of '%s' must be an object", at.member)
		}
		whole := maps.Clone(fields)
		whole["ID"] = float64(at.id) // as JSON has it, so that a later step finds it
		if i < 0 {
			list = append(list, whole)
		} else {
			list[i] = whole
		}
	}
	doc[at.member] = list
	return nil
}

// element finds the element of this ID, or -1.
func (at place) element(doc map[string]any) (int, []any) {
	list, _ := doc[at.member].([]any)
	return slices.IndexFunc(list, func(v any) bool {
		fields, _ := v.(map[string]any)
		id, ok := fields["ID"].(float64)
		return ok && int(id) == at.id
	}), list
}
