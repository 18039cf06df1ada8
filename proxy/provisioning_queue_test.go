package proxy_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// TestProvisioningLanes holds the shipped connector to what is urgent: who takes access away goes first, who changes a person next, and who
// reads the organization last.
func TestProvisioningLanes(t *testing.T) {
	t.Parallel()
	set := load(t, atVendor("http://127.0.0.1:1", ""), nil)
	conn := set.Connections["tdx"]
	for call, want := range map[string]connectors.Lane{
		"PUT /api/people/1/isactive":                connectors.Critical,
		"POST /api/people/bulk/changeactivestatus":  connectors.Critical,
		"POST /api/people":                          connectors.Interactive,
		"POST /api/people/1":                        connectors.Interactive,
		"PATCH /api/people/1":                       connectors.Interactive,
		"PUT /api/people/1/groups/2":                connectors.Interactive,
		"DELETE /api/people/1/groups/2":             connectors.Interactive,
		"POST /api/people/1/groups":                 connectors.Interactive,
		"POST /api/groups/2/members":                connectors.Interactive,
		"DELETE /api/groups/2/members":              connectors.Interactive,
		"PUT /api/people/1/functionalroles/2":       connectors.Interactive,
		"DELETE /api/people/1/functionalroles/2":    connectors.Interactive,
		"POST /api/people/bulk/managegroups":        connectors.Interactive,
		"POST /api/people/bulk/changeapplications":  connectors.Interactive,
		"POST /api/people/bulk/changesecurityrole/": connectors.Interactive,
		"POST /api/people/import":                   connectors.Interactive,
		"GET /api/people/1":                         connectors.Bulk,
		"GET /api/people/1/groups":                  connectors.Bulk,
		"GET /api/groups/2/members":                 connectors.Bulk,
		"GET /api/people/userlist":                  connectors.Bulk,
		"POST /api/people/search":                   connectors.Bulk,
		"POST /api/groups/search":                   connectors.Bulk,
	} {
		method, path, _ := strings.Cut(call, " ")
		for _, spelled := range []string{path, strings.ToUpper(path)} { // IIS folds case
			if got := (&connectors.Consumer{}).Lane(conn.Route(method, spelled), method, 0); got != want {
				t.Errorf("%s %s: got lane %s, want %s", method, spelled, got, want)
			}
		}
	}
}

// oneAtATime is a limit of the whole API, so that reads and writes wait in one queue: TeamDynamix itself counts each method alone.
func oneAtATime(shipped string) string {
	return strings.Replace(shipped, "  rules:\n", "  rules:\n    - {name: one, match: \"* /api/people/{rest...}\", concurrent: 1, scope: connection}\n", 1)
}

// turnstile lets calls to people through to a vendor once it is open, and writes down in which order they came.
type turnstile struct {
	vendor http.Handler
	open   chan struct{}
	mu     sync.Mutex
	order  []string
}

func (g *turnstile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := strings.TrimPrefix(r.URL.Path, teamdynamix.Production); strings.HasPrefix(path, "/api/people/") {
		g.mu.Lock()
		g.order = append(g.order, r.Method+" "+path)
		g.mu.Unlock()
		<-g.open
	}
	g.vendor.ServeHTTP(w, r)
}

