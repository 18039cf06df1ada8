package main

import (
	"cmp"
	"fmt"
	"io"

	"sluice/mocks/teamdynamix"
)

// tenant is what a caller needs to know of a mock.
type tenant struct {
	Production     string `json:"production"`
	Sandbox        string `json:"sandbox"`
	BEID           string `json:"beid"`
	WebServicesKey string `json:"webServicesKey"`
	Username       string `json:"username,omitempty"`
	Password       string `json:"password,omitempty"`
	People         int    `json:"people"`
}

func printTenant(w io.Writer, output format, url string, o teamdynamix.Options) error {
	t := tenant{
		Production: url + teamdynamix.Production, Sandbox: url + teamdynamix.Sandbox,
		BEID: o.BEID, WebServicesKey: o.WebServicesKey, People: o.People,
	}
	if len(o.Logins) > 0 {
		t.Username, t.Password = o.Logins[0].Username, o.Logins[0].Password
	}
	if output == asJSON {
		return writeJSON(w, t)
	}
	_, err := fmt.Fprintf(w, `TeamDynamix, played with %d people

  production      %s
  sandbox         %s
  BEID            %s
  WebServicesKey  %s
  user            %s / %s

Sign in:

  %s

Ctrl-C stops it.
`, t.People, t.Production, t.Sandbox, t.BEID, t.WebServicesKey, cmp.Or(t.Username, "none"), cmp.Or(t.Password, "none"),
		signInCurl(t.Production, o))
	return err
}

// signInCurl is a command line that signs in with BEID and key at base.
func signInCurl(base string, o teamdynamix.Options) string {
	return fmt.Sprintf(`curl -s %s/api/auth/loginadmin -H 'Content-Type: application/json' \
    -d '{"BEID":"%s","WebServicesKey":"%s"}'`, base, o.BEID, o.WebServicesKey)
}
