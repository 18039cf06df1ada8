package aggregation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/mocks/teamdynamix"
	"sluice/transforms"
)

// q compiles a program, with all variables that any place has. It panics, because the lists below are made before any test has a t; the run
// then says which program it is.
func q(source string, variables ...string) *transforms.Query {
	compiled, err := transforms.CompileQuery(source, variables...)
	if err != nil {
		panic(source + ": " + err.Error())
	}
	return compiled
}

// rq compiles a program of a request.
func rq(source string) *transforms.Query { return q(source, connectors.RequestVariables...) }

var none = connectors.Paging{Style: "none"}

// everybody is userlist: one call, the inactive among them.
var everybody = connectors.Listing{
	Request: connectors.Request{Method: "GET", Path: "/api/people/userlist", Query: map[string]*transforms.Query{
		"isActive": rq(`""`), "isEmployee": rq(`""`), "userType": rq(`"None"`),
	}},
	Items: q("."), Paging: none,
}

// onePerson is the call for one person.
var onePerson = connectors.Request{Method: "GET", Path: "/api/people/{key}"}

// searched is a people search, of the active or the others: the vendor's default leaves the inactive out in silence.
func searched(body string) connectors.Listing {
	return connectors.Listing{
		Request: connectors.Request{Method: "POST", Path: "/api/people/search", Body: rq(body)},
		Items:   q("."), Paging: none, Empty: true,
	}
}

// simple is a resource that is one list and no details.
func simple(name, key, method, path string, body *transforms.Query) *connectors.Resource {
	return &connectors.Resource{Name: name, Kind: "group", Key: q(key), Plans: []*connectors.Plan{{Name: "list", List: connectors.Listing{
		Request: connectors.Request{Method: method, Path: path, Body: body}, Items: q("."), Paging: none,
	}}}, Map: connectors.Mapping{Name: q(".Name")}}
}

// vendorResources are those of the mock by name.
func vendorResources() map[string]*connectors.Resource {
	out := map[string]*connectors.Resource{
		"people":       people(),
		"groups":       simple("groups", ".ID", "POST", "/api/groups/search", rq("{}")),
		"applications": simple("applications", ".AppID", "GET", "/api/applications", nil),
		"roles":        simple("roles", ".ID", "POST", "/api/securityroles/search", rq("{}")),
	}
	return out
}

// people is the resource with both of its plans, mapped to what the seed asks of a person.
func people() *connectors.Resource {
	inverted := &connectors.Plan{
		Name: "inverted", List: everybody, Detail: &onePerson, If: q("(.OrgApplications // []) | length > 0"),
		Joins: []connectors.Join{{
			Over: "groups", Owner: q(".UID", "$over"), Add: q("{GroupIDs: [$over.ID]}", "$over"),
			List: connectors.Listing{
				Request: connectors.Request{Method: "GET", Path: "/api/groups/{key}/members"}, Items: q("."), Paging: none, Empty: true,
			},
		}},
	}
	for _, active := range []string{"true", "false"} {
		inverted.Joins = append(inverted.Joins,
			connectors.Join{
				Over: "applications", Owner: q(".UID", "$over"), List: searched("{AppName: $over.Name, IsActive: " + active + "}"),
				Add: q(`if $over.Type == "Platform" then {OrgApplications: [{ID: $over.AppID}]} else {Applications: [$over.Name]} end`, "$over"),
			},
			connectors.Join{
				Over: "roles", Owner: q(".UID", "$over"), List: searched("{SecurityRoleID: $key, IsActive: " + active + "}"),
				Add: q("{SecurityRoleID: $over.ID, SecurityRoleName: $over.Name}", "$over"),
			},
			connectors.Join{Owner: q(".UID", "$over"), List: searched("{IsActive: " + active + "}"), Add: q("{Title, DefaultAccountName}", "$over")})
	}
	return &connectors.Resource{
		Name: "people", Kind: "user", Key: q(".UID"),
		Plans: []*connectors.Plan{{Name: "detail", List: everybody, Detail: &onePerson}, inverted},
		Map: connectors.Mapping{
			Name: q(".FullName"), Active: q(".IsActive"),
			Attributes: q(`{userName: .UserName, email: .PrimaryEmail, referenceId: .ReferenceID, title: .Title, department: .DefaultAccountName,
				securityRole: (.SecurityRoleName // "")}`),
			Entitlements: map[string]*transforms.Query{
				"groups":          q(".GroupIDs"),
				"applications":    q(".Applications"),
				"orgApplications": q(`[(.OrgApplications // [])[] | "\(.ID):\(.SecurityRoleID)\(if .IsAdministrator then ":admin" else "" end)"]`),
				"securityRoles":   q(`[.SecurityRoleID // "" | select(. != "")]`),
			},
		},
	}
}

// tenant is a mock vendor over HTTP, signed in.
type tenant struct {
	*teamdynamix.Vendor
	server *httptest.Server
	token  string
	fault  func(*http.Request) *http.Response // answers in the vendor's stead; nil or a nil answer: nobody
	calls  []string                           // method and path of each
}

// newTenant serves a vendor without limits.
func newTenant(t *testing.T, o teamdynamix.Options) *tenant {
	t.Helper()
	o.Rates = map[string]teamdynamix.Rate{}
	for _, l := range teamdynamix.Limits() {
		o.Rates[l.Method+" "+l.Path] = teamdynamix.Rate{}
	}
	v := &tenant{Vendor: teamdynamix.New(o)}
	v.server = httptest.NewServer(v.Vendor)
	t.Cleanup(v.server.Close)
	keys, _ := json.Marshal(map[string]string{"BEID": v.Options().BEID, "WebServicesKey": v.Options().WebServicesKey})
	resp, err := v.server.Client().Post(v.server.URL+teamdynamix.Production+"/api/auth/loginadmin", "application/json", bytes.NewReader(keys))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	token, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("sign in: got %d, %v, want 200", resp.StatusCode, err)
	}
	v.token = string(token)
	v.Reset() // its counts begin with the reading
	return v
}

// RoundTrip does what the chain does: it ignores the host, begins at the base URL and signs in.
func (v *tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	v.calls = append(v.calls, r.Method+" "+r.URL.Path)
	if v.fault != nil {
		if resp := v.fault(r); resp != nil {
			return resp, nil
		}
	}
	base, err := url.Parse(v.server.URL)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = base.Scheme, base.Host, ""
	r.URL.Path, r.URL.RawPath = teamdynamix.Production+r.URL.Path, ""
	r.Header.Set("Authorization", "Bearer "+v.token)
	return v.server.Client().Transport.RoundTrip(r)
}

// reader reads the vendor's people by a plan.
func (v *tenant) reader(plan string) *aggregation.Reader {
	all := vendorResources()
	r := &aggregation.Reader{
		Pager: aggregation.Pager{Client: &http.Client{Transport: v}}, Resource: all["people"],
		Others: func(name string) *connectors.Resource { return all[name] },
		Now:    func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for _, p := range r.Resource.Plans {
		if p.Name == plan {
			r.Plan = p
		}
	}
	return r
}

// read does all three parts of a reading, from a draft's checkpoint on.
func read(ctx context.Context, t *testing.T, r *aggregation.Reader, d *draft, only aggregation.ChangedOnly) (aggregation.Tally, error) {
	t.Helper()
	if err := r.List(ctx, d, d.checkpoint(t)); err != nil {
		return aggregation.Tally{}, err
	}
	tally, err := r.Settle(ctx, d, only, d)
	if err != nil {
		return tally, err
	}
	return tally, r.Detail(ctx, d.pending(), d)
}

// answer is a response that no vendor gave.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1}
}
