package teamdynamix

import (
	"net/http"
	"strings"
)

// account is a department, "Acct/Dept" in the vendor's words [V: section Accounts].
type account struct {
	ID              int
	Name            string
	ParentID        *int
	ParentName      string
	IsActive        bool
	Address1        string
	City            string
	StateAbbr       string
	PostalCode      string
	Country         string
	Phone           string
	Notes           string
	Code            string
	ManagerUID      string
	ManagerFullName string
	CreatedDate     string
	ModifiedDate    string
	Attributes      []attribute
}

func (g *population) allAccounts() []account {
	out := make([]account, g.accounts)
	for i, name := range numbered(accountNames, g.accounts) {
		h := g.draw(saltContact, ^i)
		out[i] = account{
			ID: firstAccount + i, Name: name, IsActive: true, Code: strings.ToUpper(name[:3]),
			Address1: "1 Campus Drive", City: cities[h%uint64(len(cities))], StateAbbr: "OH", PostalCode: "43210", Country: "United States",
			Phone: phone(h >> 8), CreatedDate: stamp(founded), ModifiedDate: stamp(founded),
			Attributes: []attribute{{ID: 7201, Name: "Cost Center", Value: "CC" + name[:2], ValueText: "CC" + name[:2]}},
		}
		if g.people > 0 {
			boss := int(h >> 16 % uint64(g.people))
			first, last := g.name(boss)
			out[i].ManagerUID, out[i].ManagerFullName = g.uid(boss), first+" "+last
		}
	}
	return out
}

// accountByID finds an account. The caller holds the lock.
func (s *site) accountByID(id int) (account, bool) {
	if id < firstAccount || id >= firstAccount+len(s.accounts) {
		return account{}, false
	}
	return s.accounts[id-firstAccount], true
}

// accounts answers GET accounts: without Attributes, and only the caller's own unless it may view all [V].
func (c *call) accounts() {
	c.reading(func(s *site) (any, error) { return c.visible(s, func(a account) bool { return a.IsActive }), nil })
}

// visible returns the accounts that the caller may see and that match.
func (c *call) visible(s *site, match func(account) bool) []account {
	own := 0
	if i, ok := s.named(c.caller.name); ok {
		own = s.at(i).DefaultAccountID
	}
	out := []account{}
	for _, a := range s.accounts {
		if (c.caller.allAccounts || a.ID == own) && match(a) {
			a.Attributes = nil
			out = append(out, a)
		}
	}
	return out
}

// searchAccounts answers POST accounts/search; its fields are [S].
func (c *call) searchAccounts() {
	q, err := read[struct {
		SearchText string
		IsActive   *bool
		MaxResults int
	}](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.reading(func(s *site) (any, error) {
		out := c.visible(s, func(a account) bool {
			return is(q.IsActive, a.IsActive) && strings.Contains(strings.ToLower(a.Name), strings.ToLower(q.SearchText))
		})
		if q.MaxResults > 0 {
			out = out[:min(len(out), q.MaxResults)]
		}
		return out, nil
	})
}

// account answers GET accounts/{id}. One that the caller may not see is not found [G].
func (c *call) account() {
	c.reading(func(s *site) (any, error) {
		id, err := c.id("The account")
		if err != nil {
			return nil, err
		}
		a, ok := s.accountByID(id)
		if !ok || len(c.visible(s, func(o account) bool { return o.ID == id })) == 0 {
			return nil, notFound("The account")
		}
		return a, nil
	})
}

// createAccount answers POST accounts with the new account and 201 [G].
func (c *call) createAccount() {
	c.writeAccount(http.StatusCreated, func(s *site, in account) (account, error) {
		in.ID, in.CreatedDate = firstAccount+len(s.accounts), stamp(c.now())
		s.accounts = append(s.accounts, account{})
		return in, nil
	})
}

// updateAccount answers PUT accounts/{id}: a full update.
func (c *call) updateAccount() {
	c.writeAccount(http.StatusOK, func(s *site, in account) (account, error) {
		id, err := c.id("The account")
		if err != nil {
			return account{}, err
		}
		old, ok := s.accountByID(id)
		if !ok {
			return account{}, notFound("The account")
		}
		in.ID, in.CreatedDate = id, old.CreatedDate
		return in, nil
	})
}

// writeAccount stores the account of the body at the place that fn gives it.
func (c *call) writeAccount(status int, fn func(*site, account) (account, error)) {
	in, err := read[account](c)
	if err == nil && strings.TrimSpace(in.Name) == "" {
		err = badRequest("Name is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(status, func(s *site) (any, error) {
		a, err := fn(s, in)
		if err != nil {
			return nil, err
		}
		a.ModifiedDate, a.Attributes = stamp(c.now()), orEmpty(a.Attributes)
		s.accounts[a.ID-firstAccount] = a
		return a, nil
	})
}
