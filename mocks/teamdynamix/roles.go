package teamdynamix

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// securityRole is a global role (AppID 0) or a role within one platform application [V].
type securityRole struct {
	ID              string
	Name            string
	CreatedDate     string
	ModifiedDate    string
	UserCount       int
	AppID           int
	Permissions     []string
	LicenseType     int
	LicenseTypeName string
}

func (g *population) allRoles() []securityRole {
	out := make([]securityRole, 0, g.roles+2*len(platformApplications))
	add := func(id, name string, app, k int) {
		out = append(out, securityRole{
			ID: id, Name: name, AppID: app, Permissions: g.permissionsOf(k), LicenseType: k % 3,
			LicenseTypeName: [...]string{"None", "Technician", "Enterprise"}[k%3],
			CreatedDate:     stamp(founded), ModifiedDate: stamp(founded),
		})
	}
	for i, name := range numbered(roleNames, g.roles) {
		add(g.guid(saltRoleID, i), name, 0, i)
	}
	for j, app := range platformApplications {
		add(g.appRole(j, 0), app.name+" Agent", g.platformID(j), 100+2*j)
		add(g.appRole(j, 1), app.name+" Supervisor", g.platformID(j), 101+2*j)
	}
	return out
}

// permissionsOf gives role k a third of all permissions, in order.
func (g *population) permissionsOf(k int) []string {
	out := []string{}
	for n := range permissionCount {
		if g.draw(saltPermission, k<<8|n)%3 == 0 {
			out = append(out, strconv.Itoa(firstPermission+n))
		}
	}
	return out
}

// roleByID finds a role. The caller holds the lock.
func (s *site) roleByID(id string) (securityRole, bool) {
	k := slices.IndexFunc(s.roles, func(r securityRole) bool { return strings.EqualFold(r.ID, id) })
	if k < 0 {
		return securityRole{}, false
	}
	return s.roles[k], true
}

// securityRole answers GET securityroles/{id}.
func (c *call) securityRole() {
	c.reading(func(s *site) (any, error) {
		role, ok := s.roleByID(c.r.PathValue("id"))
		if !ok {
			return nil, notFound("The security role")
		}
		role.UserCount = s.holders(role)
		return role, nil
	})
}

// holders counts the people with a role. The caller holds the lock.
func (s *site) holders(role securityRole) int {
	n := 0
	for _, p := range s.each() {
		if role.AppID == 0 && p.SecurityRoleID == role.ID ||
			slices.ContainsFunc(p.OrgApplications, func(a orgApplication) bool { return a.SecurityRoleID == role.ID }) {
			n++
		}
	}
	return n
}

// updateSecurityRole answers PUT securityroles/{id}: name, license and permissions. The application stays.
func (c *call) updateSecurityRole() {
	in, err := read[securityRole](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		k := slices.IndexFunc(s.roles, func(r securityRole) bool { return strings.EqualFold(r.ID, c.r.PathValue("id")) })
		if k < 0 {
			return nil, notFound("The security role")
		}
		if strings.TrimSpace(in.Name) == "" {
			return nil, badRequest("Name is required.")
		}
		for _, id := range in.Permissions {
			if n, err := strconv.Atoi(id); err != nil || n < firstPermission || n >= firstPermission+permissionCount {
				return nil, badRequest("The permission '%s' could not be found.", id)
			}
		}
		role := s.roles[k]
		role.Name, role.LicenseType, role.Permissions = in.Name, in.LicenseType, orEmpty(in.Permissions)
		role.ModifiedDate = stamp(c.now())
		s.roles[k] = role
		role.UserCount = s.holders(role)
		return role, nil
	})
}

// permission is one entry of GET securityroles/permissions [S].
type permission struct {
	ID          string
	Description string
}

// permissions answers GET securityroles/permissions.
func (c *call) permissions() {
	out := make([]permission, permissionCount)
	for n := range out {
		out[n] = permission{strconv.Itoa(firstPermission + n), "Permission " + strconv.Itoa(n+1)}
	}
	c.answer(http.StatusOK, out)
}

// searchSecurityRoles answers POST securityroles/search. AppID 0, also when absent, means global roles; Permissions are not
// loaded [V], and null here.
func (c *call) searchSecurityRoles() {
	q, err := read[struct {
		NameLike      string
		AppID         int
		LicenseTypeID *int
	}](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.reading(func(s *site) (any, error) {
		out := []securityRole{}
		for _, role := range s.roles {
			if role.AppID == q.AppID && strings.Contains(strings.ToLower(role.Name), strings.ToLower(q.NameLike)) &&
				(q.LicenseTypeID == nil || *q.LicenseTypeID == role.LicenseType) {
				role.Permissions = nil
				role.UserCount = s.holders(role)
				out = append(out, role)
			}
		}
		return out, nil
	})
}
