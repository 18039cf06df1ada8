package connectors

import (
	"fmt"
	"net/http"
	"slices"
)

// The sections of a connector's file whose entries match calls.
const (
	signInSection = "sign_in"
	rulesSection  = "limits.rules"
	routesSection = "routes"
)

// draft is one method and template of one entry, on its way to a route.
type draft struct {
	template template
	method   string
	entry    int    // index in its section
	key      string // of the match, for faults
}

// covers tells whether every call of method and template is also one of d.
func (d *draft) covers(method string, t *template) bool {
	return (d.method == anyMethod || d.method == method) && d.template.covers(t)
}

// narrower tells which of two drafts that cover a call speaks for it: the narrower path, then the named method.
func (d *draft) narrower(e *draft) bool {
	if d.template.narrower(&e.template) {
		return true
	}
	return !e.template.narrower(&d.template) && d.method != anyMethod && e.method == anyMethod
}

// binds tells whether a rule's draft counts the calls of method and template. It spans methods by * and paths by {name...};
// a {name} is no span, because what stands beside it by name is another method of the vendor: a limit of
// POST /people/{id} says nothing of POST /people/search.
func (d *draft) binds(method string, t *template) bool {
	return d.covers(method, t) && (d.template.rest || d.template.shape() == t.shape())
}

// routes makes one route of each method and template that any section names. A call belongs to the one route whose template is
// the narrowest; on it hold all rules that bind it, and of sign_in and routes the narrowest entry that covers it whole.
func (b *connectorBuild) routes() {
	for i, entry := range b.written.SignIn {
		b.draft(signInSection, i, entry.Match)
	}
	for i, entry := range b.written.Limits.Rules {
		b.draft(rulesSection, i, entry.Match)
	}
	for i, entry := range b.written.Routes {
		b.draft(routesSection, i, entry.Match)
	}
	b.draftWrites()
	b.checkRoutes()
	signIns := b.signIns()
	prototypes := b.prototypes()
	b.made.routes = router{fold: b.written.IgnoreCase, other: map[string]*Route{}}
	for _, leaf := range b.leaves() {
		route := &Route{Name: leaf.method + " " + leaf.template.text, Method: leaf.method, Template: leaf.template.text}
		for i, rule := range b.made.rules {
			if slices.ContainsFunc(b.drafts[rulesSection], func(d draft) bool { return d.entry == i && d.binds(leaf.method, &leaf.template) }) {
				route.Rules = append(route.Rules, rule)
			}
		}
		if i := b.narrowest(signInSection, leaf); i >= 0 {
			route.SignIn = signIns[i]
		}
		prototypes[b.narrowest(routesSection, leaf)].fill(route)
		b.made.routes.add(&leaf.template, route)
		b.leafRoutes[leaf.method+" "+leaf.template.shape()] = route
		b.made.all = append(b.made.all, route)
	}
	for _, method := range append([]string{anyMethod}, methods...) {
		route := &Route{Name: method + " other", Method: method, Template: "other"}
		prototypes[-1].fill(route)
		b.made.routes.other[method] = route
		b.made.all = append(b.made.all, route)
	}
}

// draft parses the matches of one entry and refuses what no call could reach.
func (b *connectorBuild) draft(section string, entry int, matches match) {
	key := index(section, entry) + ".match"
	if len(matches) == 0 {
		b.fault(key, "is empty: write \"METHOD /path\", or a list of them")
	}
	for i, text := range matches {
		at := matchKey(key, i, len(matches))
		t, err := parseTemplate(text, b.written.IgnoreCase)
		if err != nil {
			b.fault(at, "%v", err)
			continue
		}
		for _, method := range t.methods {
			d := draft{template: t, method: method, entry: entry, key: at}
			if earlier := b.earlier(section, &d); earlier != nil {
				b.fault(at, "%s", shadowed(earlier, &d))
				continue
			}
			b.drafts[section] = append(b.drafts[section], d)
		}
	}
}

// earlier returns a draft of the section that already takes all calls of d. Two rules may bind the same calls: so many a
// second and so many a day.
func (b *connectorBuild) earlier(section string, d *draft) *draft {
	for i := range b.drafts[section] {
		e := &b.drafts[section][i]
		if e.method == d.method && e.template.shape() == d.template.shape() && (section != rulesSection || e.entry == d.entry) {
			return e
		}
	}
	return nil
}

func shadowed(earlier, d *draft) string {
	if earlier.template.text == d.template.text {
		return fmt.Sprintf("%s %s stands already in %s: remove one, or make them one entry", d.method, d.template.text, earlier.key)
	}
	return fmt.Sprintf("%s %s is never reached: %s in %s matches the same calls; remove one", d.method, d.template.text, earlier.template.text, earlier.key)
}

// leaves returns each method and shape once, spelled as it is met first. What is said of every method of a path becomes a
// route of each, so that one method's calls are told from another's; HEAD goes with GET.
func (b *connectorBuild) leaves() []draft {
	var leaves []draft
	seen := map[string]bool{}
	for _, section := range append([]string{signInSection, rulesSection, routesSection}, b.writeSections()...) {
		for _, d := range b.drafts[section] {
			for _, method := range d.eachMethod() {
				if key := method + " " + d.template.shape(); !seen[key] {
					seen[key] = true
					leaves = append(leaves, draft{template: d.template, method: method})
				}
			}
		}
	}
	return leaves
}

func (d *draft) eachMethod() []string {
	if d.method != anyMethod {
		return []string{d.method}
	}
	return append(slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return m == http.MethodHead }), anyMethod)
}

// narrowest returns the index of the entry of a section that speaks for a leaf, or -1.
func (b *connectorBuild) narrowest(section string, leaf draft) int {
	var best *draft
	for i := range b.drafts[section] {
		d := &b.drafts[section][i]
		if d.covers(leaf.method, &leaf.template) && (best == nil || d.narrower(best)) {
			best = d
		}
	}
	if best == nil {
		return -1
	}
	return best.entry
}
