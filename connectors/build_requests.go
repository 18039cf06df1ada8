package connectors

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sluice/transforms"
)

// What the programs of a request may use, by where it stands; see RequestVariables.
var (
	listVariables   = []string{"$page"}
	joinVariables   = []string{"$key", "$over", "$page"}
	detailVariables = []string{"$key", "$row"}
)

// keyParameter is the one parameter of a request's path.
const keyParameter = "{key}"

// request compiles a call. With $key among the variables that are usable its path may hold the key.
func (b *connectorBuild) request(key string, e *requestEntry, usable []string) Request {
	var made Request
	made.Method, made.Path = b.target(key+".call", e.Call, slices.Contains(usable, "$key"))
	for _, name := range slices.Sorted(maps.Keys(e.Query)) {
		if made.Query == nil {
			made.Query = map[string]*transforms.Query{}
		}
		made.Query[name] = b.parameter(joinKey(key+".query", name), e.Query[name], usable)
	}
	made.Body = b.program(key+".body", e.Body, usable, RequestVariables)
	if e.Body != "" && made.Method == http.MethodGet {
		b.fault(key+".body", "stands beside a GET, which has no body: say POST, or write it under query")
	}
	return made
}

// target reads "METHOD /path" of a request; both are empty where that is a fault.
func (b *connectorBuild) target(key, text string, keyed bool) (method, path string) {
	if text == "" {
		return "", ""
	}
	if before, query, found := strings.Cut(text, "?"); found {
		b.fault(key, "holds a query: write call: %q, and ?%s under query", before, query)
		return "", ""
	}
	t, err := parseTemplate(text, false)
	if err != nil {
		b.fault(key, "%v", err)
		return "", ""
	}
	if len(t.methods) != 1 || t.methods[0] != http.MethodGet && t.methods[0] != http.MethodPost {
		b.fault(key, "%s is no way to read: say GET, or POST for a search", strings.Join(t.methods, "|"))
		return "", ""
	}
	for part := range strings.SplitSeq(t.text, "/") {
		switch {
		case !strings.HasPrefix(part, "{"):
		case part != keyParameter:
			b.fault(key, "%s is unknown: the one parameter of a path is %s; all else goes into query or body", part, keyParameter)
		case !keyed:
			b.fault(key, "%s is unknown here: this list is one for all accounts; only detail and the list of a join with over are for one", part)
		}
	}
	return t.methods[0], t.text
}

// parameter compiles the value of a query parameter: a scalar stands for itself, {jq: …} for what the program gives.
func (b *connectorBuild) parameter(key string, value any, usable []string) *transforms.Query {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case int, bool:
		text = fmt.Sprint(v)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		if source, ok := v["jq"].(string); ok && len(v) == 1 && source != "" {
			return b.program(key+".jq", source, usable, RequestVariables)
		}
		b.fault(key, "must be a text, or {jq: PROGRAM} and nothing beside it")
		return nil
	default:
		b.fault(key, "must be a text, or {jq: PROGRAM}; to send no value write \"\", to send no parameter leave it out")
		return nil
	}
	quoted, err := json.Marshal(text) // a JSON string is a jq string: its backslashes are doubled, so nothing in it interpolates
	if err != nil {
		b.fault(key, "%v", err)
		return nil
	}
	return b.program(key, string(quoted), usable, RequestVariables)
}

// differs refuses a request that is made for one account or row after the other and is the same each time. Of one that is at fault
// already it says nothing.
func (b *connectorBuild) differs(key string, e *requestEntry, made *Request, usable []string) {
	if made.Path == "" || strings.Contains(made.Path, "{") || made.Body == nil && e.Body != "" {
		return
	}
	for _, name := range usable {
		if name != "$page" && made.mentions(name) {
			return
		}
	}
	b.fault(key+".call", "%s is the same call each time: put %s into the path, or use $key in query or body", e.Call, keyParameter)
}

// mentions tells whether a program of the request holds the name of a variable.
func (r *Request) mentions(variable string) bool {
	if r.Body != nil && strings.Contains(r.Body.String(), variable) {
		return true
	}
	for _, q := range r.Query {
		if q != nil && strings.Contains(q.String(), variable) {
			return true
		}
	}
	return false
}

func (b *connectorBuild) list(key string, e *listEntry, usable []string) Listing {
	made := Listing{Request: b.request(key, &e.requestEntry, usable), Items: b.program(key+".items", e.Items, nil, nil), Empty: e.Empty}
	made.Paging = b.paging(key+".paging", e.Paging, &made.Request)
	return made
}