// TestWritesGoBeforeReads: of those who wait for the vendor, a disable goes first and a write before reads that came earlier.
func TestWritesGoBeforeReads(t *testing.T) {
	t.Parallel()
	for _, signIn := range signIns {
		t.Run(signIn, func(t *testing.T) {
			t.Parallel()
			vendor := teamdynamix.New(teamdynamix.Options{People: 20, Groups: 6})
			gate := &turnstile{vendor: vendor, open: make(chan struct{})}
			d := newDeskAt(t, vendor, gate, signIn, "", oneAtATime)
			d.warm()
			uid := sortedKeys(d.tenant().People)[0]
			me := "/api/people/" + uid
			calls := []struct{ method, path, body, lane string }{
				{"GET", me, "", ""}, // is at the vendor while the others come
				{"GET", me + "/groups", "", "bulk"},
				{"GET", me + "/functionalroles", "", "bulk"},
				{"PATCH", me, `[{"op":"add","path":"/Title","value":"Dean"}]`, "interactive"},
				{"PUT", me + "/isactive?status=false", "", "critical"},
			}
			var callers sync.WaitGroup
			wait := map[string]int{}
			for _, c := range calls {
				callers.Go(func() {
					if resp, text := d.do(c.method, c.path, c.body); resp.StatusCode != 200 {
						t.Errorf("%s %s: got %d %s, want 200", c.method, c.path, resp.StatusCode, text)
					}
				})
				if c.lane == "" {
					seen(t, "a call at the vendor", func() bool { gate.mu.Lock(); defer gate.mu.Unlock(); return len(gate.order) == 1 })
					continue
				}
				wait[c.lane]++
				seen(t, c.method+" waits in lane "+c.lane, func() bool { return d.waiting("one")[c.lane] == wait[c.lane] })
			}
			close(gate.open)
			callers.Wait()
			want := []string{"GET " + me, "PUT " + me + "/isactive", "PATCH " + me, "GET " + me + "/groups", "GET " + me + "/functionalroles"}
			if diff := cmp.Diff(want, gate.order); diff != "" {
				t.Errorf("at the vendor (-want +got):\n%s", diff)
			}
			if now := d.about(uid).User; now["Title"] != "Dean" || now["IsActive"] != false {
				t.Errorf("the person: got title %v, active %v; want Dean and false", now["Title"], now["IsActive"])
			}
		})
	}
}

// waiting is how many calls wait for a bucket, by lane.
func (d *desk) waiting(bucket string) map[string]int {
	limits, err := d.upstreams.Limits("tdx", 100)
	if err != nil {
		return nil
	}
	waiting := map[string]int{}
	for _, b := range limits.Buckets {
		if b.Bucket == bucket {
			for _, l := range b.Lanes {
				waiting[l.Lane] += l.Waiting
			}
		}
	}
	return waiting
}

// TestWriteDropsTheCachedRead: who reads a person after a write finds the write, also where reads of people are kept.
func TestWriteDropsTheCachedRead(t *testing.T) {
	t.Parallel()
	keeps := func(shipped string) string {
		return strings.Replace(shipped, "routes:\n", "routes:\n  - {match: \"GET /api/people/{uid}\", cache: {ttl: 1h}}\n", 1)
	}
	for _, signIn := range signIns {
		t.Run(signIn, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, signIn, "", keeps)
			uids := sortedKeys(d.tenant().People)
			me, other := "/api/people/"+uids[0], "/api/people/"+uids[1]
			read := func(path, stage string) record {
				t.Helper()
				resp, text := d.do("GET", path, "")
				if got := resp.Header.Get("X-Sluice-Stage"); resp.StatusCode != 200 || got != stage {
					t.Errorf("GET %s: got %d from %s, want 200 from %s", path, resp.StatusCode, got, stage)
				}
				return parsed[record](t, text)
			}
			for _, stage := range []string{"wire", "cache"} {
				read(me, stage)
				read(other, stage)
			}
			if resp, text := d.do("PATCH", me, `[{"op":"add","path":"/UserName","value":""}]`); resp.StatusCode != 400 {
				t.Errorf("a patch that is refused: got %d %s, want 400", resp.StatusCode, text)
			}
			read(me, "cache") // the vendor did nothing
			if resp, text := d.do("PATCH", strings.ToUpper(me), `[{"op":"add","path":"/Title","value":"Dean"}]`); resp.StatusCode != 200 {
				t.Errorf("a patch: got %d %s, want 200", resp.StatusCode, text)
			}
			if got := read(me, "wire")["Title"]; got != "Dean" {
				t.Errorf("title after the write: got %v, want Dean", got)
			}
			read(me, "cache")
			read(other, "cache")
		})
	}
}
