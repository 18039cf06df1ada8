package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// TestScimDescribesItself does what a client does before it reads anything.
func TestScimDescribesItself(t *testing.T) {
	t.Parallel()
	h := open(t, 20)
	for _, prefix := range []string{"/scim/tdx", "/scim/tdx/v2"} {
		config := h.get(t, prefix+"/ServiceProviderConfig")
		if got := fmt.Sprint(config.status, at(config.body, "filter", "supported"), at(config.body, "patch", "supported"), at(config.body, "etag", "supported")); got != "200 true false true" {
			t.Errorf("%s: filter, patch, etag: got %s, want 200 true false true", prefix, got)
		}
		types := h.get(t, prefix+"/ResourceTypes").body
		schemas := map[string]map[string]any{}
		for _, one := range h.get(t, prefix+"/Schemas").body["Resources"].([]any) {
			schemas[at(one, "id").(string)] = one.(map[string]any)
		}
		var endpoints []string
		for _, kind := range types["Resources"].([]any) {
			endpoint := at(kind, "endpoint").(string)
			endpoints = append(endpoints, endpoint)
			if schemas[at(kind, "schema").(string)] == nil || schemas[at(kind, "schemaExtensions", 0, "schema").(string)] == nil {
				t.Errorf("%s names a schema that /Schemas does not have", endpoint)
			}
			location := strings.TrimPrefix(at(kind, "meta", "location").(string), "http://sluice.example")
			if got := h.get(t, location); got.status != http.StatusOK || got.body["endpoint"] != endpoint {
				t.Errorf("%s: got %d %s, want 200", location, got.status, got.text)
			}
		}
		if got, want := strings.Join(endpoints, " "), "/Users /Groups /applications /security_roles /departments"; got != want && !slices.Equal(slices.Sorted(slices.Values(endpoints)), slices.Sorted(slices.Values(strings.Fields(want)))) {
			t.Errorf("endpoints: got %s, want %s", got, want)
		}
		for id := range schemas {
			if got := h.get(t, prefix+"/Schemas/"+id); got.status != http.StatusOK || got.body["id"] != id {
				t.Errorf("schema %s: got %d, want 200", id, got.status)
			}
		}
		kinds := map[string]string{}
		for _, one := range schemas[ownUser]["attributes"].([]any) {
			kinds[at(one, "name").(string)] = fmt.Sprint(at(one, "type"), " ", at(one, "multiValued"))
		}
		for name, want := range map[string]string{"TypeID": "integer false", "IsEmployee": "boolean false", "UserName": "string false", "entitlements": "complex false"} {
			if kinds[name] != want {
				t.Errorf("schema of %s: got %q, want %q", name, kinds[name], want)
			}
		}
	}
}
