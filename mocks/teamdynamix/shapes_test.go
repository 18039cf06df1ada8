package teamdynamix_test

import (
	"io"
	"net/http"
	"testing"
)

// The records as a client of the vendor would declare them: written from the documentation, not from the mock.

type person struct {
	UID, UserName, FirstName, LastName, FullName, Title, PrimaryEmail, ExternalID, AlternateID string
	ReferenceID, TypeID, DefaultAccountID                                                      int
	IsActive, IsEmployee, IsConfidential                                                       bool
	SecurityRoleID, SecurityRoleName, DefaultAccountName, BEID                                 string
	Applications, Permissions                                                                  []string
	OrgApplications                                                                            []orgApplication
	Attributes                                                                                 []attribute
	GroupIDs                                                                                   []int
}

type orgApplication struct {
	ID                                     int
	Name, SecurityRoleID, SecurityRoleName string
}

type attribute struct {
	ID          int
	Name, Value string
}

type membership struct {
	GroupID                          int
	GroupName                        string
	IsPrimary, IsNotified, IsManager bool
}

type group struct {
	ID                            int
	Name, Description, ExternalID string
	IsActive                      bool
	PlatformApplications          []groupApplication
}

type groupApplication struct {
	GroupID, AppID    int
	AppName, AppClass string
}

type role struct {
	ID, Name         string
	AppID, UserCount int
	Permissions      []string
}

type duty struct {
	FunctionalRoleID   int
	FunctionalRoleName string
	IsPrimary          bool
}

type account struct {
	ID         int
	Name       string
	IsActive   bool
	Attributes []attribute
}

type application struct {
	AppID      int
	Name, Type string
	Active     bool
}

// everybody is userlist: the whole organisation in one call.
func everybody(c *client) []person {
	c.Helper()
	return load[[]person](c, "GET", "/api/people/userlist", nil)
}

// details reads every person one by one, as an IGA connector has to.
func details(c *client) []person {
	c.Helper()
	var out []person
	for _, p := range everybody(c) {
		out = append(out, load[person](c, "GET", "/api/people/"+p.UID, nil))
	}
	return out
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return string(b)
}
