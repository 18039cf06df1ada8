package strict

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Override lays environment variables over the document: SLUICE_LISTENERS_MAIN_ADDRESS sets the scalar at
// listeners.main.address. environ is as os.Environ returns it; prefix is SLUICE or SLUICE_. The names are found by
// walking the type that into points to: fields by their yaml name, entries of maps that the file holds, and indexes of
// lists that the file holds, each in upper case with _ for all but letters and digits. Where names overlap, as base and
// base_url do, the longer one is tried first. Two entries of one map whose names become the same cannot be set.
//
// A scalar that the type knows and the file does not is created, with the structs above it. The value is read as a YAML
// scalar of the field's type: 80 stays a string where a string belongs. A Secret takes only a reference, here too. A
// fault in such a value reads "environment SLUICE_X" in place of file, line and column.
//
// Override returns the names it used, and those under the prefix that fit nothing, both sorted. A variable that a
// ${env:NAME} reference of the document names is in neither.
func (d *Document) Override(into any, prefix string, environ []string) (used, unknown []string) {
	prefix = strings.TrimSuffix(prefix, "_") + "_"
	t := reflect.TypeOf(into)
	for _, assignment := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(assignment, "=")
		rest, mine := strings.CutPrefix(name, prefix)
		if !ok || !mine {
			continue
		}
		if steps, leaf := reach(t, d.root, rest); leaf != nil {
			d.root.insert(steps, leaf, "environment "+name, value)
			used = append(used, name)
		} else if !d.root.refersTo(name) {
			unknown = append(unknown, name)
		}
	}
	return used, unknown
}

// way is one step down that a name may take: a key, and the type and node (nil when the file has none) behind it.
type way struct {
	step, spelled string
	typ           reflect.Type
	node          *Node
}

// reach returns the steps from a value of type t, at n or absent, to the scalar that name spells, and the type of that
// scalar; nil when there is none.
func reach(t reflect.Type, n *Node, name string) ([]string, reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name == "" {
		if isScalar(t) && (n == nil || n.kind == Null || n.kind == Scalar) {
			return []string{}, t
		}
		return nil, nil
	}
	for _, w := range ways(t, n) {
		rest, ok := strings.CutPrefix(name, w.spelled)
		if !ok || rest == "_" || rest != "" && rest[0] != '_' {
			continue
		}
		if steps, leaf := reach(w.typ, w.node, strings.TrimPrefix(rest, "_")); leaf != nil {
			return append([]string{w.step}, steps...), leaf
		}
	}
	return nil, nil
}

// ways returns the steps that lead on from a value of type t, the longest first, without those that two keys share.
func ways(t reflect.Type, n *Node) []way {
	var all []way
	switch {
	case t.Kind() == reflect.Struct && !readsItself(t):
		if n != nil && n.kind != Mapping && n.kind != Null {
			return nil
		}
		for _, f := range fieldsOf(t) {
			w := way{step: f.name, typ: f.typ}
			if n != nil {
				w.node = n.Child(f.name)
			}
			all = append(all, w)
		}
	case n == nil:
		return nil
	default:
		all = n.ways(t)
	}
	count := map[string]int{}
	for i := range all {
		all[i].spelled = spell(all[i].step)
		count[all[i].spelled]++
	}
	all = slices.DeleteFunc(all, func(w way) bool { return count[w.spelled] > 1 || w.spelled == "" })
	slices.SortStableFunc(all, func(a, b way) int { return cmp.Compare(len(b.spelled), len(a.spelled)) })
	return all
}

// ways returns the steps to what the file holds below n, each of the entry type of t; any for a type that reads itself.
func (n *Node) ways(t reflect.Type) []way {
	entry := reflect.TypeFor[any]()
	if isList(t) || isMap(t) {
		entry = t.Elem()
	}
	all := make([]way, len(n.children))
	for i, child := range n.children {
		all[i] = way{step: child.path[len(n.path):], typ: entry, node: child}
		if n.kind == Mapping {
			all[i].step = n.names[i]
		}
	}
	return all
}

// spell returns a key as a variable name writes it: base-url becomes BASE_URL and [2] becomes 2.
func spell(step string) string {
	if index, ok := strings.CutPrefix(step, "["); ok {
		step = strings.TrimSuffix(index, "]")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, step)
}

// insert puts a scalar at the end of steps below n, and mappings on the way where the file has nothing.
func (n *Node) insert(steps []string, leaf reflect.Type, source, text string) {
	if len(steps) == 0 {
		*n = *n.literal(text, leaf)
		n.source = source
		return
	}
	var next *Node
	for i, child := range n.children {
		if n.kind == Mapping && n.names[i] == steps[0] || n.kind == List && child.path[len(n.path):] == steps[0] {
			next = child
		}
	}
	if next == nil {
		if n.kind == Null {
			n.kind, n.text, n.tag = Mapping, "", ""
		}
		next = &Node{doc: n.doc, path: join(n.path, steps[0]), source: source}
		n.names, n.children = append(n.names, steps[0]), append(n.children, next)
	}
	next.insert(steps[1:], leaf, source, text)
}

// refersTo reports whether a ${env:NAME} reference stands at or below n.
func (n *Node) refersTo(name string) bool {
	return n.text == "${env:"+name+"}" ||
		slices.ContainsFunc(n.children, func(child *Node) bool { return child.refersTo(name) })
}
