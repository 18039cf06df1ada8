package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// register is a directory that has a call for one of its people, and takes somebody in at the front after a first page.
type register struct {
	directory

	comes   string
	strange map[string]string // answers for single people; "" is a 400
}

func (g *register) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, one := strings.CutPrefix(r.URL.Path, "/users/")
	switch {
	case !one:
		g.directory.ServeHTTP(w, r)
		if g.comes != "" {
			g.people, g.comes = append([]string{g.comes}, g.people...), ""
		}
	case has(g.strange, id):
		if g.strange[id] == "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(g.strange[id]))
	case slices.Contains(g.people, id):
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%q}`, id)
	default:
		http.Error(w, "{}", http.StatusNotFound)
	}
}

func has(all map[string]string, key string) bool {
	_, found := all[key]
	return found
}

// Whoever a list by numbers passes over is asked for and there; who has left is asked for and gone; who comes makes a row be repeated.
func TestAggregateAsksForWhoIsMissing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &register{directory: directory{people: []string{"a", "b", "c", "d", "e"}}}
		b := directoryBench(t, vendor, fresh())
		b.withDetail()
		h := b.house(true)
		_, last := b.events(h, 0)
		for _, c := range []struct{ what, leaves, comes, created, deleted string }{
			{what: "the first run", created: "a b c d e"},
			{what: "a leaves behind the reader's back, and c is passed over", leaves: "a"},
			{what: "a has left, 0 comes, and c is repeated", comes: "0", deleted: "a"},
			{what: "0 is seen", created: "0"},
			{what: "e leaves before its page is read", leaves: "e", deleted: "e"},
			{what: "all as before"},
		} {
			vendor.leaves, vendor.comes = c.leaves, c.comes
			b.read(h)
			told, seen := b.events(h, last)
			last = seen
			for kind, want := range map[string]string{triggers.IdentityCreated: c.created, triggers.IdentityDeleted: c.deleted} {
				var ids []string
				for _, e := range told[kind] {
					ids = append(ids, e.Subject)
				}
				if got := strings.Join(ids, " "); got != want {
					t.Errorf("%s: %s: got %q, want %q", c.what, kind, got, want)
				}
			}
		}
	})
}

// Who is missing and whose own answer says neither that they are there nor that they are gone counts as there, and blocks no run.
func TestAggregateOfAnUnclearAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &register{directory: directory{people: []string{"a", "b", "c"}}, strange: map[string]string{}}
		b := directoryBench(t, vendor, fresh())
		b.withDetail()
		h := b.house(true)
		b.read(h)
		_, last := b.events(h, 0)
		vendor.people = []string{"a"}
		vendor.strange = map[string]string{"b": "", "c": "<html>"} // 400, and no JSON
		if run := b.read(h); len(run.Warnings) != 1 || !strings.HasPrefix(run.Warnings[0], "2 accounts are missing in the listing, and the vendor") {
			t.Errorf("warnings: got %q, want one of two accounts", run.Warnings)
		}
		if told, _ := b.events(h, last); len(told[triggers.IdentityDeleted]) > 0 {
			t.Errorf("deleted: got %d, want nobody", len(told[triggers.IdentityDeleted]))
		}
	})
}

// Of whom the vendor has said that they are gone it is not asked again, when what comes after them ends the asking.
func TestAggregateAsksOnceForWhoIsGone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &register{directory: directory{people: []string{"a", "b", "c", "d"}}}
		var mu sync.Mutex
		calls := map[string]int{}
		b := directoryBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if calls[r.URL.Path]++; r.URL.Path == "/users/d" && calls[r.URL.Path] == 1 {
				w.WriteHeader(http.StatusRequestTimeout)
				return
			}
			vendor.ServeHTTP(w, r)
		}), fresh())
		b.withDetail()
		h := b.house(true)
		b.read(h)
		mu.Lock()
		clear(calls)
		mu.Unlock()
		vendor.people = []string{"a"}
		run := b.read(h)
		mu.Lock()
		defer mu.Unlock()
		want := map[string]int{"/users": 2, "/users/a": 1, "/users/b": 1, "/users/c": 1, "/users/d": 2}
		if run.Counts.Removed != 3 || !maps.Equal(calls, want) {
			t.Errorf("got %d gone by calls %v, want 3 by %v", run.Counts.Removed, calls, want)
		}
	})
}

// withDetail gives the directory's plan a call for one person.
func (b *aggregateBench) withDetail() {
	b.Helper()
	b.edit("size: 2}}}}}", `size: 2}}}, detail: {call: "GET /users/{key}"}}}`)
}

// edit replaces a text of the directory's connector.
func (b *aggregateBench) edit(was, is string) {
	b.Helper()
	path := filepath.Join(b.folder, "connectors", "directory.yaml")
	text, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(text), was) {
		err = fmt.Errorf("%s has no %q", path, was)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), was, is, 1)), 0o600)
	}
	if err == nil {
		b.set, err = (source{path: b.folder}).set()
	}
	if err != nil {
		b.Fatal(err)
	}
}
