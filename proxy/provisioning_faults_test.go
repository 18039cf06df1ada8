package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/mocks/teamdynamix"
)

// cutsAnswers breaks every connection in the middle of the answer, with everything done.
func cutsAnswers(o *teamdynamix.Options) { o.DropRate = 1 }

// TestCutWriteIsNotSentAgain: a vendor who breaks off in the middle of an answer has acted, so no write goes there a second time.
func TestCutWriteIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, signIn := range signIns {
		all := errands(t, newDesk(t, signIn, "", nil))
		for _, e := range all {
			t.Run(signIn+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, signIn, "", nil)
				d.warm()
				before, calls := d.tenant(), d.calls()
				d.vendor.Set(cutsAnswers)
				resp, text := d.do(e.method, e.path, e.body)
				d.vendor.Set(func(o *teamdynamix.Options) { o.DropRate = 0 })
				broken(t, resp, text)
				if got := d.calls() - calls; got != 1 {
					t.Errorf("calls at the vendor: got %d, want one write", got)
				}
				e.want(before.People[e.uid])
				if diff := cmp.Diff(before, d.tenant()); diff != "" {
					t.Errorf("the vendor (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// warm makes a call, so that a managed connection has signed in.
func (d *desk) warm() {
	d.Helper()
	if resp, text := d.do("GET", "/api/applications", ""); resp.StatusCode != 200 {
		d.Fatalf("applications: got %d %s, want 200", resp.StatusCode, text)
	}
}

// broken holds that an answer says clearly that the vendor's broke off.
func broken(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	said := parsed[struct{ Error, Message, Connection string }](t, text)
	if resp.StatusCode != 502 || said.Error != "vendor_protocol" || said.Connection != "tdx" ||
		said.Message != "the vendor's answer broke off before its end; whether it acted is unknown" {
		t.Errorf("got %d %s, want a 502 that says that the answer broke off", resp.StatusCode, text)
	}
}

func TestCutCreateMakesOnePerson(t *testing.T) {
	t.Parallel()
	for _, signIn := range signIns {
		t.Run(signIn, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, signIn, "", nil)
			d.warm()
			before, body, calls := d.tenant(), jsonOf(t, newcomer(d)), d.calls()
			d.vendor.Set(cutsAnswers)
			resp, text := d.do("POST", "/api/people", body)
			d.vendor.Set(func(o *teamdynamix.Options) { o.DropRate = 0 })
			broken(t, resp, text)
			if got := d.calls() - calls; got != 1 {
				t.Errorf("creations at the vendor: got %d, want 1", got)
			}
			if got, want := len(d.tenant().People), len(before.People)+1; got != want {
				t.Errorf("people at the vendor: got %d, want %d", got, want)
			}
			if resp, text = d.do("POST", "/api/people", body); resp.StatusCode != 400 || !strings.Contains(text, "already in use") {
				t.Errorf("the connector's own second try: got %d %s, want the vendor's 400", resp.StatusCode, text)
			}
		})
	}
}

// TestRevokedTokenWritesNothing: a 401 that the token's age does not explain may be a missing permission, so the write is not sent again.
func TestRevokedTokenWritesNothing(t *testing.T) {
	t.Parallel()
	for _, signIn := range signIns {
		t.Run(signIn, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, signIn, "", nil)
			d.warm()
			before, body, calls := d.tenant(), jsonOf(t, newcomer(d)), d.calls()
			d.vendor.ExpireTokens()
			resp, text := d.do("POST", "/api/people", body)
			if want := `{"ID":-1,"Message":"Authorization has been denied for this request."}`; resp.StatusCode != 401 || text != want {
				t.Errorf("got %d %s, want 401 %s", resp.StatusCode, text, want)
			}
			if got := d.calls() - calls; got != 1 {
				t.Errorf("calls at the vendor: got %d, want 1", got)
			}
			o := d.vendor.Options() // the auditor's token is gone too
			d.token = d.audit("POST", "/api/auth/loginadmin", fmt.Sprintf(`{"BEID":%q,"WebServicesKey":%q}`, o.BEID, o.WebServicesKey))
			if diff := cmp.Diff(before, d.tenant()); diff != "" {
				t.Errorf("the vendor (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVendorsRefusalsPassThrough: what the vendor says no to is answered in its own words, and changes nothing.
func TestVendorsRefusalsPassThrough(t *testing.T) {
	t.Parallel()
	const nobody = "/api/people/00000000-0000-0000-0000-000000000000"
	refusals := []struct {
		name, method, path, kind, body string
		status                         int
		says                           string
	}{
		{"a create without a name", "POST", "/api/people", "application/json", `{"UserName":"x"}`, 400, `{"ID":-1,"Message":"FirstName and LastName are required."}`},
		{"a create with a broken body", "POST", "/api/people", "application/json", `{"UserName":`, 400, `{"ID":-1,"Message":"The request is invalid: the body is not what this method takes."}`},
		{"nobody to patch", "PATCH", nobody, "application/json", `[]`, 404, `{"ID":-1,"Message":"The person could not be found."}`},
		{"nobody to disable", "PUT", nobody + "/isactive?status=false", "", ``, 404, `{"ID":-1,"Message":"The person could not be found."}`},
		{"disable without a status", "PUT", nobody + "/isactive", "", ``, 400, `{"ID":-1,"Message":"The status parameter is required."}`},
		{"an unknown group", "PUT", "/api/people/%s/groups/7", "", ``, 404, `{"ID":-1,"Message":"The group could not be found."}`},
		{"an organisation to patch", "PATCH", "/api/people/%s", "application/json", `[{"op":"add","path":"/BEID","value":"x"}]`, 400, `{"ID":-1,"Message":"Operation 0 (add /BEID): 'BEID' cannot be changed."}`},
		// "Request content type other than JSON is not supported": its PATCH looks like RFC 6902 and does not take that name.
		{"a patch by its RFC's name", "PATCH", "/api/people/%s", "application/json-patch+json", `[{"op":"add","path":"/Title","value":"Dean"}]`, 415,
			`{"ID":-1,"Message":"The request entity's media type is not supported for this resource."}`},
		{"a person to delete", "DELETE", "/api/people/%s", "", ``, 405, `{"ID":-1,"Message":"The requested resource does not support http method 'DELETE'."}`},
	}
	for _, signIn := range signIns {
		for _, tt := range refusals {
			t.Run(signIn+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, signIn, "", nil)
				before := d.tenant()
				path := strings.Replace(tt.path, "%s", sortedKeys(before.People)[0], 1)
				var kind []string
				if tt.kind != "" {
					kind = []string{"Content-Type", tt.kind}
				}
				resp, text := d.do(tt.method, path, tt.body, kind...)
				if resp.StatusCode != tt.status || text != tt.says {
					t.Errorf("%s %s: got %d %s, want %d %s", tt.method, path, resp.StatusCode, text, tt.status, tt.says)
				}
				sailpoints(t, resp)
				if got := d.calls(); got != 2 {
					t.Errorf("calls at the vendor: got %d, want the sign-in and this one", got)
				}
				if diff := cmp.Diff(before, d.tenant()); diff != "" {
					t.Errorf("the vendor (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestTooLargeForTheVendor: TeamDynamix takes 4 MB. Its own refusal of more reaches the caller; a house that is told of the bound refuses by itself.
func TestTooLargeForTheVendor(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	for _, signIn := range signIns {
		for name, tt := range map[string]struct {
			sluice, says string
			calls        int
		}{
			"by the vendor": {"", "Maximum request length exceeded.", 1},
			"by the house":  {"limits: {request_body: 4MiB}\n", "limits.request_body allows (4194304 bytes)", 0},
		} {
			t.Run(signIn+"/"+name, func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, signIn, tt.sluice, nil)
				d.warm()
				before, somebody, calls := d.tenant(), newcomer(d), d.calls()
				somebody["AboutMe"] = strings.Repeat("x", 5*megabyte)
				resp, text := d.do("POST", "/api/people", jsonOf(t, somebody))
				if resp.StatusCode != 413 || !strings.Contains(text, tt.says) {
					t.Errorf("5 MB: got %d %.300s, want 413 and %q", resp.StatusCode, text, tt.says)
				}
				if got := d.calls() - calls; got != tt.calls {
					t.Errorf("calls at the vendor: got %d, want %d", got, tt.calls)
				}
				if diff := cmp.Diff(before, d.tenant()); diff != "" {
					t.Errorf("the vendor (-want +got):\n%s", diff)
				}
				somebody["AboutMe"] = strings.Repeat("x", 3*megabyte)
				if resp, text := d.do("POST", "/api/people", jsonOf(t, somebody)); resp.StatusCode != 201 {
					t.Errorf("3 MB: got %d %.300s, want 201", resp.StatusCode, text)
				}
			})
		}
	}
}
