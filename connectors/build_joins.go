package connectors

import (
	"maps"
	"slices"
	"strings"
)

// join compiles a call for each row of another resource, or one for all.
func (b *connectorBuild) join(key string, e *joinEntry) Join {
	request, rows := joinVariables, JoinVariables
	if e.Over == "" {
		request, rows = listVariables, nil
	} else if _, found := b.written.Resources[e.Over]; !found {
		b.fault(key+".over", "there is no resource %q: %s", e.Over, suggest(e.Over, slices.Collect(maps.Keys(b.written.Resources))))
	}
	made := Join{
		Over:  e.Over,
		List:  b.list(key+".list", &e.List, request),
		Owner: b.program(key+".owner", e.Owner, rows, JoinVariables),
		Add:   b.program(key+".add", e.Add, rows, JoinVariables),
	}
	if e.Over != "" {
		b.differs(key+".list", &e.List.requestEntry, &made.List.Request, joinVariables)
	}
	return made
}

// circles refuses resources that wait for each other: whoever reads one of them with its joins would have to read it first. A join over
// the resource itself is none, because it needs no more than the list that the plan begins with.
func (b *connectorBuild) circles(names []string) {
	c := circleSearch{connectorBuild: b, done: map[string]bool{}}
	for _, name := range names {
		c.visit(name)
	}
}

type circleSearch struct {
	*connectorBuild
	path []string // from the first resource to the one being looked at
	done map[string]bool
}

func (c *circleSearch) visit(name string) {
	if c.done[name] {
		return
	}
	c.path = append(c.path, name)
	resource := c.written.Resources[name]
	for _, plan := range c.order(resourcesSection, name, "plans") {
		for i, join := range resource.Plans[plan].Joins {
			switch at := slices.Index(c.path, join.Over); {
			case join.Over == name, join.Over == "":
			case at >= 0:
				c.fault(index(joinKey(resourcesSection, name)+".plans."+plan+".joins", i)+".over",
					"makes a circle, %s → %s: one of them must do without the other", strings.Join(c.path[at:], " → "), join.Over)
			default:
				c.visit(join.Over)
			}
		}
	}
	c.path = c.path[:len(c.path)-1]
	c.done[name] = true
}
