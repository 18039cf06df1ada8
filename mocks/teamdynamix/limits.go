package teamdynamix

import "time"

// Scope is whose calls share a window.
type Scope string

// The scopes that the documentation uses for the methods here [V].
const (
	PerAddress      Scope = "ip"
	PerOrganization Scope = "organization"
)

// Access is what a method asks of the caller's token.
type Access string

// The access classes. ListsEmpty is the trap of Question 126564 [V]: who lacks People access gets 200 and no people.
const (
	Open       Access = "open"       // no token
	SignedIn   Access = "signed-in"  // any token
	People     Access = "people"     // access to TDPeople, else 401
	ListsEmpty Access = "empty-list" // access to TDPeople, else an empty list with 200
	Admin      Access = "admin"      // a token of loginadmin, else 401
)

// Limit is one method of the API: what it asks of a caller, and how often it may be called. Calls of zero mean that no
// limit was found in any source: such a method has no rate-limit headers here.
type Limit struct {
	Method, Path string // the path as the vendor writes it, below the base path
	Calls        int
	Window       time.Duration
	Scope        Scope
	Access       Access
	Source       string // V, S, G as in the package comment
}

// Limits returns the table of every method that the vendor answers.
func Limits() []Limit {
	out := make([]Limit, len(routes))
	for i, rt := range routes {
		out[i] = rt.Limit
	}
	return out
}

type route struct {
	Limit
	handle func(*call)
}

const minute = time.Minute

