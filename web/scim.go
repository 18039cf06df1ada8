package web

import (
	"net/http"
	"strconv"
	"strings"

	"sluice/connectors"
	"sluice/internal/fault"
)

// The URNs of RFC 7643 and RFC 7644.
const (
	urnUser     = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup    = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnProvider = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	urnType     = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	urnSchema   = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	urnList     = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnError    = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// scimType is the media type of RFC 7644, section 3.1.
const scimType = "application/scim+json"

// endpoint is a collection below /scim/{connection}: Users and Groups for the resources that deserve the names, and each other resource by
// its own name.
type endpoint struct {
	path     string
	resource *connectors.Resource
	schema   string // urnUser or urnGroup
}

// endpoints are the collections of a connection. Users is the resource people or users, else the first of kind user; Groups likewise.
func endpoints(conn *connectors.Connection) (all []endpoint) {
	chosen := func(kind string, names ...string) (best *connectors.Resource) {
		for _, r := range conn.Connector.Resources {
			if r.Kind == kind && (best == nil || r.Name == names[0] || len(names) > 1 && r.Name == names[1] && best.Name != names[0]) {
				best = r
			}
		}
		return best
	}
	users, groups := chosen("user", "people", "users"), chosen("group", "groups")
	for _, r := range conn.Connector.Resources {
		e := endpoint{path: r.Name, resource: r, schema: urnGroup}
		switch {
		case r == users:
			e.path, e.schema = "Users", urnUser
		case r == groups:
			e.path = "Groups"
		case r.Kind == "user":
			e.schema = urnUser
		}
		all = append(all, e)
	}
	return all
}

// endpointOf finds a collection, whose first letter clients spell as they like.
func endpointOf(conn *connectors.Connection, path string) (endpoint, bool) {
	for _, e := range endpoints(conn) {
		if e.path == path || strings.EqualFold(e.path, path) && (e.path == "Users" || e.path == "Groups") {
			return e, true
		}
	}
	return endpoint{}, false
}

// fields are what accounts of the collection can be filtered by.
func (e endpoint) fields() map[string]field {
	if e.schema == urnUser {
		return userFields
	}
	return groupFields
}

// scim answers below /scim/{connection}, and puts faults into the shape of the standard.
func (v *visit) scim() (*http.Response, error) {
	if len(v.rest) > 0 && strings.EqualFold(v.rest[0], "v2") { // clients that were told /scim/{connection} add it
		v.base, v.rest = v.base+"/"+v.rest[0], v.rest[1:]
	}
	resp, err := v.twice(v.scimAnswer)
	if why := fault.Of(err); err != nil && why.Status < http.StatusInternalServerError {
		return v.scimFault(why)
	}
	return resp, err
}

func (v *visit) scimAnswer() (*http.Response, error) {
	if err := v.readOnly(); err != nil {
		return nil, err
	}
	first, id := "", ""
	switch len(v.rest) {
	case 2:
		first, id = v.rest[0], v.rest[1]
	case 1:
		first = v.rest[0]
	case 0:
	default:
		return nil, noEndpoint(v.conn)
	}
	switch strings.ToLower(first) {
	case "serviceproviderconfig":
		return v.about(providerConfig(v), id)
	case "resourcetypes":
		return v.listAbout(resourceTypes(v), id)
	case "schemas":
		all, err := v.schemas()
		if err != nil {
			return nil, err
		}
		return v.listAbout(all, id)
	}
	at, found := endpointOf(v.conn, first)
	if !found {
		return nil, noEndpoint(v.conn)
	}
	e, err := v.edition(at.resource)
	if err != nil {
		return nil, err
	}
	if len(v.rest) == 2 {
		return v.scimOne(at, e, id)
	}
	return v.scimList(at, e)
}

func noEndpoint(conn *connectors.Connection) error {
	names := []string{"ServiceProviderConfig", "ResourceTypes", "Schemas"}
	for _, e := range endpoints(conn) {
		names = append(names, e.path)
	}
	return refuse(http.StatusNotFound, "unknown_path", "there is no such endpoint; below /scim/%s there are %s", conn.Name, strings.Join(names, ", "))
}

// scimFault is RFC 7644, section 3.12.
func (v *visit) scimFault(why *fault.Error) (*http.Response, error) {
	document := map[string]any{
		"schemas": []string{urnError}, "status": strconv.Itoa(why.Status), "detail": why.Message, "error": why.Code,
	}
	if kind := scimTypes[why.Code]; kind != "" {
		document["scimType"] = kind
	}
	header := http.Header{}
	if why.Status == http.StatusMethodNotAllowed {
		header.Set("Allow", "GET, HEAD")
	}
	return v.send(reply{status: why.Status, kind: scimType, header: header}, document)
}

// scimTypes are the standard's words for ours.
var scimTypes = map[string]string{
	"bad_filter": "invalidFilter", "bad_startIndex": "invalidValue", "bad_count": "invalidValue", "bad_attributes": "invalidValue",
}
