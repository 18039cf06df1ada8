package strict

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth    = 64     // levels of nesting
	maxExpanded = 10_000 // values that aliases may add to a document: enough to share settings, too few for a bomb
)

// builder turns the parser's nodes into a tree of Nodes in which every alias is a copy, and collects what it refuses.
type builder struct {
	doc      *Document
	faults   Faults
	within   []*yaml.Node // the values around the one being built, outermost first
	aliases  []*yaml.Node // the aliases that led here, outermost first
	expanded int
}

func (b *builder) fault(y *yaml.Node, path, format string, args ...any) {
	b.faults = append(b.faults, Fault{
		File: b.doc.file, Line: y.Line, Column: y.Column, Key: path, Message: fmt.Sprintf(format, args...),
	})
}

// build returns the Node of y. What is refused becomes a fault and a Null, so that the rest is still read.
func (b *builder) build(y *yaml.Node, path string, depth int) *Node {
	n := &Node{doc: b.doc, path: path, line: y.Line, column: y.Column}
	if depth > maxDepth {
		b.fault(y, path, "is nested deeper than %d levels", maxDepth)
		return n
	}
	if y.Kind == yaml.AliasNode {
		return b.alias(y, path, depth)
	}
	if len(b.aliases) > 0 {
		if b.expanded++; b.expanded > maxExpanded {
			if b.expanded == maxExpanded+1 {
				b.fault(b.aliases[0], path, "aliases add more than %d values: write fewer of them", maxExpanded)
			}
			return n
		}
	}
	if y.Style&yaml.TaggedStyle != 0 && y.ShortTag() != tagString {
		b.fault(y, path, "has a tag (!): tags are not read; remove it, or quote the value if the ! belongs to it")
		return n
	}
	b.within = append(b.within, y)
	defer func() { b.within = b.within[:len(b.within)-1] }()
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = List
		for i, item := range y.Content {
			n.children = append(n.children, b.build(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
	case yaml.MappingNode:
		n.kind = Mapping
		b.mapping(n, y, depth)
	case yaml.ScalarNode:
		if n.tag = y.ShortTag(); n.tag == tagMerge {
			n.tag = tagString // << as a value is a text like any other
		}
		n.text = y.Value
		if n.tag != tagNull {
			n.kind = Scalar
		}
	}
	return n
}

func (b *builder) alias(y *yaml.Node, path string, depth int) *Node {
	if slices.Contains(b.within, y.Alias) {
		b.fault(y, path, "is an alias of a value that holds it")
		return &Node{doc: b.doc, path: path, line: y.Line, column: y.Column}
	}
	b.aliases = append(b.aliases, y)
	defer func() { b.aliases = b.aliases[:len(b.aliases)-1] }()
	return b.build(y.Alias, path, depth)
}

// mapping fills n with the entries of y; merged ones come last and only where y itself has no such key.
func (b *builder) mapping(n *Node, y *yaml.Node, depth int) {
	var merges []*yaml.Node
	seen := map[string]*Node{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == tagMerge {
			merges = append(merges, value)
			continue
		}
		name, ok := b.name(key, n.path)
		if !ok {
			continue
		}
		child := b.build(value, join(n.path, name), depth+1)
		child.keyLine, child.keyColumn = key.Line, key.Column
		if first := seen[name]; first != nil {
			b.fault(key, child.path, "is set twice, first at %d:%d: keep one", first.keyLine, first.keyColumn)
			continue
		}
		seen[name] = child
		n.names, n.children = append(n.names, name), append(n.children, child)
	}
	for _, merge := range merges {
		b.merge(n, seen, merge, depth)
	}
}

// name returns the text of a key. A refused one is not repeated: it may be a value that lost its key.
func (b *builder) name(key *yaml.Node, path string) (string, bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	tag := key.ShortTag()
	switch {
	case key.Kind != yaml.ScalarNode:
		b.fault(key, path, "has a key that is a list or a mapping: a key must be a word")
	case tag != tagString && tag != tagTime:
		b.fault(key, path, "has a key that is not a string: put it in quotes")
	case key.Value == "":
		b.fault(key, path, "has an empty key: name it")
	default:
		return key.Value, true
	}
	return "", false
}

// merge adds what n has not yet, as seen says, from the value of a << key: an alias of a mapping, a mapping, or a list of these.
func (b *builder) merge(n *Node, seen map[string]*Node, value *yaml.Node, depth int) {
	from := b.build(value, n.path, depth+1)
	sources := []*Node{from}
	if from.kind == List {
		sources = from.children
	}
	for _, source := range sources {
		if source.kind != Mapping {
			b.fault(value, n.path, "merges (<<) what is %s: only mappings can be merged", source.describe())
			continue
		}
		for j, name := range source.names {
			if seen[name] == nil {
				child := source.children[j]
				child.rebase(join(n.path, name))
				seen[name] = child
				n.names, n.children = append(n.names, name), append(n.children, child)
			}
		}
	}
}

// rebase gives n and all below it the path that it has where it was merged.
func (n *Node) rebase(path string) {
	n.path = path
	for i, child := range n.children {
		if n.kind == List {
			child.rebase(fmt.Sprintf("%s[%d]", path, i))
		} else {
			child.rebase(join(path, n.names[i]))
		}
	}
}
