package strict

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind says what a Node is.
type Kind int

// The kinds of a Node.
const (
	Null Kind = iota // nothing, or the word null
	Scalar
	List
	Mapping
)

// Node is one value of a document, with its place. Types that decode themselves receive it; see Unmarshaler.
type Node struct {
	doc                *Document
	path               string
	kind               Kind
	tag                string // of a scalar: !!str, !!int, !!float, !!bool, !!timestamp
	text               string
	line, column       int
	keyLine, keyColumn int    // of the key in its mapping; 0 for list items and the root
	source             string // "environment NAME" when Override set it; it then has no line
	names              []string
	children           []*Node // values of names, or the items of a list
}

// Kind returns what n is.
func (n *Node) Kind() Kind { return n.kind }

// Key returns the dotted path of n: routes[2].response[0].jq; empty for the whole document.
func (n *Node) Key() string { return n.path }

// Text returns a scalar as it is written, without quotes; empty for every other kind.
func (n *Node) Text() string { return n.text }

// IsString reports whether n is a scalar that YAML takes for a string: 80 is not, "80" is.
func (n *Node) IsString() bool { return n.kind == Scalar && (n.tag == tagString || n.tag == tagTime) }

// Names returns the keys of a mapping in the order of the file; nil for every other kind.
func (n *Node) Names() []string { return slices.Clone(n.names) }

// Items returns the items of a list; nil for every other kind.
func (n *Node) Items() []*Node {
	if n.kind != List {
		return nil
	}
	return slices.Clone(n.children)
}

// Child returns the value of a key of a mapping, or nil when there is none.
func (n *Node) Child(name string) *Node {
	if i := slices.Index(n.names, name); i >= 0 {
		return n.children[i]
	}
	return nil
}

// Faultf returns a fault at n.
func (n *Node) Faultf(format string, args ...any) Fault {
	f := n.at()
	f.Key, f.Message = n.path, fmt.Sprintf(format, args...)
	return f
}

// at returns a fault at the value, or at its key when the value is nothing.
func (n *Node) at() Fault {
	if n.source == "" && n.kind == Null && n.text == "" && n.keyLine > 0 {
		return n.atKey()
	}
	return n.place(n.line, n.column)
}

// atKey returns a fault at the key, or at the value when it has none.
func (n *Node) atKey() Fault {
	if n.keyLine == 0 {
		return n.place(n.line, n.column)
	}
	return n.place(n.keyLine, n.keyColumn)
}

func (n *Node) place(line, column int) Fault {
	if n.source != "" {
		return Fault{File: n.source}
	}
	return Fault{File: n.doc.file, Line: line, Column: column}
}

// missing returns a fault for a key that the mapping n should have.
func (n *Node) missing(name, format string, args ...any) Fault {
	f := n.atKey()
	f.Key, f.Message = join(n.path, name), fmt.Sprintf(format, args...)
	return f
}

// describe names the kind of n as a fault says it: "is a list".
func (n *Node) describe() string {
	switch n.kind {
	case Null:
		return "empty"
	case List:
		return "a list"
	case Mapping:
		return "a mapping"
	}
	switch n.tag {
	case tagInt, tagFloat:
		return "a number"
	case tagBool:
		return "a boolean"
	}
	return "a string"
}

// find returns the node at path below n and true, or the nearest existing parent and false. A key may itself hold dots
// or brackets: the longest key that the path begins with is taken.
func (n *Node) find(path string) (*Node, bool) {
	if path == "" {
		return n, true
	}
	best, rest, length := (*Node)(nil), "", -1
	for i, child := range n.children {
		step := "[" + strconv.Itoa(i) + "]"
		if n.kind == Mapping {
			step = n.names[i]
		}
		after, ok := strings.CutPrefix(path, step)
		if ok && len(step) > length && (after == "" || after[0] == '.' || after[0] == '[') {
			best, rest, length = child, strings.TrimPrefix(after, "."), len(step)
		}
	}
	if best == nil {
		return n, false
	}
	return best.find(rest)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// The tags of scalars that a document may hold, as go.yaml.in/yaml resolves them.
const (
	tagString = "!!str"
	tagInt    = "!!int"
	tagFloat  = "!!float"
	tagBool   = "!!bool"
	tagTime   = "!!timestamp"
	tagNull   = "!!null"
	tagMerge  = "!!merge"
)

// resolve returns the tag that YAML gives to an unquoted text.
func resolve(text string) string {
	return (&yaml.Node{Kind: yaml.ScalarNode, Value: text}).ShortTag()
}
