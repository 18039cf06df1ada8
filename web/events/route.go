package events

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
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

// withoutID takes the id, which is the second segment, out of a path. Clients escape the colon of a trigger's id, or leave it. What no database keeps
// is nobody's id.
func withoutID(path string) (without, id string, found bool) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	segment, more, deeper := strings.Cut(rest, "/")
	id, err := url.PathUnescape(segment)
	if err != nil || id == "" || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
		return "", "", false
	}
	without = "/" + first + "/{id}"
	if deeper {
		without += "/" + more
	}
	return without, id, true
}

func (a *API) wrongMethod(v *visit, methods map[string]operation) error {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	v.ResponseWriter.Header().Set("Allow", allow)
	return refuse(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not supported here; %s can be.", allow)
}
