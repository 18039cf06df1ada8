package teamdynamix

import (
	"net/http"
	"slices"
	"strings"
)

// group is TeamDynamix.Api.Users.Group [V]. PlatformApplications is what groups/{id}/applications reads and writes.
type group struct {
	ID                   int
	Name                 string
	Description          string
	IsActive             bool
	ExternalID           string
	CreatedDate          string
	ModifiedDate         string
	PlatformApplications []groupApplication
}

// groupApplication is an application that a group gives its members [S].
type groupApplication struct {
	GroupID  int
	AppID    int
	AppName  string
	AppClass string
}

func (g *population) allGroups(apps []application) []group {
	out := make([]group, g.groups)
	for i, name := range numbered(groupNames, g.groups) {
		h := g.draw(saltGroup, i)
		out[i] = group{
			ID: firstGroup + i, Name: name, Description: "People of " + name, IsActive: h%20 != 0,
			ExternalID: "GRP-" + g.guid(saltGroup, i)[:8], CreatedDate: stamp(founded), ModifiedDate: stamp(founded.AddDate(0, 0, int(h%1000))),
			PlatformApplications: []groupApplication{},
		}
		if n := len(platformApplications); h>>8%3 == 0 {
			a := apps[g.stdApps+int(h>>16%uint64(n))]
			out[i].PlatformApplications = []groupApplication{{out[i].ID, a.AppID, a.Name, a.AppClass}}
		}
	}
	return out
}

// groupByID returns the group for reading and, under the write lock, for writing.
func (s *site) groupByID(id int) (*group, error) {
	if id < firstGroup || id >= firstGroup+len(s.groups) {
		return nil, notFound("The group")
	}
	return &s.groups[id-firstGroup], nil
}

// group answers GET groups/{id}.
func (c *call) group() {
	c.reading(func(s *site) (any, error) { return c.groupOfPath(s) })
}

func (c *call) groupOfPath(s *site) (group, error) {
	id, err := c.id("The group")
	if err != nil {
		return group{}, err
	}
	g, err := s.groupByID(id)
	if err != nil {
		return group{}, err
	}
	return *g, nil
}

// createGroup answers POST groups with the new group and 201 [G].
func (c *call) createGroup() {
	in, err := read[group](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusCreated, func(s *site) (any, error) {
		if err := s.checkGroup(in, 0); err != nil {
			return nil, err
		}
		in.ID, in.CreatedDate, in.ModifiedDate = firstGroup+len(s.groups), stamp(c.now()), stamp(c.now())
		in.PlatformApplications = []groupApplication{}
		s.groups = append(s.groups, in)
		return in, nil
	})
}

// updateGroup answers PUT groups/{id}: name, description, state and external id.
func (c *call) updateGroup() {
	in, err := read[group](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		old, err := c.groupOfPath(s)
		if err != nil {
			return nil, err
		}
		if err := s.checkGroup(in, old.ID); err != nil {
			return nil, err
		}
		in.ID, in.CreatedDate, in.PlatformApplications = old.ID, old.CreatedDate, old.PlatformApplications
		in.ModifiedDate = stamp(c.now())
		s.groups[old.ID-firstGroup] = in
		return in, nil
	})
}

// checkGroup refuses a group without a name, or with another's [G].
func (s *site) checkGroup(g group, id int) error {
	if strings.TrimSpace(g.Name) == "" {
		return badRequest("Name is required.")
	}
	if slices.ContainsFunc(s.groups, func(o group) bool { return o.ID != id && strings.EqualFold(o.Name, g.Name) }) {
		return badRequest("A group with the name '%s' already exists.", g.Name)
	}
	return nil
}

// groupSearch is GroupSearch [S].
type groupSearch struct {
	IsActive *bool
	NameLike string
	HasAppID *int
}

// searchGroups answers POST groups/search. No source says that it loads members or applications, so it loads none.
func (c *call) searchGroups() {
	q, err := read[groupSearch](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.reading(func(s *site) (any, error) {
		out := []group{}
		for _, g := range s.groups {
			if is(q.IsActive, g.IsActive) && strings.Contains(strings.ToLower(g.Name), strings.ToLower(q.NameLike)) && g.gives(q.HasAppID) {
				g.PlatformApplications = []groupApplication{}
				out = append(out, g)
			}
		}
		return out, nil
	})
}

// gives tells whether the group gives the application; nil asks for none.
func (g group) gives(app *int) bool {
	return app == nil || slices.ContainsFunc(g.PlatformApplications, func(a groupApplication) bool { return a.AppID == *app })
}

// applicationsOfGroup answers GET groups/{id}/applications.
func (c *call) applicationsOfGroup() {
	c.reading(func(s *site) (any, error) {
		g, err := c.groupOfPath(s)
		return g.PlatformApplications, err
	})
}

// addApplicationsToGroup answers POST groups/{id}/applications; the body is a list of application ids [S].
func (c *call) addApplicationsToGroup() {
	c.changeApplications(func(s *site, g *group, ids []int) error {
		next := slices.Clone(g.PlatformApplications)
		for _, id := range ids {
			k := slices.IndexFunc(s.apps, func(a application) bool { return a.AppID == id })
			if k < 0 {
				return badRequest("The application %d could not be found.", id)
			}
			if !slices.ContainsFunc(next, func(a groupApplication) bool { return a.AppID == id }) {
				next = append(next, groupApplication{g.ID, id, s.apps[k].Name, s.apps[k].AppClass})
			}
		}
		g.PlatformApplications = next
		return nil
	})
}

// removeApplicationsFromGroup answers DELETE groups/{id}/applications; the body is a list of application ids [S].
func (c *call) removeApplicationsFromGroup() {
	c.changeApplications(func(_ *site, g *group, ids []int) error {
		g.PlatformApplications = slices.DeleteFunc(slices.Clone(g.PlatformApplications), func(a groupApplication) bool {
			return slices.Contains(ids, a.AppID)
		})
		return nil
	})
}

func (c *call) changeApplications(fn func(*site, *group, []int) error) {
	ids, err := read[[]int](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		g, err := c.groupOfPath(s)
		if err != nil {
			return nil, err
		}
		if err := fn(s, &g, ids); err != nil {
			return nil, err
		}
		g.ModifiedDate = stamp(c.now())
		s.groups[g.ID-firstGroup] = g
		return note{-1, "The applications of the group have been changed."}, nil
	})
}
