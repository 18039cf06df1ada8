package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/connectors"
	"sluice/mocks/teamdynamix"
)

// desk is an IGA connector at work: it has an access key, reads the sailpoint view and has signed in through a whole house.
type desk struct {
	*testing.T
	*house
	vendor  *teamdynamix.Vendor
	arrived *atomic.Int64 // calls at the vendor, those of the auditor not among them
	headers []string      // what each of its calls says of who it is
	token   string        // of an auditor, who asks the vendor itself, from another address
}

// signIns are the two ways in which a connection signs in. In both of them a connector does first what it always does: it asks for a token.
var signIns = []string{"passthrough", "managed"}

// newDesk opens a house before a vendor. more is added to its sluice.yaml, and edit changes the shipped connector; nil leaves it.
func newDesk(t *testing.T, signIn, more string, edit func(shipped string) string) *desk {
	t.Helper()
	vendor := teamdynamix.New(teamdynamix.Options{People: 20, Groups: 6})
	return newDeskAt(t, vendor, vendor, signIn, more, edit)
}

// newDeskAt is newDesk before a vendor with a gate in front of it.
func newDeskAt(t *testing.T, vendor *teamdynamix.Vendor, gate http.Handler, signIn, more string, edit func(shipped string) string) *desk {
	t.Helper()
	arrived := new(atomic.Int64) // the vendor's own count may come after its answer
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		gate.ServeHTTP(w, r)
	}))
	key, hash := connectors.NewKey()
	o := vendor.Options()
	connection, keys := "", fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, o.BEID, o.WebServicesKey)
	if signIn == "managed" {
		connection = "    auth: managed\n    credentials: {beid: \"${env:BEID}\", web_services_key: \"${env:KEY}\"}\n"
		keys = `{"BEID":"none","WebServicesKey":"none"}` // the connector's form wants something
	}
	changed := map[string]string{}
	if edit != nil {
		changed["teamdynamix"] = edit(shipped(t, "teamdynamix"))
	}
	d := &desk{T: t, vendor: vendor, arrived: arrived, headers: []string{"X-Sluice-Key", key}}
	d.house = open(t, load(t, atVendor(base, connection+fmt.Sprintf("consumers:\n  iga: {keys: [%q]}\n", hash)+more), changed, "BEID="+o.BEID, "KEY="+o.WebServicesKey))
	resp, text := d.do("POST", "/api/auth/loginadmin", keys)
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || resp.StatusCode != 200 || got.Token == "" {
		t.Fatalf("sign-in: got %d %s, %v; want a token as JSON", resp.StatusCode, text, err)
	}
	d.headers = append(d.headers, "Authorization", "Bearer "+got.Token)
	d.token = d.audit("POST", "/api/auth/loginadmin", fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, o.BEID, o.WebServicesKey))
	return d
}

// do sends one call through the house; a body is JSON unless headers say otherwise.
func (d *desk) do(method, path, body string, headers ...string) (*http.Response, string) {
	d.Helper()
	headers = append(headers, d.headers...)
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type\n") {
		headers = append(headers, "Content-Type", "application/json")
	}
	return ask(d.T, method, d.url+"/tdx"+path, body, headers...)
}

