package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sluice/aggregation"
	"sluice/connectors"
)

// about answers with the one document of its kind.
func (v *visit) about(document map[string]any, id string) (*http.Response, error) {
	if id != "" {
		return nil, noEndpoint(v.conn)
	}
	return v.send(reply{status: http.StatusOK, kind: scimType}, document)
}

// listAbout answers with all of what describes the server, or the one of an id. These lists are not filtered (RFC 7644, section 4).
func (v *visit) listAbout(all []map[string]any, id string) (*http.Response, error) {
	if v.question.Has("filter") {
		return nil, refuse(http.StatusForbidden, "filter_refused", "this list is not filtered: ask for all, or for one by its id")
	}
	if id == "" {
		return v.send(reply{status: http.StatusOK, kind: scimType}, map[string]any{
			"schemas": []string{urnList}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
		})
	}
	for _, one := range all {
		if strings.EqualFold(one["id"].(string), id) {
			return v.send(reply{status: http.StatusOK, kind: scimType}, one)
		}
	}
	return nil, refuse(http.StatusNotFound, "unknown_path", "there is none of this id; ask without one for the list")
}

// providerConfig is RFC 7643, section 5.
func providerConfig(v *visit) map[string]any {
	no := map[string]any{"supported": false}
	return map[string]any{
		"schemas": []string{urnProvider}, "patch": no, "changePassword": no, "sort": no, "etag": map[string]any{"supported": true},
		"bulk":   map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": mostCount},
		"authenticationSchemes": []any{
			map[string]any{"type": "oauthbearertoken", "name": "Access key", "description": "An access key of Sluice as bearer token", "primary": true},
			map[string]any{"type": "httpbasic", "name": "HTTP Basic", "description": "Any user name, and an access key of Sluice as password"},
		},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": v.base + "/ServiceProviderConfig"},
	}
}

// resourceTypes is RFC 7643, section 6.
func resourceTypes(v *visit) (all []map[string]any) {
	for _, e := range endpoints(v.conn) {
		all = append(all, map[string]any{
			"schemas": []string{urnType}, "id": e.typeName(), "name": e.typeName(), "endpoint": "/" + e.path, "schema": e.schema,
			"description":      "The " + e.resource.Name + " of " + v.conn.Name + ", as they were aggregated",
			"schemaExtensions": []any{map[string]any{"schema": e.extension(v.conn), "required": false}},
			"meta":             map[string]any{"resourceType": "ResourceType", "location": v.location("ResourceTypes", e.typeName())},
		})
	}
	return all
}

// schemas is RFC 7643, section 7: the two of the standard, and what each resource has beyond them.
func (v *visit) schemas() (all []map[string]any, err error) {
	all = []map[string]any{v.schema(urnUser, "User", userSchema), v.schema(urnGroup, "Group", groupSchema)}
	for _, e := range endpoints(v.conn) {
		attributes, err := v.extendedSchema(e)
		if err != nil {
			return nil, err
		}
		all = append(all, v.schema(e.extension(v.conn), e.resource.Name+" of "+v.conn.Name, attributes))
	}
	return all, nil
}

func (v *visit) schema(id, name string, attributes []any) map[string]any {
	return map[string]any{
		"schemas": []string{urnSchema}, "id": id, "name": name, "description": name, "attributes": attributes,
		"meta": map[string]any{"resourceType": "Schema", "location": v.location("Schemas", id)},
	}
}

// extendedSchema tells the vendor's attributes from the first accounts of the snapshot, because only they know.
func (v *visit) extendedSchema(e endpoint) (attributes []any, err error) {
	scope := aggregation.Scope{Connection: v.conn.Name, Resource: e.resource.Name}
	_, page, err := v.room.snapshots.Page(v.Context(), scope, 0, stride)
	if err != nil {
		return nil, err
	}
	attributes = []any{}
	seen := map[string]map[string]any{}
	for _, r := range page {
		a, err := accountOf(r)
		if err != nil {
			return nil, err
		}
		for name, value := range a.Attributes {
			shown, known := seen[name]
			if kind, many := kindOf(value); kind != "" && (!known || shown["type"] != kind) {
				if known { // of several kinds: all are texts to a client
					kind = "string"
				}
				seen[name] = attribute(extendedName(name), kind, many, "")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		attributes = append(attributes, seen[name])
	}
	return append(attributes, entitlementSchema(e.resource)...), nil
}

// entitlementSchema has an attribute for each type of entitlement.
func entitlementSchema(r *connectors.Resource) []any {
	var kinds []any
	for _, kind := range slices.Sorted(maps.Keys(r.Map.Entitlements)) {
		kinds = append(kinds, attribute(kind, "string", true, ""))
	}
	if kinds == nil {
		return nil
	}
	return []any{attribute("entitlements", "complex", false, "What is held, by type", kinds...)}
}

// kindOf is a value's data type (RFC 7643, section 2.3), "" for one that has none.
func kindOf(value any) (kind string, many bool) {
	switch v := value.(type) {
	case string:
		return "string", false
	case bool:
		return "boolean", false
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "decimal", false
		}
		return "integer", false
	case []any:
		for _, one := range v {
			if kind, _ = kindOf(one); kind != "" {
				return kind, true
			}
		}
		return "string", true
	}
	return "", false
}

// attribute is one of a schema (RFC 7643, section 7).
func attribute(name, kind string, many bool, description string, inside ...any) map[string]any {
	out := map[string]any{
		"name": name, "type": kind, "multiValued": many, "description": description, "required": name == "userName", "caseExact": false,
		"mutability": "readOnly", "returned": "default", "uniqueness": "none",
	}
	if name == "userName" {
		out["uniqueness"] = "server"
	}
	if len(inside) > 0 {
		out["subAttributes"] = inside
	}
	return out
}

func text(name, description string) map[string]any {
	return attribute(name, "string", false, description)
}

func flag(name, description string) map[string]any {
	return attribute(name, "boolean", false, description)
}

// userSchema and groupSchema are the parts of the standard's schemas that accounts are shown by.
var (
	userSchema = []any{
		text("userName", "The vendor's user name, or the account's name"),
		attribute("name", "complex", false, "", text("formatted", ""), text("givenName", ""), text("familyName", "")),
		text("displayName", "For people"),
		flag("active", "Whether the vendor lets the user in"),
		attribute("emails", "complex", true, "", text("value", ""), text("type", ""), flag("primary", "")),
		attribute("groups", "complex", true, "The groups that the user holds", text("value", "The group's id"), text("$ref", ""), text("type", "")),
	}
	groupSchema = []any{
		text("displayName", "For people"),
		attribute("members", "complex", true, "Shown where a group is asked for by its id",
			text("value", "The user's id"), text("display", ""), text("$ref", ""), text("type", "")),
	}
)
