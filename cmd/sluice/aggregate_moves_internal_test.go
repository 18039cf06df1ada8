package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// directory is a vendor that lists people by numbers of rows, two at a time, and has no call for one of them.
type directory struct {
	people []string
	leaves string // who leaves after the first page
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, err := strconv.Atoi(r.URL.Query().Get("start"))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	rows := []map[string]string{}
	for _, id := range d.people[min(start, len(d.people)):min(start+2, len(d.people))] {
		rows = append(rows, map[string]string{"id": id})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(rows)
	if start == 0 && d.leaves != "" {
		d.people = slices.DeleteFunc(slices.Clone(d.people), func(id string) bool { return id == d.leaves })
	}
}

// Whoever is passed over because another left while the list was read is not gone; who is missing twice is, and so is who an operator says.
func TestAggregateOfAListThatMoves(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &directory{people: []string{"a", "b", "c", "d", "e"}}
		b := directoryBench(t, vendor, fresh())
		h := b.house(true)
		run := func() aggregation.Run {
			started, err := h.runner.Start(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "")
			if err != nil {
				t.Fatal(err)
			}
			return b.over(h, started.ID, aggregation.Completed)
		}
		run()
		_, seq := b.events(h, 0)
		expect := func(what string, warned bool, deleted ...string) {
			t.Helper()
			got := run()
			events, last := b.events(h, seq)
			seq = last
			var gone []string
			for _, e := range events[triggers.IdentityDeleted] {
				gone = append(gone, e.Subject)
			}
			if !slices.Equal(gone, deleted) || (len(got.Warnings) > 0) != warned || len(events[triggers.IdentityCreated]) > 0 {
				t.Errorf("%s: got %v gone, warnings %q, %d created; want %v gone, a warning: %v, nobody created",
					what, gone, got.Warnings, len(events[triggers.IdentityCreated]), deleted, warned)
			}
		}
		vendor.leaves = "a"
		expect("a leaves behind the reader's back, and c is passed over", true)
		vendor.leaves = ""
		expect("c is there again, and a is missing for the first time", true)
		expect("a is missing twice", false, "a")
		expect("all as before", false)
	})
}

// Whoever a join passes over in one run and the list in the next is not gone: each has missed them once.
func TestAggregateOfAListAndAJoinThatMove(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		people, members := &directory{people: []string{"a", "b", "c"}}, &directory{people: []string{"a", "b", "c"}}
		vendor := http.NewServeMux()
		vendor.Handle("/users", people)
		vendor.Handle("/members", members)
		b := directoryBench(t, vendor, fresh())
		b.edit(".id}\n", ".id, entitlements: {groups: .groups}}\n")
		b.edit("size: 2}}}}}", `size: 2}}},
      joins: [{list: {call: GET /members, paging: {offset: {param: start, size: 2}}}, owner: .id, add: '{groups: ["g"]}'}]}}`)
		h := b.house(true)
		b.read(h)
		_, last := b.events(h, 0)
		members.people = []string{"a", "c"}
		b.read(h)
		people.people = members.people
		b.read(h)
		told, _ := b.events(h, last)
		if gone, changed := len(told[triggers.IdentityDeleted]), len(told[triggers.IdentityAttributesChanged]); gone+changed > 0 {
			t.Errorf("got %d gone and %d changed, want nobody", gone, changed)
		}
	})
}

// A group that is gone takes something from everybody. That is for an operator to see, and no reason to ask the vendor for each.
func TestAggregateOfAJoinThatLosesEverybody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		people, members := &directory{}, &directory{}
		for i := range 30 {
			people.people = append(people.people, fmt.Sprintf("p%02d", i))
		}
		members.people = people.people
		vendor := http.NewServeMux()
		vendor.Handle("/users", people)
		vendor.Handle("/members", members)
		var asked atomic.Int64
		vendor.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			_, _ = fmt.Fprintf(w, `{"id":%q,"groups":[]}`, r.PathValue("id"))
		})
		b := directoryBench(t, vendor, fresh())
		b.edit(".id}\n", ".id, entitlements: {groups: .groups}}\n")
		b.edit("size: 2}}}}}", `size: 2}}}, detail: {call: "GET /users/{key}"}, if: "false",
      joins: [{list: {call: GET /members, empty: true, paging: {offset: {param: start, size: 2}}}, owner: .id, add: '{groups: ["g"]}'}]}}`)
		h := b.house(true)
		b.read(h)
		members.people = nil
		run := b.over(h, b.start(h).ID, aggregation.Held)
		if got := asked.Load(); got != 0 || !strings.HasPrefix(run.Note, "30 of 30 accounts are changed at once") {
			t.Errorf("got %d people asked for and the note %q, want none and a run that is held because all changed", got, run.Note)
		}
	})
}

func directoryBench(t *testing.T, vendor http.Handler, options store.Options) *aggregateBench {
	t.Helper()
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	b := &aggregateBench{T: t, options: options, folder: t.TempDir()}
	for name, text := range map[string]string{
		"connectors/directory.yaml": `name: directory
resources:
  people:
    kind: user
    key: .id
    plans: {list: {list: {call: GET /users, paging: {offset: {param: start, size: 2}}}}}
    account: {name: .id}
`,
		"sluice.yaml": fmt.Sprintf(`listeners: {main: {address: "127.0.0.1:0"}}
connections:
  tdx: {connector: directory, base_url: %q, allow_networks: [127.0.0.0/8]}
`, server.URL),
	} {
		path := filepath.Join(b.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if b.set, err = (source{path: b.folder}).set(); err != nil {
		t.Fatal(err)
	}
	return b
}

// A vendor whose list is never whole is not asked for ever: each try keeps pages, and none gets farther than the one before.
func TestAggregateGivesAListUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		b := directoryBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("start") == "2" {
				w.WriteHeader(http.StatusGone)
				return
			}
			_, _ = w.Write([]byte(`[{"id":"a"},{"id":"b"}]`))
		}), fresh())
		h := b.house(true)
		started, err := h.runner.Start(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "")
		if err != nil {
			t.Fatal(err)
		}
		if run := b.over(h, started.ID, aggregation.Failed); !strings.Contains(run.Note, "given up after several tries") {
			t.Errorf("note: got %q, want that it was tried several times", run.Note)
		}
	})
}

// A run asks the vendor, whatever other callers may be given from memory: what is remembered may be older than the snapshot.
func TestAggregateReadsPastTheCache(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		vendor := &directory{people: []string{"a"}}
		b := directoryBench(t, vendor, fresh())
		name := filepath.Join(b.folder, "connectors", "directory.yaml")
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, append(text, "routes: [{match: GET /users, cache: {ttl: 1h, shared: true}}]\n"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.set, err = (source{path: b.folder}).set(); err != nil {
			t.Fatal(err)
		}
		h := b.house(true)
		for i, want := range []int{1, 2} {
			started, err := h.runner.Start(t.Context(), aggregation.Scope{Connection: "tdx", Resource: "people"}, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := b.over(h, started.ID, aggregation.Completed).Counts.Scanned; got != want {
				t.Errorf("run %d: got %d people, want %d", i+1, got, want)
			}
			vendor.people = append(vendor.people, "b")
		}
	})
}
