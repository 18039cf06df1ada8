package events

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// route splits a path into the version and what follows it: /beta/triggers and /triggers/v1 are both /triggers.
func route(path string) (version, rest string, found bool) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(path, "/"), "/"), "/")
	if slices.Contains(versions, first) {
		return first, "/" + rest, true
	}
	if !slices.Contains([]string{"triggers", "trigger-subscriptions", "trigger-invocations"}, first) {
		return "", "", false
	}
	version, rest, more := strings.Cut(rest, "/")
	if version != "v1" {
		return "", "", false
	}
	if more {
		return version, "/" + first + "/" + rest, true
	}
	return version, "/" + first, true
}

func (a *API) wrongMethod(v *visit, methods map[string]operation) error {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	v.ResponseWriter.Header().Set("Allow", allow)
	return refuse(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not supported here; %s can be.", allow)
}