// audit asks the vendor itself.
func (d *desk) audit(method, path, body string) string {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), method, teamdynamix.Production+path, strings.NewReader(body))
	r.RemoteAddr = "10.9.9.9:40000"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+d.token)
	w := httptest.NewRecorder()
	d.vendor.ServeHTTP(w, r)
	if w.Code != 200 {
		d.Fatalf("audit %s %s: got %d %s, want 200", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

// calls is how many calls the vendor got through the house.
func (d *desk) calls() int { return int(d.arrived.Load()) }

// record is a JSON object as it came.
type record = map[string]any

// about is all that the vendor knows of one person.
type about struct {
	User           record
	Groups, Duties []any
}

func (d *desk) about(uid string) *about {
	d.Helper()
	return &about{
		User:   parsed[record](d.T, d.audit("GET", "/api/people/"+uid, "")),
		Groups: parsed[[]any](d.T, d.audit("GET", "/api/people/"+uid+"/groups", "")),
		Duties: parsed[[]any](d.T, d.audit("GET", "/api/people/"+uid+"/functionalroles", "")),
	}
}

// tenant is all that a provisioning call could change.
type tenant struct {
	People           map[string]*about // by UID
	Groups, Accounts []any
}

func (d *desk) tenant() tenant {
	d.Helper()
	all := tenant{
		People:   map[string]*about{},
		Groups:   parsed[[]any](d.T, d.audit("POST", "/api/groups/search", "{}")),
		Accounts: parsed[[]any](d.T, d.audit("GET", "/api/accounts", "")),
	}
	for _, listed := range parsed[[]record](d.T, d.audit("GET", "/api/people/userlist", "")) {
		uid, _ := listed["UID"].(string)
		all.People[uid] = d.about(uid)
	}
	return all
}

func parsed[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
	return v
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProvisioning: each errand happens at the vendor once, and nothing else does, whoever signs in.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	all := errands(t, newDesk(t, "passthrough", "", nil))
	for _, signIn := range signIns {
		for _, e := range all {
			t.Run(signIn+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, signIn, "", nil)
				before := d.tenant()
				resp, text := d.do(e.method, e.path, e.body)
				if resp.StatusCode != 200 {
					t.Fatalf("%s %s %s: got %d %s, want 200", e.method, e.path, e.body, resp.StatusCode, text)
				}
				sailpoints(t, resp)
				if got := d.calls(); got != 2 {
					t.Errorf("calls at the vendor: got %d, want the sign-in and the write", got)
				}
				after := d.tenant()
				e.want(before.People[e.uid])
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("%s %s %s: the vendor (-want +got):\n%s", e.method, e.path, e.body, diff)
				}
				if !e.answers {
					return
				}
				if diff := cmp.Diff(after.People[e.uid].User, parsed[record](t, text)); diff != "" {
					t.Errorf("answer (-the person as it is now +got):\n%s", diff)
				}
			})
		}
	}
}

// sailpoints holds that an answer is one of the vendor's as SailPoint wants to see it.
func sailpoints(t *testing.T, resp *http.Response) {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type: got %q, want the vendor's", got)
	}
	if got := resp.Header.Get("X-Sluice-Stage"); got != "wire" {
		t.Errorf("X-Sluice-Stage: got %q, want wire", got)
	}
	reset := resp.Header.Get("X-RateLimit-Reset")
	if limited := resp.Header.Get("X-RateLimit-Limit") != ""; limited != (len(reset) == 10 && strings.Trim(reset, "0123456789") == "") {
		t.Errorf("X-RateLimit-Reset: got %q beside the limit %q, want Unix seconds", reset, resp.Header.Get("X-RateLimit-Limit"))
	}
}

// TestProvisioningCreates: who is created is answered with the UID by which the vendor knows him from then on.
func TestProvisioningCreates(t *testing.T) {
	t.Parallel()
	for _, signIn := range signIns {
		t.Run(signIn, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, signIn, "", nil)
			before := d.tenant()
			somebody := newcomer(d)
			resp, text := d.do("POST", "/api/people", jsonOf(t, somebody))
			if resp.StatusCode != 201 {
				t.Fatalf("got %d %s, want 201", resp.StatusCode, text)
			}
			sailpoints(t, resp)
			made := parsed[record](t, text)
			uid, _ := made["UID"].(string)
			if uid == "" || before.People[uid] != nil || strings.Contains(text, "swordfish") {
				t.Fatalf("answer: got %s, want a UID that is new, and no password", text)
			}
			for name, want := range somebody {
				if got := made[name]; name != "Password" && !cmp.Equal(got, want) {
					t.Errorf("%s of the created: got %v, want %v", name, got, want)
				}
			}
			if got := d.calls(); got != 2 {
				t.Errorf("calls at the vendor: got %d, want the sign-in and the write", got)
			}
			before.People[uid] = &about{User: made, Groups: []any{}, Duties: []any{}}
			if diff := cmp.Diff(before, d.tenant()); diff != "" {
				t.Errorf("the vendor (-want +got):\n%s", diff)
			}
			resp, text = d.do("GET", "/api/people/"+uid, "")
			if resp.StatusCode != 200 || !cmp.Equal(parsed[record](t, text), made) {
				t.Errorf("read back through the house: got %d %s, want 200 and %v", resp.StatusCode, text, made)
			}
		})
	}
}

// newcomer is NewUser as a create account operation sends it.
func newcomer(d *desk) record {
	d.Helper()
	roles := parsed[[]record](d.T, d.audit("POST", "/api/securityroles/search", "{}"))
	return record{
		"FirstName": "Ada", "LastName": "Byron", "UserName": "abyron", "PrimaryEmail": "abyron@campus.example", "TypeID": 1.0, "IsActive": true,
		"SecurityRoleID": roles[0]["ID"], "Password": "swordfish", "Applications": []any{"TDPeople", "TDNews"}, "ExternalID": "E-17",
	}
}
