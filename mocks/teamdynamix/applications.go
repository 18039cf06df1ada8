package teamdynamix

import "net/http"

// application is an OrgApplication. GET applications gives standard and platform ones together [V]; field names [S].
type application struct {
	AppID       int
	Name        string
	Description string
	Type        string
	AppClass    string
	ExternalURL string
	Active      bool
}

const (
	appStandard = "Standard"
	appPlatform = "Platform"
)

func (g *population) applications() []application {
	out := make([]application, 0, g.stdApps+len(platformApplications))
	for i, name := range g.apps {
		out = append(out, application{
			AppID: firstApp + i, Name: name, Description: "Standard application " + name, Type: appStandard, AppClass: name, Active: true,
		})
	}
	for j, app := range platformApplications {
		out = append(out, application{
			AppID: g.platformID(j), Name: app.name, Description: app.about, Type: appPlatform, AppClass: app.class, Active: true,
		})
	}
	return out
}

// applications answers GET applications.
func (c *call) applications() { c.answer(http.StatusOK, c.site.apps) }

// platform finds a platform application by id.
func (s *site) platform(id int) (application, error) {
	for _, a := range s.apps {
		if a.AppID == id && a.Type == appPlatform {
			return a, nil
		}
	}
	return application{}, badRequest("The application %d could not be found.", id)
}
