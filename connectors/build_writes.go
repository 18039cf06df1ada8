package connectors

import (
	"slices"
	"strings"
)

// A write is a route like any other, so that a call is told apart from a narrower one: POST /people/{id} changes a person,
// POST /people/search does not.

// writeSections are the sections of the file that name writes, a section for each resource.
func (b *connectorBuild) writeSections() (sections []string) {
	for _, name := range b.order(resourcesSection) {
		sections = append(sections, writesOf(name))
	}
	return sections
}

func writesOf(resource string) string { return joinKey(resourcesSection, resource) + ".writes" }

// draftWrites parses the matches of all writes.
func (b *connectorBuild) draftWrites() {
	for _, name := range b.order(resourcesSection) {
		for i, entry := range b.written.Resources[name].Writes {
			b.draft(writesOf(name), i, entry.Match)
		}
	}
}

// writes makes a WriteRoute of each method and template of a resource's writes.
func (b *connectorBuild) writes(section string, entries []writeEntry) (made []WriteRoute) {
	for _, d := range b.drafts[section] {
		param := entries[d.entry].Key
		at := slices.Index(strings.Split(d.template.text, "/"), "{"+param+"}")
		if param != "" && at < 0 {
			b.fault(index(section, d.entry)+".key", "is %q, but %s has no {%s}: name a parameter of it, or leave key out if the path does not "+
				"say whom the call changes", param, d.template.text, param)
		}
		for _, method := range d.eachMethod() {
			made = append(made, WriteRoute{
				Match: method + " " + d.template.text, Param: param,
				route: b.leafRoutes[method+" "+d.template.shape()], segment: at,
			})
		}
	}
	return made
}
