package connectors

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"sluice/transforms"
)

const resourcesSection = "resources"

// resourceName can stand in a URL, a command and a table without quotes.
var resourceName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// resources compiles what can be aggregated, in the order of the file.
func (b *connectorBuild) resources() {
	names := b.order(resourcesSection)
	for _, name := range names {
		entry, found := b.written.Resources[name]
		if !found {
			continue
		}
		key := joinKey(resourcesSection, name)
		b.named(key, name)
		b.made.Resources = append(b.made.Resources, b.resource(key, name, &entry))
	}
	b.circles(names)
}

// order returns the keys of the mapping at path in the order of the file, those that it merges last.
func (b *connectorBuild) order(path ...string) []string {
	node := b.file.doc.Root()
	for _, step := range path {
		if node = node.Child(step); node == nil {
			return nil
		}
	}
	return node.Names()
}

func (b *connectorBuild) named(key, name string) {
	if !resourceName.MatchString(name) {
		b.fault(key, "%q is no name: use lower-case letters, digits, _ and -, a letter first", name)
	}
}

func (b *connectorBuild) resource(key, name string, e *resourceEntry) *Resource {
	made := &Resource{
		Name: name, Kind: e.Kind, MaxAge: e.MaxAge, FoldCase: e.FoldCase,
		Key:    b.program(key+".key", e.Key, nil, nil),
		Map:    b.account(key+".account", &e.Account),
		Writes: b.writes(key+".writes", e.Writes),
	}
	for _, plan := range b.order(resourcesSection, name, "plans") {
		entry, found := e.Plans[plan]
		if !found {
			continue
		}
		at := joinKey(key+".plans", plan)
		b.named(at, plan)
		made.Plans = append(made.Plans, b.plan(at, plan, &entry))
	}
	return made
}

func (b *connectorBuild) plan(key, name string, e *planEntry) *Plan {
	made := &Plan{Name: name, List: b.list(key+".list", &e.List, listVariables)}
	for i := range e.Joins {
		made.Joins = append(made.Joins, b.join(index(key+".joins", i), &e.Joins[i]))
	}
	made.If = b.program(key+".if", e.If, nil, nil)
	if e.If != "" && e.Detail == nil {
		b.fault(key+".if", "says which accounts need a call of detail, but the plan has none: add detail, or remove if")
	}
	if e.Detail != nil {
		detail := b.request(key+".detail", e.Detail, detailVariables)
		made.Detail = &detail
		b.differs(key+".detail", e.Detail, &detail, detailVariables)
	}
	return made
}

// spokenFor are what an account has besides its entitlements, as changes of it call them.
var spokenFor = []string{"id", "name", "active", "attributes", "entitlements"}

func (b *connectorBuild) account(key string, e *accountEntry) Mapping {
	made := Mapping{
		Name:       b.program(key+".name", e.Name, nil, nil),
		Active:     b.program(key+".active", e.Active, nil, nil),
		Attributes: b.program(key+".attributes", e.Attributes, nil, nil),
	}
	for _, kind := range slices.Sorted(maps.Keys(e.Entitlements)) {
		at := joinKey(key+".entitlements", kind)
		b.named(at, kind)
		switch {
		case slices.Contains(spokenFor, kind):
			b.fault(at, "%q is a part of every account, and a change could not tell the two apart: name the type otherwise", kind)
		case e.Entitlements[kind] == "":
			b.fault(at, "is empty: write jq that gives a list, such as .GroupIDs")
		}
		if made.Entitlements == nil {
			made.Entitlements = map[string]*transforms.Query{}
		}
		made.Entitlements[kind] = b.program(at, e.Entitlements[kind], nil, nil)
	}
	b.attributeNames(key+".attributes", &made)
	return made
}

// notAttributes are what an account has besides its attributes, among which they stand when it changes.
var notAttributes = []string{"id", "name", "active"}

// attributeNames finds names that no attribute can have, where the program has them written in it: every account would fail.
func (b *connectorBuild) attributeNames(key string, m *Mapping) {
	if m.Attributes == nil {
		return
	}
	for _, name := range m.Attributes.Keys() {
		switch _, taken := m.Entitlements[name]; {
		case slices.Contains(notAttributes, name):
			b.fault(key, "%q is a part of every account, and a change could not tell the two apart: name the attribute otherwise", name)
		case taken:
			b.fault(key, "%q is a type of entitlement too, and a change could not tell the two apart: name one of them otherwise", name)
		}
	}
}

// program compiles jq; nil where there is none, or a fault. usable are the variables that it may use, all those whose values it is given.
func (b *connectorBuild) program(key, source string, usable, all []string) *transforms.Query {
	if source == "" {
		return nil
	}
	made, err := transforms.CompileQuery(source, usable...)
	if err == nil && len(usable) < len(all) {
		made, err = transforms.CompileQuery(source, all...)
	}
	if err != nil {
		b.fault(key, "%v%s", err, instead(err, usable))
		return nil
	}
	return made
}

// instead ends a fault about an unknown variable with those that there are.
func instead(err error, usable []string) string {
	switch {
	case !strings.Contains(err.Error(), "variable not defined"):
		return ""
	case len(usable) == 0:
		return "; there is none here but those that the program makes itself"
	}
	return "; here there is " + strings.Join(usable, ", ")
}
