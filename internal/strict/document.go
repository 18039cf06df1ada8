// Package strict reads YAML into Go structs and reports every fault of a document at once, each as
// "file:line:column: key: what is wrong and what would be right".
//
// The packages connectors (vendor files) and cmd/sluice (sluice.yaml) call it: Parse reads the text, Override lays
// environment variables over it, Decode fills a struct, Document.Faultf places the faults of their own later checks, and
// Schema prints the same structs as a JSON Schema for editors. A field's rules stand once, in its jsonschema tag, and
// both Decode and Schema read them there. Secret lives here because a secret is first of all a rule of reading: the file
// holds a reference and never the value.
//
// The package never knows what a key means, never writes a file, and never repeats the value of a secret.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"
)

// MaxBytes is the largest document that Parse reads.
const MaxBytes = 4 << 20

// Document is one parsed YAML file. Decode only reads it, so several Decodes may follow each other or run side by side;
// Override, Environ and Files change it and come first.
type Document struct {
	file      string
	root      *Node
	broken    Faults // why nothing could be read at all; Decode repeats them rather than pass an empty struct for good
	lookupEnv func(string) (string, bool)
	openFile  func(path string) (fs.File, error)
}

// Parse reads the text of one YAML document; file is its path as faults shall name it, and the folder of that path is
// where ${file:…} references start from. An empty file is an empty document.
//
// Refused are: more than MaxBytes, text that is not UTF-8, more than one document, a key twice in one mapping, keys that
// are not strings, explicit tags other than !!str, and nesting deeper than 64. Anchors, aliases and merge keys (<<) are
// expanded here, up to 10,000 values more than the file holds, so that each later step sees a plain tree; a fault in an
// expanded value stands where the value is written. The Document is never nil: after a syntax error it is broken and
// Decode returns the same faults again.
func Parse(file string, data []byte) (*Document, Faults) {
	d := &Document{
		file:      file,
		lookupEnv: os.LookupEnv,
		openFile:  func(path string) (fs.File, error) { return os.Open(path) },
	}
	d.root = &Node{doc: d, line: 1, column: 1}
	tree, fault := d.read(data)
	if fault != nil {
		d.broken = Faults{*fault}
		return d, d.broken
	}
	if tree == nil {
		return d, nil
	}
	b := builder{doc: d}
	d.root = b.build(tree, "", 0)
	return d, b.faults.sorted()
}

// read returns the one document of data; nil for an empty one.
func (d *Document) read(data []byte) (*yaml.Node, *Fault) {
	if len(data) > MaxBytes {
		return nil, &Fault{File: d.file, Line: 1, Column: 1,
			Message: fmt.Sprintf("is %d bytes, must be at most %d: split it", len(data), MaxBytes)}
	}
	if fault := d.unreadable(data); fault != nil {
		return nil, fault
	}
	var first, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, d.syntax(data, err)
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, d.syntax(data, err)
	}
	return nil, &Fault{File: d.file, Line: second.Line, Column: second.Column,
		Message: "a second document begins here: a file holds one; remove the --- or make it a file of its own"}
}

// File returns the path that Parse was given.
func (d *Document) File() string { return d.file }

// Root returns the whole document; of kind Null when it is empty.
func (d *Document) Root() *Node { return d.root }

// Environ replaces the process environment as the place where ${env:NAME} references are looked up.
func (d *Document) Environ(lookup func(name string) (string, bool)) { d.lookupEnv = lookup }

// Files replaces os.Open as the way ${file:PATH} references are opened. The path is already joined with the folder of
// the document when it was relative.
func (d *Document) Files(open func(path string) (fs.File, error)) { d.openFile = open }

// Faultf returns a fault of a later check at a path such as connections.tdx.base_url. It stands at the value of that
// key, at the key when it has no value, and at the nearest existing parent when there is no such key.
func (d *Document) Faultf(path string, format string, args ...any) Fault {
	n, found := d.root.find(path)
	f := n.at()
	if !found {
		f = n.atKey()
	}
	f.Key, f.Message = path, fmt.Sprintf(format, args...)
	return f
}