// routes is the API. Hold it against the vendor's documentation, section by section. Where sources disagree or are cut:
//   - lookup: 75 per 10 s is the newer of two client libraries; an older one has 10 per 1 s.
//   - userlist, getuid and isactive: no source has a limit, so there is none.
//   - group members (read, add), accounts/search and the last three bulk methods: the excerpt ends before the limit;
//     they take their siblings'. loginsso likewise.
//   - access of a person's groups and functional roles, of getuid and of isactive: no source; TDPeople.
//     Writes of accounts: no source; admin, as writes of groups are.
var routes = []route{
	{Limit{"POST", "/api/auth", 60, minute, PerAddress, Open, "V"}, (*call).login},
	{Limit{"POST", "/api/auth/login", 60, minute, PerAddress, Open, "V"}, (*call).login},
	{Limit{"POST", "/api/auth/loginadmin", 60, minute, PerAddress, Open, "S"}, (*call).loginAdmin},
	{Limit{"GET", "/api/auth/loginsso", 60, minute, PerAddress, Open, "G"}, (*call).loginSSO},
	{Limit{"GET", "/api/auth/getuser", 60, minute, PerAddress, SignedIn, "V"}, (*call).currentUser},

	{Limit{"POST", "/api/people", 45, minute, PerAddress, Admin, "V"}, (*call).createPerson},
	{Limit{"GET", "/api/people/{uid}", 60, minute, PerAddress, People, "V"}, (*call).person},
	{Limit{"POST", "/api/people/{uid}", 45, minute, PerAddress, Admin, "S"}, (*call).updatePerson},
	{Limit{"PATCH", "/api/people/{uid}", 45, minute, PerAddress, Admin, "V"}, (*call).patchPerson},
	{Limit{"POST", "/api/people/search", 60, minute, PerAddress, ListsEmpty, "V"}, (*call).searchPeople},
	{Limit{"GET", "/api/people/lookup", 75, 10 * time.Second, PerAddress, ListsEmpty, "S"}, (*call).lookupPeople},
	{Limit{"GET", "/api/people/userlist", 0, 0, PerAddress, Admin, "S"}, (*call).listPeople},
	{Limit{"GET", "/api/people/getuid/{username}", 0, 0, PerAddress, People, "S"}, (*call).personUID},
	{Limit{"PUT", "/api/people/{uid}/isactive", 0, 0, PerAddress, People, "S"}, (*call).setActive},
	{Limit{"POST", "/api/people/import", 10, minute, PerAddress, Admin, "S"}, (*call).importPeople},

	{Limit{"GET", "/api/people/{uid}/groups", 180, minute, PerAddress, People, "S"}, (*call).groupsOfPerson},
	{Limit{"POST", "/api/people/{uid}/groups", 180, minute, PerAddress, People, "G"}, (*call).addGroupsToPerson},
	{Limit{"PUT", "/api/people/{uid}/groups/{id}", 180, minute, PerAddress, People, "S"}, (*call).addGroupToPerson},
	{Limit{"DELETE", "/api/people/{uid}/groups/{id}", 180, minute, PerAddress, People, "S"}, (*call).removeGroupFromPerson},
	{Limit{"GET", "/api/people/{uid}/functionalroles", 180, minute, PerAddress, People, "S"}, (*call).functionalRolesOfPerson},
	{Limit{"PUT", "/api/people/{uid}/functionalroles/{id}", 180, minute, PerAddress, People, "S"}, (*call).addFunctionalRole},
	{Limit{"DELETE", "/api/people/{uid}/functionalroles/{id}", 180, minute, PerAddress, People, "S"}, (*call).removeFunctionalRole},

	{Limit{"POST", "/api/people/bulk/changeacctdepts", 1, 2 * minute, PerOrganization, Admin, "V"}, (*call).bulkAccounts},
	{Limit{"POST", "/api/people/bulk/changeactivestatus", 1, 2 * minute, PerOrganization, Admin, "V"}, (*call).bulkActive},
	{Limit{"POST", "/api/people/bulk/applydesktop", 1, 2 * minute, PerOrganization, Admin, "V"}, (*call).bulkTemplate},
	{Limit{"POST", "/api/people/bulk/applydashboard", 1, 2 * minute, PerOrganization, Admin, "V"}, (*call).bulkTemplate},
	{Limit{"POST", "/api/people/bulk/changeapplications", 1, 2 * minute, PerAddress, Admin, "V"}, (*call).bulkApplications},
	{Limit{"POST", "/api/people/bulk/changeorgapplications", 1, 2 * minute, PerAddress, Admin, "G"}, (*call).bulkOrgApplications},
	{Limit{"POST", "/api/people/bulk/changesecurityrole/{id}", 1, 2 * minute, PerAddress, Admin, "G"}, (*call).bulkSecurityRole},
	{Limit{"POST", "/api/people/bulk/managegroups", 1, 2 * minute, PerAddress, Admin, "G"}, (*call).bulkGroups},

	{Limit{"POST", "/api/groups", 45, minute, PerAddress, Admin, "V"}, (*call).createGroup},
	{Limit{"GET", "/api/groups/{id}", 60, minute, PerAddress, People, "V"}, (*call).group},
	{Limit{"PUT", "/api/groups/{id}", 45, minute, PerAddress, Admin, "V"}, (*call).updateGroup},
	{Limit{"POST", "/api/groups/search", 60, minute, PerAddress, SignedIn, "S"}, (*call).searchGroups},
	{Limit{"GET", "/api/groups/{id}/applications", 60, minute, PerAddress, People, "V"}, (*call).applicationsOfGroup},
	{Limit{"POST", "/api/groups/{id}/applications", 45, minute, PerAddress, Admin, "V"}, (*call).addApplicationsToGroup},
	{Limit{"DELETE", "/api/groups/{id}/applications", 45, minute, PerAddress, Admin, "V"}, (*call).removeApplicationsFromGroup},
	{Limit{"GET", "/api/groups/{id}/members", 60, minute, PerAddress, People, "G"}, (*call).members},
	{Limit{"POST", "/api/groups/{id}/members", 45, minute, PerAddress, Admin, "G"}, (*call).addMembers},
	{Limit{"DELETE", "/api/groups/{id}/members", 45, minute, PerAddress, Admin, "V"}, (*call).removeMembers},

	{Limit{"GET", "/api/securityroles/{id}", 60, minute, PerAddress, SignedIn, "V"}, (*call).securityRole},
	{Limit{"PUT", "/api/securityroles/{id}", 60, minute, PerAddress, Admin, "V"}, (*call).updateSecurityRole},
	{Limit{"GET", "/api/securityroles/permissions", 60, minute, PerAddress, SignedIn, "V"}, (*call).permissions},
	{Limit{"POST", "/api/securityroles/search", 60, minute, PerAddress, SignedIn, "V"}, (*call).searchSecurityRoles},
	{Limit{"POST", "/api/functionalroles", 60, minute, PerAddress, Admin, "V"}, (*call).createFunctionalRole},
	{Limit{"PUT", "/api/functionalroles/{id}", 60, minute, PerAddress, Admin, "V"}, (*call).updateFunctionalRole},
	{Limit{"POST", "/api/functionalroles/search", 60, minute, PerAddress, People, "V"}, (*call).searchFunctionalRoles},

	{Limit{"GET", "/api/accounts", 60, minute, PerAddress, SignedIn, "V"}, (*call).accounts},
	{Limit{"POST", "/api/accounts", 60, minute, PerAddress, Admin, "V"}, (*call).createAccount},
	{Limit{"GET", "/api/accounts/{id}", 60, minute, PerAddress, SignedIn, "V"}, (*call).account},
	{Limit{"PUT", "/api/accounts/{id}", 60, minute, PerAddress, Admin, "V"}, (*call).updateAccount},
	{Limit{"POST", "/api/accounts/search", 60, minute, PerAddress, SignedIn, "G"}, (*call).searchAccounts},
	{Limit{"GET", "/api/applications", 60, minute, PerAddress, SignedIn, "V"}, (*call).applications},
}
