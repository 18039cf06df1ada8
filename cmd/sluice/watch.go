package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A change is looked at when nothing has happened for settle, because editors and kubelets write in several steps; and after
// settleAtMost even so.
const (
	settle       = 150 * time.Millisecond
	settleAtMost = 2 * time.Second
)

// watch reloads when a file of the configuration changes, until ctx ends. Folders are watched and not files: an editor replaces a file
// by another, and a ConfigMap of Kubernetes is swapped by a symbolic link further up.
func (a *App) watch(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		a.log.Warn("changed files will not be noticed: reload by SIGHUP or POST /-/reload", "error", err)
		return
	}
	defer func() { _ = watcher.Close() }()
	w := &watching{app: a, watcher: watcher}
	var settled <-chan time.Time
	var first time.Time
	if w.look() {
		settled = time.After(settle) // what changed before it was watched
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-watcher.Events:
			if event.Op == fsnotify.Chmod || !w.concerns(event.Name) {
				continue
			}
			if settled == nil || first.IsZero() {
				first = time.Now()
			}
			settled = time.After(min(settle, max(0, settleAtMost-time.Since(first))))
		case err := <-watcher.Errors: // events were lost
			a.log.Warn("watching files", "error", err)
			settled = time.After(settle)
		case <-settled:
			settled, first = nil, time.Time{}
			_ = a.Reload(ctx, causeFile) // logged and counted there
		case <-a.reloaded:
			if w.look() {
				settled = time.After(settle)
			}
		}
	}
}

// watching is what a watcher watches.
type watching struct {
	app     *App
	watcher *fsnotify.Watcher
	paths   map[string]bool // files, folders and links whose change matters
	listed  map[string]bool // folders whose every entry matters
}

// concerns tells whether a change at name can change the configuration.
func (w *watching) concerns(name string) bool {
	name = filepath.Clean(name)
	return w.paths[name] || w.listed[filepath.Dir(name)]
}

// look watches what the configuration in force was read from, and no longer what it was read from before. It tells whether a folder is
// new to it: what changed there since it was read went unseen.
func (w *watching) look() (fresh bool) {
	w.paths, w.listed = map[string]bool{}, map[string]bool{}
	folders := map[string]bool{}
	for _, name := range w.app.files() {
		full, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		for _, path := range links(full) {
			w.paths[path] = true
			folders[filepath.Dir(path)] = true
		}
		if info, err := os.Stat(full); err == nil && info.IsDir() {
			folders[full], w.listed[full] = true, true
		}
	}
	for _, old := range w.watcher.WatchList() {
		if !folders[old] {
			_ = w.watcher.Remove(old)
		}
	}
	for folder := range folders {
		if slices.Contains(w.watcher.WatchList(), folder) {
			continue
		}
		if err := w.watcher.Add(folder); err != nil {
			w.app.log.Warn("a folder cannot be watched: reload by SIGHUP or POST /-/reload", "folder", folder, "error", err)
			continue
		}
		fresh = true
	}
	return fresh
}

// files are what the configuration in force was read from, and where a folder of connectors would lie.
func (a *App) files() []string {
	files := slices.Clone(a.upstreams.Set().Files)
	if info, err := os.Stat(a.source.path); err == nil && !info.IsDir() {
		files = append(files, filepath.Join(filepath.Dir(a.source.path), "connectors"))
	}
	return files
}

// deepest bounds chains of links, which may go in a circle.
const deepest = 40

// links are path and every symbolic link that is met on the way to its file: whichever of them changes, the file is another.
func links(path string) []string {
	found := []string{path}
	for i := 0; i < len(found) && len(found) < deepest; i++ {
		parts := strings.Split(found[i], string(filepath.Separator))
		for n := 2; n <= len(parts); n++ {
			at := strings.Join(parts[:n], string(filepath.Separator))
			target, linked := follow(at)
			if !linked {
				continue
			}
			for _, next := range []string{at, filepath.Join(append([]string{target}, parts[n:]...)...)} {
				if !slices.Contains(found, next) {
					found = append(found, next)
				}
			}
		}
	}
	return found
}

// follow returns where a symbolic link leads.
func follow(at string) (target string, linked bool) {
	info, err := os.Lstat(at)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return "", false
	}
	if target, err = os.Readlink(at); err != nil {
		return "", false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(at), target)
	}
	return target, true
}
