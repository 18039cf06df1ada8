package teamdynamix

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// site is one environment of the tenant: what was born, what has been written since, and its windows. Its records are
// values in slices; whoever leaves the lock leaves with copies.
type site struct {
	windows windows
	born    population

	mu       sync.RWMutex
	count    int             // people, born and created
	edited   map[int]*person // those that differ from how they were born
	names    map[string]int  // lower-case user names of the edited
	groups   []group         // group of id firstGroup+i
	accounts []account       // account of id firstAccount+i
	duties   []functionalRole
	roles    []securityRole
	apps     []application
}

// founded is the date of every record that was there at the start: answers must not depend on the day of the test.
var founded = time.Date(2019, time.August, 26, 9, 0, 0, 0, time.UTC)

func newSite(o Options) *site {
	s := &site{
		windows: windows{open: map[windowKey]*window{}},
		born:    newPopulation(o),
		edited:  map[int]*person{}, names: map[string]int{},
	}
	s.count = s.born.people
	s.apps = s.born.applications()
	s.groups = s.born.allGroups(s.apps)
	s.accounts = s.born.allAccounts()
	s.duties = s.born.allDuties()
	s.roles = s.born.allRoles()
	return s
}

// find returns the index of the person with this UID or user name. The caller holds the lock.
func (s *site) find(key string) (int, bool) {
	if i, ok := s.born.byUID(key); ok {
		return i, i < s.count
	}
	return s.named(key)
}

// someone is find with the answer for whom is not there.
func (s *site) someone(key string) (int, error) {
	i, ok := s.find(key)
	if !ok {
		return 0, notFound("The person")
	}
	return i, nil
}

// named returns the index of the person with this user name. The caller holds the lock.
func (s *site) named(name string) (int, bool) {
	if i, ok := s.names[strings.ToLower(name)]; ok {
		return i, true
	}
	i, ok := s.born.byUserName(name)
	return i, ok && s.edited[i] == nil // an edited one has its name in names
}

// at returns person i as stored, to be read only. The caller holds the lock.
func (s *site) at(i int) *person {
	if p := s.edited[i]; p != nil {
		return p
	}
	return s.born.born(i)
}

// show returns the user that a GET answers: collections and the names of what it points at filled in. The caller holds the lock.
func (s *site) show(p *person) user {
	u := s.head(p)
	u.GroupIDs = make([]int, len(p.groups))
	for k, m := range p.groups {
		u.GroupIDs[k] = m.GroupID
	}
	u.Permissions = []string{}
	if role, ok := s.roleByID(p.SecurityRoleID); ok {
		u.Permissions = role.Permissions
	}
	u.Applications = orEmpty(p.Applications)
	u.Attributes = orEmpty(p.Attributes)
	u.OrgApplications = make([]orgApplication, len(p.OrgApplications))
	for k, a := range p.OrgApplications {
		if role, ok := s.roleByID(a.SecurityRoleID); ok {
			a.SecurityRoleName = role.Name
		}
		u.OrgApplications[k] = a
	}
	return u
}

// head returns the user that a search answers: no collections [S]. Those that the documentation calls nullable are
// null, the others empty: a client meets both. The caller holds the lock.
func (s *site) head(p *person) user {
	u := p.user
	u.GroupIDs, u.Permissions, u.OrgApplications = nil, nil, nil
	u.Applications, u.Attributes = []string{}, []attribute{}
	if role, ok := s.roleByID(p.SecurityRoleID); ok {
		u.SecurityRoleName = role.Name
	}
	if a, ok := s.accountByID(p.DefaultAccountID); ok {
		u.DefaultAccountName = a.Name
	}
	return u
}

// change puts a changed copy of person i in its place, if fn and the checks of a person agree. The caller holds the lock.
func (s *site) change(i int, fn func(*person) error) error { return s.changeAll([]int{i}, fn) }

// changeAll changes everybody or nobody. The caller holds the lock.
func (s *site) changeAll(people []int, fn func(*person) error) error {
	next := make([]*person, len(people))
	for k, i := range people {
		p := *s.at(i)
		if err := fn(&p); err != nil {
			return err
		}
		s.tidy(&p)
		if err := s.check(&p, i); err != nil {
			return err
		}
		next[k] = &p
	}
	for k, i := range people {
		delete(s.names, strings.ToLower(s.at(i).UserName))
		s.names[strings.ToLower(next[k].UserName)] = i
		s.edited[i] = next[k]
	}
	return nil
}

// tidy derives what follows from the rest of a person about to be stored: the full name, and the names of applications.
func (s *site) tidy(p *person) {
	p.FullName = strings.TrimSpace(p.FirstName + " " + p.LastName)
	p.OrgApplications = slices.Clone(p.OrgApplications)
	for k, held := range p.OrgApplications {
		if app, err := s.platform(held.ID); err == nil {
			held.Name, held.Description, held.SystemClass = app.Name, app.Description, app.AppClass
			p.OrgApplications[k] = held
		}
	}
}

// check says what is wrong with a person about to be stored at i. The caller holds the lock.
func (s *site) check(p *person, i int) error {
	switch other, taken := s.named(p.UserName); {
	case p.FirstName == "" || p.LastName == "":
		return badRequest("FirstName and LastName are required.")
	case p.UserName == "":
		return badRequest("UserName is required.")
	case taken && other != i:
		return badRequest("The user name '%s' is already in use.", p.UserName)
	}
	if p.TypeID == typeCustomer && (p.SecurityRoleID != "" || len(p.groups) > 0) {
		return badRequest("Customers have neither a security role nor groups.")
	}
	if role, ok := s.roleByID(p.SecurityRoleID); p.TypeID == typeUser && (!ok || role.AppID != 0) {
		return badRequest("A valid SecurityRoleID is required for users.")
	}
	if _, ok := s.accountByID(p.DefaultAccountID); p.DefaultAccountID != 0 && !ok {
		return badRequest("The account %d could not be found.", p.DefaultAccountID)
	}
	for _, name := range p.Applications {
		if !slices.ContainsFunc(s.apps, func(a application) bool { return a.Type == appStandard && a.Name == name }) {
			return badRequest("The application '%s' could not be found.", name)
		}
	}
	for _, held := range p.OrgApplications {
		role, ok := s.roleByID(held.SecurityRoleID)
		if !ok || role.AppID != held.ID {
			return badRequest("The security role of application %d is not one of its own.", held.ID)
		}
	}
	return nil
}

// each walks over all people in order of index, born ones only sketched into one buffer: what it yields is gone at the
// next step. The caller holds the lock.
func (s *site) each() iter.Seq2[int, *person] {
	return func(yield func(int, *person) bool) {
		var scratch person
		for i := range s.count {
			p := s.edited[i]
			if p == nil {
				s.born.sketch(i, &scratch)
				p = &scratch
			}
			if !yield(i, p) {
				return
			}
		}
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// stamp writes a time as the vendor does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
