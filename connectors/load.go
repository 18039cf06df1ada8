package connectors

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"sluice/internal/strict"
	"sluice/triggers"
)

// Environment is what a configuration meets outside its files. The zero Environment overrides nothing and resolves no
// ${env:…}.
type Environment struct {
	Vars     []string                           // NAME=value: SLUICE_… overrides scalars, ${env:NAME} finds its secret
	Reserved []string                           // names of SLUICE_… variables that are no override, such as SLUICE_CONFIG
	Folder   string                             // what Load puts before the names of its files, in faults and in Set.Files
	Open     func(path string) (fs.File, error) // opens secrets and certificates; nil = os.Open
}

func (e Environment) lookup(name string) (string, bool) {
	for _, pair := range slices.Backward(e.Vars) {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value, true
		}
	}
	return "", false
}

func (e Environment) open(path string) (fs.File, error) {
	if e.Open != nil {
		return e.Open(path)
	}
	return os.Open(path)
}

// Load reads sluice.yaml, connectors/*.yaml and triggers/*.yaml of fsys and returns the compiled Set, or every fault of all files and a nil
// Set. Relative paths of secrets and certificates start from env.Folder. The files of an embed.FS are nowhere on disk: they
// are not in Set.Files, and their names begin with built-in unless env.Folder says otherwise.
func Load(fsys fs.FS, env Environment) (*Set, strict.Faults) {
	l := loader{env: env}
	folder := env.Folder
	if _, embedded := fsys.(embed.FS); embedded && folder == "" {
		folder = builtIn
	}
	return l.load(l.readFolder(fsys, folder))
}

// LoadPath reads what an operator names: a folder (its sluice.yaml, connectors/*.yaml and triggers/*.yaml), a sluice.yaml (and the
// folders connectors and triggers beside it) or a lone file of a connector or a trigger. The shipped connectors are there as well; one
// of the same name replaces them. A lone file runs under the shipped sluice.yaml, so that it can be checked and its tests run.
func LoadPath(path string, shipped fs.FS, env Environment) (*Set, strict.Faults) {
	l := loader{env: env}
	read := l.readPath(path, shipped)
	if read.main == nil && len(read.vendors) == 0 && len(read.triggers) == 0 {
		return nil, l.sorted()
	}
	read.vendors = append(l.readAll(shipped, builtIn, "connectors"), read.vendors...)
	return l.load(read)
}

// loader carries one load from the files to the Set.
type loader struct {
	env    Environment
	files  []string // for Set.Files
	faults strict.Faults
	hash   revision
	used   []string // environment variables that were a setting or a secret
}

func (l *loader) load(read written) (*Set, strict.Faults) {
	main, vendors := read.main, read.vendors
	set := &Set{Connectors: map[string]*Connector{}, written: &mainFile{}, keys: map[[sha256.Size]byte]*Consumer{}}
	if main != nil && main.broken {
		main = nil
	}
	if main != nil {
		l.decode(main, "SLUICE_", set.written)
	}
	named := l.byName(vendors)
	m := &setBuild{loader: l, set: set, file: main, written: set.written}
	if main != nil {
		m.views()
		m.settings()
	}
	for _, one := range named {
		c := buildConnector(l, one.file, one.written, set.Views)
		set.Connectors[c.Name] = c
	}
	if main != nil {
		m.connections()
		m.listeners()
		m.consumers()
	}
	custom := l.customTriggers(read.triggers)
	set.catalogue = sync.OnceValue(func() *triggers.Catalogue { return triggers.Shipped().With(custom...) })
	l.unknownVariables(vendors)
	if len(l.faults) > 0 {
		return nil, l.sorted()
	}
	slices.Sort(l.files)
	set.Files = slices.Compact(l.files)
	set.Revision = l.hash.sum()
	return set, nil
}

type namedConnector struct {
	file    *file
	written *connectorFile
}

// byName decodes the connector files; a later folder's connector replaces an earlier one's of the same name.
func (l *loader) byName(vendors []*file) []namedConnector {
	var named []namedConnector
	for _, v := range vendors {
		if v.broken {
			continue
		}
		written := &connectorFile{}
		l.decode(v, variablePrefix(v), written)
		i := slices.IndexFunc(named, func(n namedConnector) bool { return n.written.Name == written.Name })
		switch {
		case i < 0 || written.Name == "":
			named = append(named, namedConnector{v, written})
		case named[i].file.folder != v.folder:
			named[i] = namedConnector{v, written}
		default:
			l.fault(v, "name", "is %q, which is already the name of %s: give each connector a name of its own", written.Name, named[i].file.name)
		}
	}
	return named
}

// decode lays the environment over a file and fills into.
func (l *loader) decode(f *file, prefix string, into any) {
	f.doc.Environ(func(name string) (string, bool) {
		l.used = append(l.used, name)
		return l.env.lookup(name)
	})
	f.doc.Files(func(path string) (fs.File, error) {
		l.files = append(l.files, path)
		return l.env.open(path)
	})
	used, _ := f.doc.Override(into, prefix, l.env.Vars)
	l.used = append(l.used, used...)
	for _, name := range used {
		value, _ := l.env.lookup(name)
		l.hash.add(name, []byte(value))
	}
	f.faults = strict.Decode(f.doc, into)
	l.faults = append(l.faults, f.faults...)
}

// fault notes a fault of a later check, unless the decoder already complained about the same key or one around it: what
// cannot be read cannot be wrong twice.
func (l *loader) fault(f *file, key, format string, args ...any) {
	for _, earlier := range f.faults {
		if rest, found := strings.CutPrefix(key, earlier.Key); found && earlier.Key != "" && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	l.faults = append(l.faults, f.doc.Faultf(key, format, args...))
}

// sorted returns the faults ordered and each once.
func (l *loader) sorted() strict.Faults {
	var sorted strict.Faults
	errors.As(l.faults.Err(), &sorted)
	return sorted
}

// unknownVariables refuses SLUICE_… variables that set nothing. Kubernetes makes some itself for a service named sluice.
func (l *loader) unknownVariables(vendors []*file) {
	for _, pair := range l.env.Vars {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "SLUICE_") || slices.Contains(l.used, name) || slices.Contains(l.env.Reserved, name) || fromKubernetes(name) {
			continue
		}
		l.faults = append(l.faults, strict.Fault{File: "environment " + name,
			Message: fmt.Sprintf("sets nothing: a setting is named by its keys, as in SLUICE_LOGGING_LEVEL or %sTITLE; an entry of a map must stand in the file", exampleVariable(vendors))})
	}
}

func exampleVariable(vendors []*file) string {
	if len(vendors) == 0 {
		return "SLUICE_CONNECTORS_NAME_"
	}
	return variablePrefix(vendors[0])
}

func fromKubernetes(name string) bool {
	rest := strings.TrimPrefix(name, "SLUICE_")
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || strings.HasPrefix(rest, "SERVICE_PORT_")
}
