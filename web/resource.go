package web

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sluice/aggregation"
	"sluice/connectors"
)

// typeName is what ResourceTypes and meta call a collection's resources.
func (e endpoint) typeName() string {
	switch e.path {
	case "Users":
		return "User"
	case "Groups":
		return "Group"
	}
	return e.path
}

// extension is the schema of what the vendor has beyond the standard.
func (e endpoint) extension(conn *connectors.Connection) string {
	return "urn:sluice:params:scim:schemas:extension:" + conn.Name + ":2.0:" + e.typeName()
}

// grants finds the collection whose groups a type of entitlement grants: that of the resource with its name, or with its name and an s.
func grants(conn *connectors.Connection, kind string) (endpoint, bool) {
	for _, e := range endpoints(conn) {
		if e.schema == urnGroup && (e.resource.Name == kind || e.resource.Name == kind+"s") {
			return e, true
		}
	}
	return endpoint{}, false
}

func (v *visit) location(path, id string) string {
	return v.base + "/" + path + "/" + url.PathEscape(id)
}

// resource is an account as SCIM shows it. A group's members are added where one is asked for by its id.
func (v *visit) resource(at endpoint, r aggregation.Record, a aggregation.Account) map[string]any {
	p, urn := personOf(a), at.extension(v.conn)
	out := map[string]any{
		"schemas": []string{at.schema, urn}, "id": p.id, "displayName": p.displayName, urn: extended(a),
		"meta": map[string]any{"resourceType": at.typeName(), "location": v.location(at.path, p.id), "version": versionOf(r)},
	}
	set(out, "externalId", p.externalID)
	if at.schema == urnGroup {
		return out
	}
	out["userName"], out["active"] = p.userName, p.active
	name := map[string]any{}
	set(name, "formatted", p.formatted)
	set(name, "givenName", p.givenName)
	set(name, "familyName", p.familyName)
	if len(name) > 0 {
		out["name"] = name
	}
	if len(p.emails) > 0 {
		emails := make([]any, len(p.emails))
		for i, email := range p.emails {
			emails[i] = map[string]any{"value": email, "type": "work", "primary": i == 0}
		}
		out["emails"] = emails
	}
	var groups []any
	for _, kind := range slices.Sorted(maps.Keys(a.Entitlements)) {
		if to, found := grants(v.conn, kind); found && to.path == "Groups" {
			for _, id := range a.Entitlements[kind] {
				groups = append(groups, map[string]any{"value": id, "$ref": v.location(to.path, id), "type": "direct"})
			}
		}
	}
	if groups != nil {
		out["groups"] = groups
	}
	return out
}

func set(in map[string]any, name, text string) {
	if text != "" {
		in[name] = text
	}
}

// extended is all that the vendor said, under its own names, and the entitlements by type.
func extended(a aggregation.Account) map[string]any {
	out := map[string]any{}
	for name, value := range a.Attributes {
		if value == nil { // the standard does not tell null from absent
			continue
		}
		out[extendedName(name)] = value
	}
	if len(a.Entitlements) > 0 {
		out["entitlements"] = a.Entitlements
	}
	return out
}

// extendedName keeps an attribute beside the entitlements.
func extendedName(name string) string {
	if strings.EqualFold(name, "entitlements") {
		return "attribute-" + name
	}
	return name
}

// mostAtOnce is how many members are in memory at once as accounts.
const mostAtOnce = 1000

// members are the users who hold a group, as the snapshot of the users has them; nil when nothing says who does. Entitlements name a group by
// its id, or where none does so, by its name, as TeamDynamix names applications. A name that is another group's id is that group's.
func (v *visit) members(at endpoint, group aggregation.Account) (members []any, revision int64, err error) {
	users, found := endpointOf(v.conn, "Users")
	var kinds []string
	if found {
		for kind := range users.resource.Map.Entitlements {
			if to, grants := grants(v.conn, kind); grants && to.path == at.path {
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) == 0 {
		return nil, 0, nil
	}
	slices.Sort(kinds)
	scope := aggregation.Scope{Connection: v.conn.Name, Resource: users.resource.Name}
	e := edition{scope: scope}
	if e.revision, _, e.total, err = v.room.snapshots.Edition(v.Context(), scope); err != nil || e.revision == 0 {
		return nil, 0, err
	}
	names, err := v.calledIn(at, group)
	if err != nil {
		return nil, 0, err
	}
	members = []any{}
	for _, kind := range kinds {
		for _, called := range names {
			if err := v.room.desk.holders(v.Context(), e, kind, called, func(p person) {
				members = append(members, map[string]any{"value": p.id, "display": p.displayName, "$ref": v.location(users.path, p.id), "type": "User"})
			}); err != nil {
				return nil, 0, err
			}
			if len(members) > 0 {
				break
			}
		}
	}
	return members, e.revision, nil
}

// calledIn are what entitlements may call a group.
func (v *visit) calledIn(at endpoint, group aggregation.Account) ([]string, error) {
	if group.Name == group.ID {
		return []string{group.ID}, nil
	}
	_, others, err := v.room.snapshots.Account(v.Context(), aggregation.Scope{Connection: v.conn.Name, Resource: at.resource.Name}, group.Name)
	if others {
		return []string{group.ID}, err
	}
	return []string{group.ID, group.Name}, err
}

// holders walks the users who have an entitlement.
func (d *desk) holders(ctx context.Context, e edition, kind, called string, each func(person)) error {
	offsets, err := d.find(ctx, e, "holders", kind+"\x00"+called, func(a aggregation.Account, add func(string)) {
		for kind, held := range a.Entitlements {
			for _, one := range held {
				add(kind + "\x00" + one)
			}
		}
	})
	for some := range slices.Chunk(offsets, mostAtOnce) {
		if err != nil {
			break
		}
		var records []aggregation.Record
		if records, err = d.fetch(ctx, e, some); err != nil {
			return err
		}
		for _, r := range records {
			a, err := accountOf(r)
			if err != nil {
				return err
			}
			if slices.Contains(a.Entitlements[kind], called) {
				each(personOf(a))
			}
		}
	}
	return err
}
