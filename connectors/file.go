package connectors

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/strict"
)

// builtIn stands for the folder of the files that the binary holds.
const builtIn = "built-in"

// file is one YAML file on its way into a Set.
type file struct {
	name   string // as faults say it
	folder string // the configuration folder that it was found in
	data   []byte
	doc    *strict.Document
	faults strict.Faults // of reading it
	broken bool          // nothing could be read of it
}

// readMain reads sluice.yaml; nil when it is not there, which is a fault.
func (l *loader) readMain(fsys fs.FS, folder string) *file {
	data, err := fs.ReadFile(fsys, "sluice.yaml")
	if err != nil {
		l.missing(filepath.Join(folder, "sluice.yaml"), err, "create it, or name another folder or file with --config")
		return nil
	}
	return l.parse(filepath.Join(folder, "sluice.yaml"), folder, data)
}

// written is all files of a configuration.
type written struct {
	main     *file   // nil where it could not be read
	vendors  []*file // connectors/*.yaml; of two of one name the later folder's holds
	triggers []*file // triggers/*.yaml
}

// readFolder reads a whole folder.
func (l *loader) readFolder(fsys fs.FS, folder string) written {
	return written{l.readMain(fsys, folder), l.readAll(fsys, folder, "connectors"), l.readAll(fsys, folder, "triggers")}
}

// readAll reads the *.yaml of a folder within a configuration's, in the order of their names.
func (l *loader) readAll(fsys fs.FS, folder, within string) []*file {
	entries, err := fs.ReadDir(fsys, within)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.missing(filepath.Join(folder, within), err, "make it a folder that Sluice may read")
	}
	if err == nil {
		l.watch(folder, filepath.Join(folder, within))
	}
	var files []*file
	for _, entry := range entries {
		name := filepath.Join(folder, within, entry.Name())
		switch path.Ext(entry.Name()) {
		case ".yml":
			l.faults = append(l.faults, strict.Fault{File: name, Message: "is not read: rename it so that it ends in .yaml"})
		case ".yaml":
			data, err := fs.ReadFile(fsys, path.Join(within, entry.Name()))
			if err != nil {
				l.missing(name, err, "let Sluice read it, or remove it")
				continue
			}
			files = append(files, l.parse(name, folder, data))
		}
	}
	return files
}

// readPath reads what LoadPath was given, and nothing when that cannot be told.
func (l *loader) readPath(name string, shipped fs.FS) (read written) {
	info, err := os.Stat(name)
	if err != nil {
		l.missing(name, err, "name a folder with a sluice.yaml, a sluice.yaml, or a connector's file")
		return read
	}
	if info.IsDir() {
		l.watch(name, name)
		return l.readFolder(os.DirFS(name), name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		l.missing(name, err, "let Sluice read it")
		return read
	}
	folder := filepath.Dir(name)
	one := l.parse(name, folder, data)
	switch root := one.doc.Root(); {
	case isConnector(root):
		return written{main: l.readMain(shipped, builtIn), vendors: []*file{one}}
	case isTrigger(root):
		return written{main: l.readMain(shipped, builtIn), triggers: []*file{one}}
	}
	fsys := os.DirFS(folder)
	return written{one, l.readAll(fsys, folder, "connectors"), l.readAll(fsys, folder, "triggers")}
}

// isTrigger and isConnector tell the kinds of file apart by the keys that only one of them has.
func isTrigger(root *strict.Node) bool { return root.Child("id") != nil || root.Child("input") != nil }

func isConnector(root *strict.Node) bool {
	names := root.Names()
	if isTrigger(root) {
		return false
	}
	for _, key := range []string{"listeners", "connections", "consumers", "admin", "views", "logging", "tracing"} {
		if slices.Contains(names, key) {
			return false
		}
	}
	for _, key := range []string{"name", "routes", "sign_in", "base_url", "auth", "tests", "credentials", "resources"} {
		if slices.Contains(names, key) {
			return true
		}
	}
	return false
}

func (l *loader) parse(name, folder string, data []byte) *file {
	l.hash.add(name, data)
	l.watch(folder, name)
	doc, faults := strict.Parse(name, data)
	l.faults = append(l.faults, faults...)
	return &file{name: name, folder: folder, data: data, doc: doc, broken: len(faults) > 0 && len(doc.Root().Names()) == 0}
}

// watch notes a file or folder for Set.Files.
func (l *loader) watch(folder, name string) {
	if folder != builtIn {
		l.files = append(l.files, filepath.Clean(name))
	}
}

// missing notes a file that cannot be read, and what to do.
func (l *loader) missing(name string, err error, remedy string) {
	reason := "does not exist"
	if !errors.Is(err, fs.ErrNotExist) {
		reason = "cannot be read"
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			reason += ": " + cause.Err.Error()
		}
	}
	l.faults = append(l.faults, strict.Fault{File: name, Message: reason + "; " + remedy})
}

// variablePrefix is what the environment variables of a connector's scalars begin with.
func variablePrefix(f *file) string {
	stem := strings.TrimSuffix(filepath.Base(f.name), filepath.Ext(f.name))
	clean := func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}
	return "SLUICE_CONNECTORS_" + strings.Map(clean, strings.ToUpper(stem)) + "_"
}
