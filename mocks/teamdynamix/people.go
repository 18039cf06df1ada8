package teamdynamix

import (
	"net/http"
	"strings"
)

// person answers GET people/{uid}, where {uid} may be a user name as well [V].
func (c *call) person() {
	c.reading(func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		return s.show(s.at(i)), nil
	})
}

// personUID answers GET people/getuid/{username} with the GUID as a JSON string.
func (c *call) personUID() {
	c.reading(func(s *site) (any, error) {
		i, ok := s.named(c.r.PathValue("username"))
		if !ok {
			return nil, notFound("The person")
		}
		return s.born.uid(i), nil
	})
}

// currentUser answers GET auth/getuser. The service account and a login without a person of its name have a record of
// their own, which is found nowhere else.
func (c *call) currentUser() {
	c.reading(func(s *site) (any, error) {
		if i, ok := s.named(c.caller.name); ok {
			return s.show(s.at(i)), nil
		}
		u := user{BEID: c.opts.BEID, BEIDInt: beidInt, ReportTimeAfterDate: noDate, EndDate: noDate, Birthday: noDate}
		u.listing = listing{
			UID: s.born.guid(saltKey, len(c.caller.name)), UserName: c.caller.name, FirstName: "Service", LastName: "Account",
			FullName: "Service Account", IsActive: true, TypeID: typeUser,
		}
		return s.show(&person{user: u}), nil
	})
}

// newUser is NewUser: a User with a password and a desktop [V]. The password is taken and forgotten.
type newUser struct {
	user
	Password  string
	DesktopID string
}

// createPerson answers POST people with the new person and 201 [G]. GroupIDs and Permissions are read-only and ignored.
func (c *call) createPerson() {
	in, err := read[newUser](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusCreated, func(s *site) (any, error) {
		p := person{user: in.user}
		i := s.count
		p.UID, p.ReferenceID, p.BEID, p.BEIDInt = s.born.uid(i), firstReference+i, c.opts.BEID, beidInt
		p.GroupIDs, p.Permissions = nil, nil
		s.tidy(&p)
		if p.TypeID == 0 {
			p.TypeID = typeUser
		}
		if p.TypeID != typeUser && p.TypeID != typeCustomer {
			return nil, badRequest("TypeID must be %d (User) or %d (Customer).", typeUser, typeCustomer)
		}
		if err := s.check(&p, i); err != nil {
			return nil, err
		}
		s.edited[i], s.names[strings.ToLower(p.UserName)] = &p, i
		s.count++
		return s.show(&p), nil
	})
}

// updatePerson answers POST people/{uid}: a full update, in which what the body leaves out is emptied. Collections that
// are null stay as they are [G]; what is read-only stays whatever the body says.
func (c *call) updatePerson() {
	in, err := read[user](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.changePerson(func(p *person) error {
		old := p.user
		p.user = in
		p.keep(old)
		if in.Applications == nil {
			p.Applications = old.Applications
		}
		if in.OrgApplications == nil {
			p.OrgApplications = old.OrgApplications
		}
		if in.Attributes == nil {
			p.Attributes = old.Attributes
		}
		return nil
	})
}

// keep restores what no update may change. The names of role and account are shown from their own records.
func (p *person) keep(old user) {
	p.UID, p.ReferenceID, p.BEID, p.BEIDInt, p.TypeID = old.UID, old.ReferenceID, old.BEID, old.BEIDInt, old.TypeID
	p.GroupIDs, p.Permissions, p.SecurityRoleName, p.DefaultAccountName = nil, nil, "", ""
}

// patchPerson answers PATCH people/{uid}: all operations, or none.
func (c *call) patchPerson() {
	ops, err := read[[]operation](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.changePerson(func(p *person) error {
		next, err := patch(c.site.show(p), ops)
		if err != nil {
			return err
		}
		old := p.user
		p.user = next
		p.keep(old)
		return nil
	})
}

// setActive answers PUT people/{uid}/isactive?status= with the status as a JSON boolean [G].
func (c *call) setActive() {
	status, err := c.flag("status")
	if err == nil && status == nil {
		err = badRequest("The status parameter is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		return *status, s.change(i, func(p *person) error { p.IsActive = *status; return nil })
	})
}

// changePerson changes the person of the path and answers with it.
func (c *call) changePerson(fn func(*person) error) {
	c.writing(http.StatusOK, func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		if err := s.change(i, fn); err != nil {
			return nil, err
		}
		return s.show(s.at(i)), nil
	})
}
